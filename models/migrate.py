"""Upgrades a database, whatever its version, to the tables of this one, through alembic."""

import asyncio
from functools import cache
from importlib.resources import files
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from models import database

LOCK = 7_305_501_144
"""The advisory lock that lets one process migrate at a time."""


class UnknownRevision(Exception):
    """The database is at a revision that this version does not have: a newer version has upgraded it."""

    def __init__(self, revision: str, newest: str | None) -> None:
        super().__init__(
            f"The database is at revision {revision}, which a newer version of Dealboard created; this one ends at"
            f" {newest}. Start the newer version, or restore the backup from before its upgrade."
        )


def _configuration(connection: Connection | None = None) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(files("models") / "migrations"))
    configuration.attributes["connection"] = connection
    return configuration


def _upgrade(connection: Connection, revision: str) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    configuration = _configuration(connection)
    script = ScriptDirectory.from_config(configuration)
    found = _version(connection)
    if found is not None and found not in {known.revision for known in script.walk_revisions()}:
        raise UnknownRevision(found, script.get_current_head())
    command.upgrade(configuration, revision)


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def migrate(url: str, revision: str = "head") -> None:
    """Create or upgrade the tables. Does nothing when they are current; waits while another process migrates.

    `revision` stops at that revision, for tests of the upgrade from it. Raises `UnknownRevision`.
    """
    # Behind a pooler, a session may hold the statements of another process: no two of them have the same name.
    options = {"statement_cache_size": 0, "prepared_statement_name_func": lambda: f"dealboard_{uuid4().hex}"}
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool, connect_args=options)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


async def is_current(connection: database.Connection) -> bool:
    """Whether the tables are those of this version: one statement."""
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    return found == newest()


@cache
def newest() -> str | None:
    """The revision of this version."""
    return ScriptDirectory.from_config(_configuration()).get_current_head()


def asyncpg_url(url: str) -> str:
    """The URL as SQLAlchemy wants it for asyncpg."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


def migrate_now(url: str) -> None:
    """`migrate`, for callers without an event loop."""
    asyncio.run(migrate(url))
