"""Every statement is limited to the caller's organisation, which is read from the SQL of every possible operation."""

from unittest.mock import patch

import pytest
from graphql import GraphQLObjectType, get_named_type

from engine.documents import Documents
from engine.limits import Limits
from engine.operations import NO_VARIABLES
from engine.plans import make_plan
from engine.publish.fields import ROLE
from engine.read.arguments import DEFINITION
from models import Role
from models.database import Statement
from schema.api import graphql_schema
from tests.support.reading.operations import FIELDS, OPERATIONS, ROOTS
from tests.support.sql.tenancy import unlimited

NO_LIMITS = Limits(depth=100, aliases=10**6, fields=10**6, root_fields=100, tokens=10**6, cost=10**9)


@pytest.mark.parametrize(("root", "name"), FIELDS, ids=[f"{root.name}.{name}" for root, name in FIELDS])
def test_every_root_field_says_which_role_it_needs(root: GraphQLObjectType, name: str) -> None:
    """Each root field of the schema declares the role that it requires."""
    assert isinstance(root.fields[name].extensions[DEFINITION].metadata[ROLE], Role)


def compiled(text: str) -> list[Statement]:
    """The statements of an operation, without a database."""
    with patch("engine.documents.LONGEST_TEXT", 10**6):
        prepared = Documents(graphql_schema, NO_LIMITS)._prepare(text, None)
    plan = make_plan(graphql_schema, prepared, NO_VARIABLES, NO_LIMITS.fields)
    found = [plan.compiled, *(payload.compiled for payload in (plan.payloads or {}).values())]
    return [one.statement for one in found if one is not None]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_table_of_a_read_is_limited_to_the_organisation(operation: str) -> None:
    """A query, the payload of a change and the events of a subscription return rows of the caller's organisation
    only."""
    for statement in compiled(OPERATIONS[operation]):
        assert unlimited(statement.sql, lambda number: statement.names[number - 1] == "org_id") == []  # noqa: B023


def test_the_operations_ask_for_everything() -> None:
    """The operations of the test above select each field of the schema."""
    asked = "\n".join(OPERATIONS.values())
    types = [type_ for type_ in graphql_schema.type_map.values() if isinstance(type_, GraphQLObjectType)]
    reachable = {get_named_type(field.type) for type_ in types for field in type_.fields.values()}
    for type_ in types:
        shared = {key for interface in type_.interfaces for key in interface.fields}
        if type_ not in ROOTS and not type_.name.startswith("__") and (type_ in reachable or type_.interfaces):
            assert [
                key for key in type_.fields if key not in shared and f"{type_.name}_{key}: {key}" not in asked
            ] == []
