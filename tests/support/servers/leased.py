"""A kind of work that writes down each time it is done, and `dealboard work` with it: run this as a module.

What it writes has no key, so that work that is done twice is seen.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from subprocess import Popen
from uuid import UUID

import uvloop

from engine.background.leased.asking import WorkAsked, ask
from engine.background.leased.kinds import Later, WorkKind
from engine.background.leased.leased_run import LeasedRun
from models.database import Database
from resolvers.domain import CRM
from server.background.worker import work
from server.settings import load_settings
from tests.support.servers.worker_processes import worker_of

HELD = 78
"""The number of the advisory lock that the work waits for, before it writes."""


async def greet(run: LeasedRun) -> Later | None:
    """Write down whom to greet, exactly once, after a wait for what a test holds."""
    async with run.database.transaction(60) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", HELD)
    async with run.transaction() as connection:
        await connection.execute(
            "INSERT INTO greeted (org_id, name, attempt) VALUES ($1, $2, $3)", run.org_id, run.key, run.attempt
        )
        await run.finish(connection)
    return None


GREETING = WorkKind("greeting", greet, at_most=20)


@asynccontextmanager
async def greetings(database: Database) -> AsyncIterator[None]:
    """The table that it writes to."""
    await database.pool.execute("CREATE TABLE greeted (nth BIGSERIAL, org_id UUID, name TEXT, attempt BIGINT)")
    try:
        yield
    finally:
        await database.pool.execute("DROP TABLE greeted")


async def asked(database: Database, org_id: UUID, names: Sequence[str], kind: str = "greeting") -> int:
    """Ask for these to be greeted."""
    async with database.transaction(60) as connection:
        return await ask(connection, org_id, [WorkAsked(kind, "tests", name) for name in names])


def greeting(url: str, environment: dict[str, str], *kinds: str) -> AbstractContextManager[tuple[Popen[str], str]]:
    """A process of `dealboard work` that does this work, until it is stopped; and the address of its probes."""
    return worker_of("tests.support.servers.leased", *kinds, url=url, environment=environment)


if __name__ == "__main__":
    domain = replace(CRM, consumers=(), kinds=(GREETING,))
    uvloop.run(work(load_settings(), lambda address: print(f"working {address}"), domain, sys.argv[1:] or None))
