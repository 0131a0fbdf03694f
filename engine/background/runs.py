"""Runs: changes that are too large for one request, and are made in batches.

A change starts a run instead of making all of itself. `RunKind` says how a batch of it is made; `runner.py` beside this
file makes one batch after the other, each an ordinary change with its events.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from engine.caller import Caller
from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
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
