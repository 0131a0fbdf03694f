"""What tests share: a real PostgreSQL, one database a worker, and the API through its engine."""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from models import Base, Role
from models.database import Database
from models.migrate import migrate
from resolvers.feed import Feed
from resolvers.scope import Scope
from schema.api import graphql_schema
from schema.documents import Documents
from schema.engine import Engine
from schema.limits import Limits
from server.postgres import embedded

Api = Callable[..., Awaitable[dict[str, Any]]]


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
        yield database


@pytest.fixture
async def database(migrated: Database) -> Database:
    """An empty database. Commits are real; every table is emptied before the next test."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    await migrated.pool.execute(f"TRUNCATE {tables} CASCADE")
    return migrated


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine over the empty database, with wake-ups in this process."""
    async with Feed.open(database, poll_seconds=30) as feed:
        yield Engine(graphql_schema, database, Documents(graphql_schema, Limits()), feed)


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
        scope = Scope(organisation, subject, role)
        answer = await engine.execute(engine.documents.prepare(query), variables, scope)
        body: dict[str, Any] = orjson.loads(answer.body)
        return body

    return call
