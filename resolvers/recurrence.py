"""What comes after a task that repeats: the day by its rule, at the same time of the clock where its assignee lives."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.refusal import Refusal, Refused
from models.rrule import parse_rule, rule_text


def expect_repeatable(task: Mapping[str, Any], *field: str) -> None:
    """Refuse, with INVALID, a rule for a task without a date, for a subtask, or one by which no day comes."""
    due: date | None = task["due_on"] or task["due_at"]
    if due is None:
        raise Refused(Refusal.INVALID, "A task that repeats needs a date to count from: dueAt or dueOn.", *field)
    if task["parent_id"] is not None:
        raise Refused(
            Refusal.INVALID, "A subtask cannot repeat: its parent would never be done. Let the parent repeat.", *field
        )
    if next(parse_rule(task["recurrence"]).days_after(_day(due)), None) is None:
        raise Refused(Refusal.INVALID, "No day comes by this rule. Look at the days it names.", *field)


def next_occurrence(task: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> dict[str, Any] | None:
    """The due date, reminder and rule of the task that follows this one; None when the rule ends here.

    Its days are those of `zone`. What would be past already is passed over, but counts. A time that is skipped when
    clocks go forward does not come, and does not count; one that comes twice is meant the first time. The rule that
    goes on says how many are left.
    Source: RFC 5545, section 3.3.10 on invalid times, section 3.3.5 on those that come twice.
    """
    rule = parse_rule(task["recurrence"])
    was, all_day = _local(task, zone), task["due_on"] is not None
    left = rule.count
    for day in rule.days_after(was.date()):
        local = datetime.combine(day, was.time(), zone)
        if not all_day and not _exists(local):
            continue
        if rule.until is not None and _is_after(local, rule.until, all_day=all_day):
            return None
        if left is not None:
            left -= 1
            if left < 1:
                return None
        if day >= now.astimezone(zone).date() if all_day else local >= now:
            return {
                "due_on": day if all_day else None,
                "due_at": None if all_day else local.astimezone(UTC),
                "remind_at": _reminder(task, was, local, zone),
                "recurrence": rule_text(replace(rule, count=left)),
            }
    return None


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
    """As long before as it was, by the clock: at nine the day before stays at nine the day before."""
    if task["remind_at"] is None:
        return None
    before: timedelta = was - task["remind_at"].astimezone(zone).replace(tzinfo=None)
    return (local - before).astimezone(UTC)


def _day(due: date) -> date:
    return due.date() if isinstance(due, datetime) else due
