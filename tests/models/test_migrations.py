"""The migrations create exactly the tables that the models describe."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from models import Base
from models.migrate import asyncpg_url, migrate
from tests.support.sql.revision import current


@pytest.fixture
async def empty_url(postgres_url: str):
    """A database without tables."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS migrations_test")
        await connection.execute("CREATE DATABASE migrations_test")
        yield urlsplit(postgres_url)._replace(path="/migrations_test").geturl()
        await connection.execute("DROP DATABASE migrations_test WITH (FORCE)")
    finally:
        await connection.close()


async def test_migrated_tables_equal_the_models(empty_url: str) -> None:
    """Alembic finds nothing to change in tables, columns, defaults, indexes and keys."""

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, Base.metadata)

    await migrate(empty_url)
    engine = create_async_engine(asyncpg_url(empty_url))
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_check_constraints_equal_the_models(empty_url: str) -> None:
    """Alembic does not compare check constraints, so they are compared by name here."""
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    rows = await connection.fetch("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0")
    await connection.close()
    expected = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert {row["conname"] for row in rows} == expected


async def test_two_processes_migrate_at_once(empty_url: str) -> None:
    """One migrates, the others wait and find nothing to do; doing it again changes nothing."""
    assert not await current(empty_url)
    await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert await current(empty_url)
    await migrate(empty_url)
    assert await current(empty_url)
