"""Every statement is limited to the caller's organisation: read off the SQL of everything that can be asked."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from unittest.mock import patch

import pytest
from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import or_, select

import resolvers
from engine.caller import Scope
from engine.documents import Documents
from engine.engine import NO_VARIABLES, Engine
from engine.limits import Limits
from engine.publish.fields import ROLE
from engine.read.arguments import DEFINITION
from engine.read.rows import ORG
from models import Base, Role
from models.database import Statement
from schema.api import graphql_schema
from tests.support.reading.dataset import DEMO
from tests.support.reading.operations import FIELDS, OPERATIONS, ROOTS

TABLES = set(Base.metadata.tables)
NO_LIMITS = Limits(depth=100, aliases=10**6, fields=10**6, root_fields=100, tokens=10**6, cost=10**9)

SOURCE = re.compile(r"\b(?:FROM|JOIN|USING|INTO|UPDATE)\s+(?:ONLY\s+|LATERAL\s+)?([a-z_]+)(?:\s+AS\s+([a-z_0-9]+))?")
"""A table that a statement reads or writes, and the name it goes by."""

READ = re.compile(r"\bFROM ([a-z_]+) AS ([a-z_0-9]+)")
"""A table in a SELECT of its own."""

LOOKED_UP = re.compile(r"\s+LEFT OUTER JOIN LATERAL (?=\()")
"""Another record that is looked up for each row; what stands in its parentheses is a SELECT of its own."""

NAMED = re.compile(r"\s+AS [a-z_0-9]+ ON true")

LIMITED = re.compile(r"\s+WHERE ([a-z_0-9]+)\.(org_id|id) = \$(\d+)::UUID(?= AND|\s*\)|\s*$|\s+ORDER BY|\s+LIMIT)")
"""The first condition of a SELECT, and the parameter that it compares with."""


@pytest.mark.parametrize(("root", "name"), FIELDS, ids=[f"{root.name}.{name}" for root, name in FIELDS])
def test_every_root_field_says_which_role_it_needs(root: GraphQLObjectType, name: str) -> None:
    """Whoever adds a field decides who may use it."""
    assert isinstance(root.fields[name].extensions[DEFINITION].metadata[ROLE], Role)


def compiled(text: str) -> list[Statement]:
    """The statements of an operation, without a database."""
    engine = Engine(graphql_schema, None, Documents(graphql_schema, NO_LIMITS), None)  # type: ignore[arg-type]
    with patch("engine.documents.LONGEST_TEXT", 10**6):
        prepared = engine.documents._prepare(text, None)
    plan = engine._plan(prepared, NO_VARIABLES, Scope(DEMO, "tester", Role.ADMIN))
    found = [plan.compiled, *(payload.compiled for payload in (plan.payloads or {}).values())]
    return [one.statement for one in found if one is not None]


def unscoped(statement: Statement) -> list[str]:
    """The tables of a read that are not compared with the caller's organisation first of all."""
    found = {(table, alias) for table, alias in SOURCE.findall(statement.sql) if table in TABLES}
    scoped = set()
    for read in READ.finditer(statement.sql):
        table, alias = read.groups()
        limited = LIMITED.match(statement.sql, past_joins(statement.sql, read.end()))
        key = "id" if table == "organisation" else "org_id"
        if limited and limited[1] == alias and limited[2] == key and statement.names[int(limited[3]) - 1] == "org_id":
            scoped.add((table, alias))
    return [f"{table} {alias}" for table, alias in found - scoped]


def past_joins(sql: str, at: int) -> int:
    """Where a SELECT goes on behind the records that are looked up for its rows."""
    while join := LOOKED_UP.match(sql, at):
        depth, at = 1, join.end() + 1
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[at], 0)
            at += 1
        named = NAMED.match(sql, at)
        assert named is not None
        at = named.end()
    return at


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_table_of_a_read_is_limited_to_the_organisation(operation: str) -> None:
    """Each table stands in a SELECT of its own, and its rows are compared with the caller's organisation."""
    for statement in compiled(OPERATIONS[operation]):
        assert unscoped(statement) == []


def test_the_operations_ask_for_everything() -> None:
    """No field of the schema stays unseen by the test above."""
    asked = "\n".join(OPERATIONS.values())
    types = [type_ for type_ in graphql_schema.type_map.values() if isinstance(type_, GraphQLObjectType)]
    reachable = {get_named_type(field.type) for type_ in types for field in type_.fields.values()}
    for type_ in types:
        shared = {key for interface in type_.interfaces for key in interface.fields}
        if type_ not in ROOTS and not type_.name.startswith("__") and (type_ in reachable or type_.interfaces):
            assert [
                key for key in type_.fields if key not in shared and f"{type_.name}_{key}: {key}" not in asked
            ] == []


def statements() -> Mapping[str, Statement]:
    """Every statement that changes and look-ups keep ready, by its name."""
    found: dict[str, Statement] = {}
    for module in pkgutil.iter_modules(resolvers.__path__):
        for name, value in vars(importlib.import_module(f"resolvers.{module.name}")).items():
            named = value if isinstance(value, dict) else {"": value}
            found |= {f"{module.name}.{name} {key}": one for key, one in named.items() if isinstance(one, Statement)}
    return found


ACROSS = {"access.WITHDRAWN ", "feed.HEADS ", "history.OLD ", "overdue.LATE "}
"""Statements of the server itself, on behalf of no caller: who may no longer ask, and which
organisations have something new, old or late."""

STATEMENTS = {name: one for name, one in statements().items() if name not in ACROSS}


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_of_a_change_names_the_organisation(name: str) -> None:
    """As often as it reads or writes a table it says of which organisation, and that is the caller's."""
    statement = STATEMENTS[name]
    used = [table for table, _ in SOURCE.findall(statement.sql) if table in TABLES]
    assert len(re.findall(r"\borg_id\b|\borganisation(?:\.id\b| \(id\b|\s+WHERE id\b)", statement.sql)) >= len(used)
    assert "org_id" in statement.names or not used


def test_a_table_without_the_organisation_is_noticed() -> None:
    """The test of reads fails on no condition, on another one, and on one that is only an alternative."""
    lead = Base.metadata.tables["lead"].alias("lead_1")
    for wrong in (
        select(lead.c.id),
        select(lead.c.id).where(lead.c.id == ORG),
        select(lead.c.id).where(or_(lead.c.org_id == ORG, lead.c.version == 1)),
        select(lead.c.id).where(lead.c.org_id != ORG),
    ):
        assert unscoped(Statement(wrong)) == ["lead lead_1"]
    assert unscoped(Statement(select(lead.c.id).where(lead.c.org_id == ORG))) == []
