"""Fixtures for all tests: a real PostgreSQL, one database per worker, and the API through its engine."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.bounds.shares import Shares
from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Plans
from models import Base, Role
from models.database import Database
from models.migrate import migrate
from resolvers.domain import CRM
from schema.api import graphql_schema
from server.process.postgres import embedded
from tests.support.api import ENDLESS, Api, BoundStatement
from tests.support.servers.receivers import outlet
from tests.support.world import World, build

pytest_plugins = [f"tests.support.fixtures.{name}" for name in ("reading", "live", "server", "webhooks")]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of this worker's own, or the server that DEALBOARD_TEST_DATABASE_URL names."""
    given = os.environ.get("DEALBOARD_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="dealboard-test-", ignore_cleanup_errors=True) as folder,
        embedded(Path(folder)) as url,
    ):
        yield url


@pytest.fixture(scope="session")
async def migrated(postgres_url: str) -> AsyncIterator[Database]:
    """The migrated database of this worker."""
    await migrate(postgres_url)
    async with Database.open(postgres_url, max_size=20) as database:
        if "DEALBOARD_TEST_DATABASE_URL" not in os.environ:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                await database.pool.execute(f"ALTER SYSTEM SET {setting} = off")  # nothing here outlives the tests
            await database.pool.execute("SELECT pg_reload_conf()")
        yield database


@pytest.fixture
async def database(migrated: Database) -> Database:
    """An empty database. Commits are real; every table is emptied before the next test."""
    # TRUNCATE creates new files for each table and index, which takes ten times as long for the few rows of a test. As
    # a replica, PostgreSQL skips the foreign key checks, which would take a minute in tests with many rows.
    async with migrated.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("; ".join(f"DELETE FROM {table.name}" for table in Base.metadata.sorted_tables))
    return migrated


@pytest.fixture(scope="session")
def compiled() -> BoundStatement:
    """Documents and plans depend on nothing but the schema: each is compiled once per worker, not once per test."""
    documents = Documents(graphql_schema, Limits())
    return documents, Plans(graphql_schema, documents.limits, allowance=ENDLESS)


@pytest.fixture
async def engine(database: Database, compiled: BoundStatement) -> AsyncIterator[Engine]:
    """The engine over the empty database, with wake-ups in this process."""
    documents, plans = compiled
    async with Feed.open(database, replace(CRM, outlet=outlet(documents)), poll_seconds=30) as feed:
        # A test may ask for hundreds of things at once beside others that keep the machine busy: nothing is refused.
        yield Engine(graphql_schema, database, documents, feed, plans, shares=Shares(20, wait=600))


@pytest.fixture
def api(engine: Engine) -> Api:
    """Runs a query or mutation and returns the whole response body."""

    async def call(
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        role: Role = Role.ADMIN,
        organisation: str = "demo",
        subject: str = "tester",
    ) -> dict[str, Any]:
        caller = Caller(organisation, subject, role)
        answer = await engine.execute(engine.documents.prepare(query), variables, caller)
        body: dict[str, Any] = orjson.loads(answer.body)
        return body

    return call


@pytest.fixture
async def world(api: Api, database: Database) -> World:
    """The caller's organisation, in which tests change things."""
    return await build(api, database, "demo")


@pytest.fixture
async def strangers(api: Api, database: Database) -> World:
    """Another organisation, of the same shape."""
    return await build(api, database, "strangers")
