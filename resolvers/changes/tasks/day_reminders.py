"""Reminders of tasks that are due on a day and have no reminder of their own: at the time of day that the assignee
chose, 09:00 by default, where the assignee lives.

When that is, is found here alone, for all that lets a task's day, assignee or time zone change: they only empty
`day_reminder_at`, so they are no slower. A time that has passed when it is found, before the task became what it is, is
not one to be reminded at.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.background.passing_time import Recorder
from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.rules.clock.local_time import clock_time, instant_at
from models.rules.clock.mail_times import DEFAULTS
from models.rules.time_zone import zone_or_utc

ON_A_DAY = "due_on IS NOT NULL AND assignee_id IS NOT NULL AND remind_at IS NULL"
"""The tasks whose day is to be reminded of, as their index has them: open ones that were not."""

UNSET = f"status = 'OPEN' AND {ON_A_DAY} AND reminded_at IS NULL AND day_reminder_at IS NULL"

WITHOUT_TIME = Statement(text(f"SELECT DISTINCT org_id FROM task WHERE {UNSET}"))

LOCK_WITHOUT_TIME = Statement(
    text(
        f"""
        WITH unset AS MATERIALIZED (
            SELECT id, due_on, assignee_id, updated_at FROM task
            WHERE org_id = :org_id AND {UNSET}
            ORDER BY id LIMIT :size FOR NO KEY UPDATE SKIP LOCKED
        )
        SELECT unset.id, unset.due_on, unset.updated_at, member.time_zone, chosen.all_day_reminder_at
        FROM unset JOIN member ON member.org_id = :org_id AND member.id = unset.assignee_id
        LEFT JOIN mail_setting AS chosen ON chosen.org_id = :org_id AND chosen.member_id = member.id
        """
    ).bindparams(ORG)
)

SET_TIME = Statement(
    text(
        """
        UPDATE task SET day_reminder_at = found.at, reminded_at = CASE WHEN found.passed THEN found.at END
        FROM unnest(:ids, CAST(:times AS timestamptz[]), CAST(:passed AS boolean[])) AS found (id, at, passed)
        WHERE task.org_id = :org_id AND task.id = found.id
        """
    ).bindparams(ORG, IDS)
)

FIND_AGAIN = Statement(
    text(
        """
        UPDATE task SET day_reminder_at = NULL
        WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN' AND due_on IS NOT NULL
            AND reminded_at IS NULL AND day_reminder_at IS NOT NULL
        """
    ).bindparams(ORG)
)
"""The member has chosen another time of day."""


async def _find_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Find the times of a batch of tasks."""
    tasks = await LOCK_WITHOUT_TIME.all(connection, org_id=org_id, size=size)
    if tasks:
        times = [
            instant_at(
                task["due_on"],
                clock_time(task["all_day_reminder_at"] or DEFAULTS["all_day_reminder_at"]),
                zone_or_utc(task["time_zone"]),
            )
            for task in tasks
        ]
        await SET_TIME.run(
            connection,
            org_id=org_id,
            ids=[task["id"] for task in tasks],
            times=times,
            passed=[at < task["updated_at"] for at, task in zip(times, tasks, strict=True)],
        )
    return len(tasks), 0


async def _without_time(connection: Connection, now: datetime) -> Sequence[Row]:
    """The organisations with tasks whose time is to be found: at any time."""
    return await WITHOUT_TIME.all(connection)


DAY_REMINDER_TIMES = Recorder("times of reminders", _without_time, _find_batch)
