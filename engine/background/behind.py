"""How far consumers are behind: which organisations have events that a consumer has not handled, and how many.

The statements are of all organisations, so they are no part of a request, and what they cost does not grow with the
organisations that have nothing to do.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from engine.background.consumers import MANY_FAILURES
from models.database import Database, Row, Statement
from models.tables.base import utc_now

PAGE = 500
"""Organisations that one look asks for."""

FIRST = UUID(int=0)
"""Before all organisations, whose ids come in this order."""

_BEHIND = """
    wanted.name, log.head, log.tail, consumer.position, consumer.state, consumer.failures,
    coalesce(consumer.retry_at > statement_timestamp(), false) AS waits,
    (
        SELECT occurred_at FROM event
        WHERE event.org_id = log.org_id AND event.number > consumer.position ORDER BY event.number LIMIT 1
    ) AS since
"""

_NOT_DONE = "(consumer.position IS NULL OR consumer.position < log.head OR consumer.state <> 'RUNNING')"

NAMES = bindparam("names", type_=ARRAY(Text()))

FIND = Statement(
    text(
        f"""
        SELECT log.org_id, {_BEHIND}
        FROM event_log AS log
        JOIN organisation AS own ON own.id = log.org_id AND own.suspended_at IS NULL
        CROSS JOIN unnest(:names) AS wanted (name)
        LEFT JOIN consumer ON consumer.org_id = log.org_id AND consumer.name = wanted.name
        WHERE log.org_id = ANY(:org_ids) AND {_NOT_DONE}
        """
    ).bindparams(NAMES, bindparam("org_ids", type_=ARRAY(Uuid())))
)
"""Which consumers of these organisations are behind, have no row yet, or have expired."""

LOOK = Statement(
    text(
        f"""
        SELECT log.org_id, own.suspended_at IS NOT NULL AS suspended, page.next_after, {_BEHIND}
        FROM (SELECT org_id, head, tail FROM event_log WHERE org_id > :after ORDER BY org_id LIMIT {PAGE}) AS log
        CROSS JOIN (
            SELECT (
                SELECT org_id FROM event_log WHERE org_id > :after ORDER BY org_id OFFSET {PAGE - 1} LIMIT 1
            ) AS next_after
        ) AS page
        JOIN organisation AS own ON own.id = log.org_id
        CROSS JOIN unnest(:names) AS wanted (name)
        LEFT JOIN consumer ON consumer.org_id = log.org_id AND consumer.name = wanted.name
        WHERE {_NOT_DONE} OR log.org_id = page.next_after
        """
    ).bindparams(NAMES, bindparam("after", type_=Uuid()))
)
"""The same of the next organisations after an id, with the last one of them, whatever its consumers are, if the page is
full: the next look goes on there."""

Key = tuple[UUID, str]
"""An organisation and the name of a consumer."""


@dataclass(frozen=True)
class Behind:
    """A consumer of an organisation that is not at the end of its log, as it was last seen."""

    events: int
    since: datetime | None
    failures: int
    expired: bool


@dataclass(frozen=True)
class Lag:
    """How far a consumer is behind: the events and seconds of the organisation that is furthest behind, the number of
    organisations in which it fails again and again or has expired, and its failures in this process since the last
    report."""

    events: int = 0
    seconds: float = 0.0
    failing: int = 0
    expired: int = 0
    failures: int = 0


Report = Callable[[Mapping[str, Lag]], None]
"""Takes how far each consumer is behind, after each look."""


def unreported(lags: Mapping[str, Lag]) -> None:
    """Report nothing."""


def lags_of(names: Iterable[str], behind: Mapping[Key, Behind], failures: Mapping[str, int]) -> Mapping[str, Lag]:
    """How far each of these consumers is behind."""
    now = utc_now()
    found = {name: Lag(failures=failures.get(name, 0)) for name in names}
    for (_, name), one in behind.items():
        lag = found[name]
        seconds = 0.0 if one.since is None else max(0.0, (now - one.since).total_seconds())
        found[name] = Lag(
            max(lag.events, one.events),
            max(lag.seconds, seconds),
            lag.failing + (one.failures >= MANY_FAILURES and not one.expired),
            lag.expired + one.expired,
            lag.failures,
        )
    return found


async def find(database: Database, names: Sequence[str], org_ids: Collection[UUID]) -> list[Row]:
    """Which of these consumers have something to do in these organisations."""
    async with database.acquire() as connection:
        return await FIND.all(connection, names=names, org_ids=list(org_ids))


async def look_on(database: Database, names: Sequence[str], after: UUID) -> tuple[list[Row], UUID | None]:
    """The same in the next organisations after an id; and the id after which the next look goes on, if there are
    more."""
    async with database.acquire() as connection:
        found = await LOOK.all(connection, names=names, after=after)
    return [row for row in found if not row["suspended"]], found[0]["next_after"] if found else None
