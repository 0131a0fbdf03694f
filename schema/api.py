"""The schema, assembled from the root types and the scalars."""

import strawberry
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, print_schema
from strawberry.schema.config import StrawberryConfig

from engine.bounds.cost import ROWS, TEST_ROWS
from engine.publish.fields import EXPECTED_ROWS, ROWS_PER_TEST
from engine.publish.node import Node
from engine.publish.scalars import SCALARS
from engine.read.arguments import DEFINITION
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.types.event import EVENTS

api = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[*Node.__subclasses__(), *EVENTS],  # types that no field names directly
    config=StrawberryConfig(scalar_map=SCALARS),
)

graphql_schema: GraphQLSchema = api._schema
"""The same schema for graphql-core, against which documents are validated."""

for type_ in graphql_schema.type_map.values():
    if isinstance(type_, GraphQLInputObjectType):
        # Strawberry checks it by a rule of its own, so it is printed, validated and coerced as the standard requires.
        type_.is_one_of = type_.extensions[DEFINITION].is_one_of
    for published in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
        definition = published.extensions.get(DEFINITION)
        if definition is not None and (expected := definition.metadata.get(EXPECTED_ROWS)):
            published.extensions[ROWS] = expected
        if definition is not None and (expected := definition.metadata.get(ROWS_PER_TEST)):
            published.extensions[TEST_ROWS] = expected


def sdl() -> str:
    """The schema in GraphQL's schema definition language, as committed in `schema.graphql`."""
    return print_schema(graphql_schema) + "\n"
