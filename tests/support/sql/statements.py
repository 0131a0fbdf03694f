"""Every prepared statement of the product, by its name, and what it locks."""

import dataclasses
import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, NamedTuple

from asyncpg.connection import LoggedQuery
from pglast import ast, parse_sql
from pglast.enums import LockClauseStrength, OnConflictAction

import engine
import models
import resolvers
import schema
import server
from models.database import STATEMENTS, Database, Statement

OTHER_PROGRAMS = ("models.migrations", "server.__main__")
"""Modules that run a program when they are imported."""


def statements() -> Iterator[tuple[str, Statement]]:
    """The statements in the globals of all modules: alone, in a mapping, in a list or in a field of a dataclass."""
    for package in (models, engine, resolvers, schema, server):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(OTHER_PROGRAMS):
                for name, value in vars(importlib.import_module(module.name)).items():
                    yield from held(f"{module.name}.{name}", value)


def held(name: str, value: Any) -> Iterator[tuple[str, Statement]]:
    """The statements inside a value."""
    if isinstance(value, Statement):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from held(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for nth, inner in enumerate(value):
            yield from held(f"{name}.{nth}", inner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for part in dataclasses.fields(value):
            yield from held(f"{name}.{part.name}", getattr(value, part.name))


NAMED: Mapping[str, Statement] = dict(statements())
"""Every statement in a module, by each name that leads to it, such as `….merge_kinds.LEAD.point.tasks`."""

REGISTERED = frozenset(STATEMENTS)
"""Every statement that exists once all modules are imported, before any request."""


class Lock(NamedTuple):
    """A table whose rows a statement locks, and how: with a verb of `VERBS`, or by writing them."""

    table: str
    verb: str


VERBS = {
    LockClauseStrength.LCS_FORKEYSHARE: "KEEP",
    LockClauseStrength.LCS_FORSHARE: "SHARE",
    LockClauseStrength.LCS_FORNOKEYUPDATE: "LOCK",
    LockClauseStrength.LCS_FORUPDATE: "TAKE",
}
"""The first word of a statement that locks, by the strength of its lock, weakest first."""

WRITES = "WRITE"


@cache
def locks(sql: str) -> tuple[Lock, ...]:
    """What a statement locks, in the order in which it is written. Rows that an INSERT adds do not count: nobody else
    sees them."""
    return tuple(lock for statement in parse_sql(sql) for lock in _locks(statement.stmt))


def _locks(node: Any) -> Iterator[Lock]:
    if isinstance(node, tuple | list):
        for one in node:
            yield from _locks(one)
    if not isinstance(node, ast.Node):
        return
    yield from _locks(getattr(node, "withClause", None))
    for name in node:
        if name not in ("withClause", "lockingClause"):
            yield from _locks(getattr(node, name))
    match node:
        case ast.SelectStmt():
            for clause in node.lockingClause or ():
                named = [relation.relname for relation in clause.lockedRels or ()]
                for alias, table in _tables(node.fromClause):
                    if not named or alias in named:
                        yield Lock(table, VERBS[clause.strength])
        case ast.UpdateStmt() | ast.DeleteStmt():
            yield Lock(node.relation.relname, WRITES)
        case ast.InsertStmt():
            conflict = node.onConflictClause
            if conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
                yield Lock(node.relation.relname, WRITES)


def _tables(items: Any) -> Iterator[tuple[str, str]]:
    """The alias and the name of each table in a FROM."""
    for item in items or ():
        match item:
            case ast.RangeVar():
                yield (item.alias.aliasname if item.alias else item.relname), item.relname
            case ast.JoinExpr():
                yield from _tables((item.larg, item.rarg))
            case ast.RangeSubselect():
                yield from _tables(item.subquery.fromClause)


@asynccontextmanager
async def recorded(database: Database) -> AsyncIterator[list[LoggedQuery]]:
    """All statements sent to PostgreSQL while the block runs, on the connections that the pool has at its start."""
    ran: list[LoggedQuery] = []
    await database.spare.clear()
    connections = [await database.pool.acquire() for _ in range(database.pool.get_size())]
    for connection in connections:
        connection.add_query_logger(ran.append)
        await database.pool.release(connection)
    try:
        yield ran
    finally:
        await database.spare.clear()
        connections = [await database.pool.acquire() for _ in range(database.pool.get_size())]
        for connection in connections:
            connection.remove_query_logger(ran.append)
            await database.pool.release(connection)
