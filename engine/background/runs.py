"""Runs: changes that are too large for one request, and are made in batches.

A change starts a run instead of making all of itself. `RunKind` says how a batch of it is made; `runner.py` beside this
file makes one batch after the other, each an ordinary change with its events.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import DateTime, bindparam, text

from engine.caller import Caller
from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Database, Row, Statement
from models.rules.roles import Role
from models.tables.base import new_id

Given = Mapping[str, Any]
"""What a run was started with, by field. Ids are UUIDs, or None."""

START = Statement(
    text(
        """
        INSERT INTO run (org_id, id, kind, input, total, made_by_id)
        VALUES (:org_id, :id, :kind, CAST(:input AS jsonb), :total, :made_by_id)
        """
    ).bindparams(ORG, ID)
)


WITH_ENDED = Statement(
    text("SELECT DISTINCT org_id FROM run WHERE finished_at < :before").bindparams(
        bindparam("before", type_=DateTime(timezone=True))
    )
)
"""The organisations with runs that ended before an instant, from an index of these instants."""

FORGET = Statement(
    text(
        """
        DELETE FROM run WHERE org_id = :org_id AND id = ANY(ARRAY(
            SELECT id FROM run WHERE org_id = :org_id AND finished_at < :before ORDER BY finished_at
            LIMIT CAST(:size AS int)
        )) RETURNING id
        """
    ).bindparams(ORG, bindparam("before", type_=DateTime(timezone=True)))
)


@dataclass(frozen=True)
class Step:
    """What a batch has done: so many records, and whether it was the last one."""

    count: int
    is_last: bool = False


@dataclass(frozen=True)
class RunKind:
    """How runs of one kind are made.

    - `batch`: makes the next batch, given what the run was started with and how many records are done. Raises
      `Refused`; then the batch has changed nothing, and the run has failed.
    - `give_up`: takes back what the start has set aside for a run that has failed.
    """

    batch: Callable[[Change, Given, int], Awaitable[Step]]
    give_up: Callable[[Change, Given], Awaitable[None]]


async def start(change: Change, given: Given, total: int, id: UUID | None = None) -> UUID:
    """Start a run of this change, on behalf of its caller. Returns its id."""
    id = id or new_id()
    caller = {"organisation": change.caller.organisation, "subject": change.caller.subject, "role": change.caller.role}
    held = {
        "caller": caller,
        "ids": {name: value for name, value in given.items() if value is None or isinstance(value, UUID)},
        "values": {name: value for name, value in given.items() if not (value is None or isinstance(value, UUID))},
    }
    await change.run(
        START,
        id=id,
        kind=change.mutation,
        input=orjson.dumps(held, default=str).decode(),
        total=total,
        made_by_id=change.actor_id,
    )
    return id


def caller_of(run: Row) -> Caller:
    """The caller who started a run."""
    held = orjson.loads(run["input"])["caller"]
    return Caller(held["organisation"], held["subject"], Role(held["role"]))


def given_of(run: Row) -> Given:
    """What a run was started with."""
    held = orjson.loads(run["input"])
    return {**held["values"], **{name: value and UUID(value) for name, value in held["ids"].items()}}


async def forget_ended(database: Database, before: datetime, batch: int, between: float) -> None:
    """Delete the runs that ended before this instant, in batches with a pause between them."""
    async with database.acquire() as connection:
        found = await WITH_ENDED.all(connection, before=before)
    for row in found:
        deleted = batch
        while deleted == batch:
            async with database.acquire() as connection:
                given = {"org_id": row["org_id"], "before": before, "size": batch}
                deleted = len(await FORGET.all(connection, **given))
            await asyncio.sleep(between)
