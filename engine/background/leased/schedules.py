"""Work that comes again and again: at each time of a schedule, its owner asks for a run whose key is that time."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, DateTime, Text, bindparam, text

from engine.background.leased.asking import WorkAsked, ask
from engine.background.leased.kinds import WorkKind
from engine.read.rows import ORG
from models.database import Connection, Database, Row, Statement
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.runs")

MOST_DUE = 100
"""Schedules of one look."""

MOST_TIMES = 500
"""Times of a schedule that are made up for at once; the next look makes up for more."""

GRACE = timedelta(seconds=60)
"""How late a time may be met and is not yet missed."""

OWNER = bindparam("owner", type_=Text())
NEXT = bindparam("next_at", type_=DateTime(timezone=True))

SET = Statement(
    text(
        """
        INSERT INTO schedule (org_id, owner, kind, input, rule, missed, next_at)
        VALUES (:org_id, :owner, :kind, CAST(:input AS jsonb), :rule, :missed, :next_at)
        ON CONFLICT (org_id, owner) DO UPDATE SET kind = excluded.kind, input = excluded.input, rule = excluded.rule,
            missed = excluded.missed, next_at = excluded.next_at
        """
    ).bindparams(ORG, OWNER, NEXT)
)

UNSET = Statement(text("DELETE FROM schedule WHERE org_id = :org_id AND owner = :owner").bindparams(ORG, OWNER))

DUE = Statement(
    text(
        """
        SELECT schedule.org_id, schedule.owner
        FROM schedule JOIN organisation AS own ON own.id = schedule.org_id AND own.suspended_at IS NULL
        WHERE schedule.kind = ANY(:kinds) AND schedule.next_at <= statement_timestamp()
        ORDER BY schedule.next_at LIMIT CAST(:most AS int)
        """
    ).bindparams(bindparam("kinds", type_=ARRAY(Text())))
)

TAKE_SCHEDULE = Statement(
    text(
        """
        SELECT owner, kind, input, rule, missed, next_at, statement_timestamp() AS now FROM schedule
        WHERE org_id = :org_id AND owner = :owner AND next_at <= statement_timestamp() FOR UPDATE SKIP LOCKED
        """
    ).bindparams(ORG, OWNER)
)

GO_ON = Statement(
    text("UPDATE schedule SET next_at = :next_at WHERE org_id = :org_id AND owner = :owner").bindparams(
        ORG, OWNER, NEXT
    )
)


class MissedTimes(StrEnum):
    """What is done of a schedule's times at which no worker ran."""

    NONE = "NONE"
    ONCE = "ONCE"
    ALL = "ALL"


@dataclass(frozen=True)
class WorkSchedule:
    """Work that an owner wants at each time of a rule, which the kind understands. An owner has at most one."""

    kind: str
    owner: str
    rule: str
    next_at: datetime
    given: Mapping[str, Any] = field(default_factory=dict)
    missed: MissedTimes = MissedTimes.ONCE


async def set_schedule(connection: Connection, org_id: UUID, wanted: WorkSchedule) -> None:
    """Set the schedule of an owner, in the transaction of the connection."""
    given = orjson.dumps(dict(wanted.given), default=str).decode()
    held = {name: getattr(wanted, name) for name in ("owner", "kind", "rule", "next_at")}
    await SET.run(connection, org_id=org_id, input=given, missed=wanted.missed.value, **held)


async def unset_schedule(connection: Connection, org_id: UUID, owner: str) -> None:
    """Remove the schedule of an owner. What it has asked for stays."""
    await UNSET.run(connection, org_id=org_id, owner=owner)


async def fire_due(database: Database, kinds: Mapping[str, WorkKind]) -> None:
    """Ask for the work of all schedules whose time has come."""
    async with database.acquire() as connection:
        found = await DUE.all(connection, kinds=list(kinds), most=MOST_DUE)
    for row in found:
        try:
            async with database.transaction(BACKGROUND) as connection:
                await _fire(connection, row["org_id"], row["owner"], kinds)
        except ValueError:
            log.exception("the schedule %s of the organisation %s ends, its rule is wrong", row["owner"], row["org_id"])
            async with database.acquire() as connection:
                await GO_ON.run(connection, org_id=row["org_id"], owner=row["owner"], next_at=None)


async def _fire(connection: Connection, org_id: UUID, owner: str, kinds: Mapping[str, WorkKind]) -> None:
    found = await TAKE_SCHEDULE.first(connection, org_id=org_id, owner=owner)
    if found is None:
        return  # another process has it
    kind = kinds[found["kind"]]
    times = list(_passed(kind, found))
    given = orjson.loads(found["input"])
    asked = [WorkAsked(kind.name, owner, at.isoformat(), given) for at in _wanted(times, found)]
    await GO_ON.run(connection, org_id=org_id, owner=owner, next_at=kind.next_time(found["rule"], times[-1]))
    await ask(connection, org_id, asked)


def _passed(kind: WorkKind, found: Row) -> Iterator[datetime]:
    """The times that have come since the last one."""
    at: datetime | None = found["next_at"]
    for _ in range(MOST_TIMES):
        if at is None or at > found["now"]:
            return
        yield at
        at = kind.next_time(found["rule"], at)


def _wanted(times: list[datetime], found: Row) -> list[datetime]:
    """The times to make up for: all, the last of them, or only what is not missed."""
    if found["missed"] == MissedTimes.ALL:
        return times
    if found["missed"] == MissedTimes.ONCE:
        return times[-1:]
    return [at for at in times[-1:] if found["now"] - at <= GRACE]
