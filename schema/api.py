"""The schema: the roots and the scalars, put together."""

import strawberry
from graphql import GraphQLSchema, print_schema
from strawberry.schema.config import StrawberryConfig

from schema.contact import Contact, Customer
from schema.lead import Lead
from schema.member import Member
from schema.mutation import Mutation
from schema.pipeline import Pipeline
from schema.query import Query
from schema.scalars import SCALARS
from schema.stage import Stage
from schema.subscription import Subscription
from schema.task import Task

api = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Pipeline, Stage, Lead, Contact, Customer, Task, Member],
    config=StrawberryConfig(scalar_map=SCALARS),
)

graphql_schema: GraphQLSchema = api._schema
"""The same as graphql-core sees it: what documents are validated against."""


def sdl() -> str:
    """The schema in GraphQL's schema definition language, as committed in `schema.graphql`."""
    return print_schema(graphql_schema) + "\n"
