"""The database that a process runs on: embedded or external, migrated and open; and tokens signed here."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import jwt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.database import Database, ignore
from models.migrate import migrate
from models.rules.roles import Role
from resolvers.changes.missing_values import fill
from server.observe.metrics import Metrics
from server.process.supervised import supervised
from server.settings import Settings, WrongSettings

DEMO_ORGANISATION = "demo"
DEMO_SUBJECT = "demo-admin"
OLDEST_POSTGRES = 150_000


@asynccontextmanager
async def open_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database; an embedded one is started, kept running, and stopped at the end."""
    if settings.database_url:
        yield settings.database_url
        return
    async with supervised(settings.data_dir) as url:
        yield url


@asynccontextmanager
async def open_migrated(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database: started if embedded, and migrated. Raises `WrongSettings`."""
    async with open_url(settings) as url:
        await _expect_usable(url)
        await migrate(url)
        await _fill_values(settings, url)
        yield url


def connect(settings: Settings, url: str, metrics: Metrics | None = None) -> AbstractAsyncContextManager[Database]:
    """Open the database at the URL with the pool that the settings describe."""
    return Database.open(
        url,
        max_size=settings.pool_size,
        statement_cache_size=settings.statement_cache_size,
        read_timeout=settings.read_timeout,
        change_timeout=settings.change_timeout,
        connection_lifetime=settings.connection_lifetime,
        plan_cache_mode=settings.plan_cache_mode,
        waited=metrics.waited if metrics else ignore,
        ran=metrics.ran if metrics else ignore,
    )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database of the settings: started if embedded, migrated and open. Raises `WrongSettings`."""
    async with open_migrated(settings) as url, connect(settings, url) as database:
        yield database


async def _fill_values(settings: Settings, url: str) -> None:
    """Write what searches, sorted lists and events need where an upgrade has left rows without: shown, because it takes
    minutes."""
    bar = Progress(
        TextColumn("Filling in what earlier versions did not store"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    async with connect(settings, url) as database, database.acquire() as connection:
        task = None

        def show(done: int, of: int) -> None:
            nonlocal task
            if task is None:
                bar.start()
                task = bar.add_task("rows", total=of)
            bar.advance(task, done)

        try:
            await fill(connection, show, keeps_log=settings.keep_change_log)
        finally:
            if task is not None:
                bar.stop()


async def _expect_usable(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)  # it may be a pooler
    except (OSError, ValueError, asyncpg.PostgresError, TimeoutError) as error:
        raise WrongSettings(
            f"DEALBOARD_DATABASE_URL: cannot connect ({type(error).__name__}: {error})."
            " Check the address and that PostgreSQL runs, or unset it to use the embedded one."
        ) from error
    try:
        version = int(await connection.fetchval("SHOW server_version_num"))
    finally:
        await connection.close()
    if version < OLDEST_POSTGRES:
        raise WrongSettings(f"DEALBOARD_DATABASE_URL: this PostgreSQL is version {version // 10_000}. Use 15 or later.")


def make_token(
    settings: Settings, *, organisation: str, subject: str, role: Role, lifetime: timedelta, name: str | None = None
) -> str:
    """A token signed with the secret of the settings. Raises `WrongSettings` without one."""
    if not settings.jwt_secret:
        raise WrongSettings("DEALBOARD_JWT_SECRET: set it to sign tokens here.")
    claims = {
        settings.claim_subject: subject,
        settings.claim_organisation: organisation,
        settings.claim_role: role.value.lower(),
        "iat": datetime.now(UTC),
        "exp": datetime.now(UTC) + lifetime,
    }
    if name:
        claims[settings.claim_name] = name
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, settings.jwt_secret, algorithm="HS256")
