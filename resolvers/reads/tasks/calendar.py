"""The tasks of a member as a calendar shows them: those of the last month and of the next year."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text

from engine.read.rows import ORG
from models.database import Database, Row, Statement
from models.tables.base import utc_now

PAST, FUTURE = timedelta(days=30), timedelta(days=365)
"""How far back a calendar goes, also with what is done, and how far ahead."""

MOST = 1_000
"""Tasks of a calendar; of more, the earliest."""

FEED = Statement(
    text(
        """
        SELECT feed.secret_hash, member.name FROM calendar_feed AS feed
        JOIN member ON member.org_id = :org_id AND member.id = feed.member_id AND member.active
        JOIN organisation AS own ON own.id = feed.org_id AND own.suspended_at IS NULL
        WHERE feed.org_id = :org_id AND feed.member_id = :member_id
        """
    ).bindparams(ORG)
)

_SHOWN = f"""
    FROM (
        SELECT * FROM task WHERE task.org_id = :org_id AND task.assignee_id = :member_id
            AND task.deadline >= :since AND task.deadline < :until
            AND (task.status = 'OPEN' OR task.status = 'DONE' AND task.completed_at >= :since)
        ORDER BY task.deadline, task.id LIMIT {MOST}
    ) AS task LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = task.lead_id
"""

_PERIOD = (bindparam("since", type_=DateTime(timezone=True)), bindparam("until", type_=DateTime(timezone=True)))

STAMP = Statement(
    text(f"SELECT count(*) AS count, max(greatest(task.updated_at, lead.updated_at)) AS latest {_SHOWN}").bindparams(
        ORG, *_PERIOD
    )
)

TASKS = Statement(
    text(
        f"""
        SELECT task.id, task.title, task.notes, task.due_at, task.due_on, task.remind_at, task.status, task.version,
            task.created_at, task.updated_at, lead.title AS lead
        {_SHOWN} ORDER BY task.deadline, task.id
        """
    ).bindparams(ORG, *_PERIOD)
)


class Period(NamedTuple):
    """From when to when a calendar shows tasks. It moves once a day, so that a calendar in which nothing has changed
    stays the same for a day."""

    since: datetime
    until: datetime

    @classmethod
    def now(cls) -> "Period":
        """The period of today."""
        today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(today - PAST, today + FUTURE)


async def feed_of(database: Database, org_id: UUID, member_id: UUID) -> Row | None:
    """The feed of an active member; None if there is none, or the organisation is suspended."""
    async with database.acquire() as connection:
        return await FEED.first(connection, org_id=org_id, member_id=member_id)


async def stamp_of(database: Database, org_id: UUID, member_id: UUID, period: Period) -> str:
    """A text that differs whenever the calendar does."""
    async with database.acquire() as connection:
        found = await STAMP.first(connection, org_id=org_id, member_id=member_id, **period._asdict())
    assert found is not None
    return f"{period.since:%Y%m%d} {found['count']} {found['latest']}"


async def tasks_of(database: Database, org_id: UUID, member_id: UUID, period: Period) -> Sequence[Row]:
    """The tasks of the calendar, by deadline."""
    async with database.acquire() as connection:
        return await TASKS.all(connection, org_id=org_id, member_id=member_id, **period._asdict())
