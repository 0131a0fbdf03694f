"""The next occurrence of a task that repeats: on a day of its rule, at the same local time of its assignee."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from engine.change.records import inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Scheduled
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused
from models.rules.rrule import parse_rule, rule_text
from models.rules.time_zone import end_of_day, time_zone
from models.tables.base import new_id, utc_now
from models.tables.task import Task
from resolvers.changes.tasks.fields import EMPTY, assignees, public_fields
from resolvers.changes.tasks.locks import LockedTasks

MOST_DAYS = 500_000
"""Days that one change looks through to count what is past, of all its tasks whose rules have COUNT: half a second."""

DIFFERENT = ("id", "assignee_id", "due_at", "due_on", "deadline", "remind_at", "recurrence")
"""Fields that differ from the task before."""

FOLLOWING = inserted(
    Task,
    {
        "org_id": "org_id",
        **{name: name for name in EMPTY if name != "parent_id"},
        "creator_id": "creator_id",
        **{name: f"following.{name}" for name in DIFFERENT},
    },
    # A subtask does not repeat.
    default=("parent_id", "status", "completed_at", "outcome", "overdue_told_at", "reminded_at", "day_reminder_at"),
)

REPEAT = Statement(
    text(
        f"""
        INSERT INTO task ({FOLLOWING.columns}) SELECT {FOLLOWING.values}
        FROM task JOIN unnest(
            CAST(:task_ids AS uuid[]), CAST(:ids AS uuid[]), CAST(:assignee_ids AS uuid[]),
            CAST(:due_ats AS timestamptz[]), CAST(:due_ons AS date[]), CAST(:deadlines AS timestamptz[]),
            CAST(:remind_ats AS timestamptz[]), CAST(:recurrences AS text[])
        ) AS following (task_id, id, assignee_id, due_at, due_on, deadline, remind_at, recurrence)
            ON following.task_id = task.id
        WHERE org_id = :org_id
        """
    ).bindparams(ORG)
)
"""The next occurrences, about the same records as the tasks before."""


async def repeat(change: Change, locked: LockedTasks, tasks: Sequence[Row]) -> dict[UUID, UUID]:
    """Make the tasks that follow held ones by their rules; returns their ids, by the ids of those they follow.

    Each is for the assignee of the one before, or for nobody when that member is no longer active.

    Raises `Refused` INVALID when too much is past that has to be counted.
    """
    if not tasks:
        return {}
    people, now = await assignees(change, *(task["assignee_id"] for task in tasks)), utc_now()
    days = sum(_days_to_count(task, now) for task in tasks)
    if days > MOST_DAYS:
        raise Refused(
            Refusal.INVALID,
            f"These tasks repeat with COUNT and are {days:,} days overdue together: more than the {MOST_DAYS:,} that"
            " can be counted at once. Complete fewer at a time.",
            "taskIds",
        )
    made: dict[UUID, dict[str, Any]] = {}
    for task in tasks:
        following = _following(task, people, now)
        if following is not None:
            made[task["id"]] = following
        await asyncio.sleep(0)  # a rule with COUNT takes up to 15 ms, and there are up to 500
    columns = {f"{name}s": [task[name] for task in made.values()] for name in DIFFERENT}
    await change.run(REPEAT, task_ids=list(made), **columns)
    for task_id, task in made.items():
        scheduled = Scheduled(record=public_fields(task), repeats=public_id("task", task_id))
        change.emit(locked.about(scheduled, task))
    return {task_id: task["id"] for task_id, task in made.items()}


def _following(task: Row, people: Mapping[UUID | None, Row], now: datetime) -> dict[str, Any] | None:
    """The fields of the task that follows one that repeats; None when its rule ends."""
    person = people[task["assignee_id"]]
    following = next_occurrence(task, time_zone(person["time_zone"]), now)
    if following is None:
        return None
    assignee_id = task["assignee_id"] if person["active"] else None
    fields = {**{name: task[name] for name in EMPTY}, **following, "id": new_id(), "assignee_id": assignee_id}
    fields["deadline"] = fields["due_at"]
    if fields["due_on"] is not None:
        fields["deadline"] = end_of_day(fields["due_on"], time_zone(people[assignee_id]["time_zone"]))
    return fields


def expect_repeatable(task: Mapping[str, Any], *field: str) -> None:
    """Refuse, with INVALID, a rule for a task without a date, for a subtask, or a rule that names no day to come."""
    due: date | None = task["due_on"] or task["due_at"]
    if due is None:
        raise Refused(Refusal.INVALID, "A task that repeats needs a date to count from. Send dueAt or dueOn.", *field)
    if task["parent_id"] is not None:
        raise Refused(
            Refusal.INVALID,
            "A subtask cannot repeat, because its parent would never be done. Make the parent repeat instead.",
            *field,
        )
    if next(parse_rule(task["recurrence"]).days_after(_day(due)), None) is None:
        raise Refused(Refusal.INVALID, "This rule names no day that ever comes. Check its days.", *field)


def next_occurrence(task: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> dict[str, Any] | None:
    """The due date, reminder and rule of the task that follows this one; None when the rule ends here.

    Its days are those of `zone`. What would be past already is passed over, but counts. A time that is skipped when
    clocks go forward does not come, and does not count; one that comes twice is meant the first time. The rule that
    goes on says how many are left.
    Source: RFC 5545, section 3.3.10 on invalid times, section 3.3.5 on those that come twice.
    """
    rule = parse_rule(task["recurrence"])
    was, all_day = _local(task, zone), task["due_on"] is not None
    left, today = rule.count, now.astimezone(zone).date()
    # What is past need only be looked at to count it.
    for day in rule.days_after(was.date(), date.min if left is not None else today):
        local = datetime.combine(day, was.time(), zone)
        if not all_day and not _exists(local):
            continue
        if rule.until is not None and _is_after(local, rule.until, all_day=all_day):
            return None
        if left is not None:
            left -= 1
            if left < 1:
                return None
        if day >= today if all_day else local >= now:
            return {
                "due_on": day if all_day else None,
                "due_at": None if all_day else local.astimezone(UTC),
                "remind_at": _reminder(task, was, local, zone),
                "recurrence": rule_text(replace(rule, count=left)),
            }
    return None


def _days_to_count(task: Row, now: datetime) -> int:
    """The days since a task was due, where the rule counts them."""
    return max(0, (now.date() - _day(task["due_on"] or task["due_at"])).days) if "COUNT=" in task["recurrence"] else 0


def _local(task: Mapping[str, Any], zone: ZoneInfo) -> datetime:
    """When a task is due by the clock of a zone; all day is from midnight."""
    if task["due_on"] is not None:
        return datetime.combine(task["due_on"], datetime.min.time())
    due_at: datetime = task["due_at"]
    return due_at.astimezone(zone).replace(tzinfo=None, fold=0)


def _exists(local: datetime) -> bool:
    """Whether a clock ever shows this time."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _is_after(local: datetime, until: date, *, all_day: bool) -> bool:
    if not isinstance(until, datetime):
        return local.date() > until
    return local.date() > until.astimezone(local.tzinfo).date() if all_day else local > until


def _reminder(task: Mapping[str, Any], was: datetime, local: datetime, zone: ZoneInfo) -> datetime | None:
    """The same local time before the due date: at nine the day before stays at nine the day before."""
    if task["remind_at"] is None:
        return None
    before: timedelta = was - task["remind_at"].astimezone(zone).replace(tzinfo=None)
    return (local - before).astimezone(UTC)


def _day(due: date) -> date:
    return due.date() if isinstance(due, datetime) else due
