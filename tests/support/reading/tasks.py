"""The rules of reading tasks: which match a filter, when they are due, and what blocks them."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.support.reading.pages import BadArgument, Page
from tests.support.reading.records import Record, World, resolved

Given = Mapping[str, Any]


def parse_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadArgument(name) from error


def zone_of(world: World, given: Given) -> ZoneInfo:
    """The named time zone, or the caller's own."""
    me = viewer(world)
    return given.get("timeZone") or ZoneInfo(me["time_zone"] if me else "UTC")


def viewer(world: World) -> Record | None:
    return next(iter(world.all("member", subject=world.caller.subject)), None)


def day_of(task: Record, zone: ZoneInfo) -> date | None:
    """The day on which a task is due, by the calendar of a zone."""
    due_at = task.row["due_at"]
    return due_at.astimezone(zone).date() if due_at else task.row["due_on"]


def overdue(world: World, task: Record, given: Given) -> bool:
    deadline = task.row["deadline"]
    return task.row["status"] == "OPEN" and deadline is not None and deadline < datetime.now(UTC)


def passes(world: World, task: Record, wanted: Given) -> bool:
    """Whether a task matches every part of a filter."""
    row, me, zone = task.row, viewer(world), zone_of(world, wanted)
    today, day = datetime.now(zone).date(), day_of(task, zone)
    monday = today - timedelta(days=today.weekday())
    periods = {"TODAY": (today, today), "THIS_WEEK": (monday, monday + timedelta(days=6)),
               "UPCOMING": (today + timedelta(days=1), None)}  # fmt: skip

    def within(first: date | None, last: date | None) -> bool:
        return day is not None and (first is None or first <= day) and (last is None or day <= last)

    tests: dict[str, Callable[[Any], bool]] = {
        "status": lambda status: row["status"] == status,
        "statuses": lambda statuses: row["status"] in statuses,
        "assigneeIds": lambda ids: row["assignee_id"] in ids,
        "hasDueDate": lambda dated: (row["deadline"] is not None) == dated,
        "priority": lambda priority: row["priority"] == priority,
        "mine": lambda mine: (me is not None and row["assignee_id"] == me.row["id"]) == mine,
        "assigned": lambda assigned: (row["assignee_id"] is not None) == assigned,
        "isSubtask": lambda is_subtask: (row["parent_id"] is not None) == is_subtask,
        "overdue": lambda late: overdue(world, task, {}) == late,
        "due": lambda period: within(*periods[period]),
        "dueDays": lambda days: within(days.get("from"), days.get("to")),
        "timeZone": lambda zone: True,
    }
    for noun in ("assignee", "lead", "contact", "customer", "parent"):
        tests[f"{noun}Id"] = lambda id, noun=noun: row[f"{noun}_id"] == resolved(world, noun, id)  # type: ignore[misc]
    for noun in ("lead", "contact", "customer", "parent"):
        tests[f"{noun}Ids"] = lambda ids, noun=noun: (  # type: ignore[misc]
            row[f"{noun}_id"] in [resolved(world, noun, id) for id in ids]
        )
    return all(tests[name](value) for name, value in wanted.items())


def tasks(world: World, given: Given, **columns: Any) -> Page:
    found = world.all("task", **columns)
    return Page([task for task in found if passes(world, task, given.get("filter", {}))], given)


def counts(world: World, source: Any, given: Given) -> dict[str, int]:
    """The caller's open tasks: overdue, due today, due later."""
    zone, me = zone_of(world, given), viewer(world)
    mine = world.all("task", assignee_id=me.row["id"], status="OPEN") if me else []
    on_time = [task for task in mine if task.row["deadline"] and not overdue(world, task, {})]
    today = [task for task in on_time if (day_of(task, zone) or date.max) <= datetime.now(zone).date()]
    late = [task for task in mine if overdue(world, task, {})]
    return {"overdue": len(late), "today": len(today), "upcoming": len(on_time) - len(today),
            "undated": sum(task.row["deadline"] is None for task in mine)}  # fmt: skip


def blockers(world: World, task: Record, given: Given) -> list[Record]:
    waits = world.all("task_dependency", task_id=task.row["id"])
    return _oldest_first([r for r in world.all("task") if r.row["id"] in {w.row["blocked_by_id"] for w in waits}])


def blocked(world: World, task: Record, given: Given) -> bool:
    return any(blocker.row["status"] == "OPEN" for blocker in blockers(world, task, {}))


def waiting(world: World, task: Record, given: Given) -> Page:
    waits = world.all("task_dependency", blocked_by_id=task.row["id"])
    return Page([r for r in world.all("task") if r.row["id"] in {w.row["task_id"] for w in waits}], given)


def subtasks(world: World, task: Record, given: Given) -> list[Record]:
    return _oldest_first(world.all("task", parent_id=task.row["id"]))


def has_next(world: World, lead: Record) -> bool:
    return bool(world.all("task", lead_id=lead.row["id"], status="OPEN"))


def _oldest_first(found: list[Record]) -> list[Record]:
    return sorted(found, key=lambda record: record.row["id"])


TASK_RULES: Mapping[tuple[str, str], Callable[[World, Any, Given], Any]] = {
    ("Viewer", "taskCounts"): counts,
    ("Query", "tasks"): lambda world, source, given: tasks(world, given),
    ("Lead", "tasks"): lambda world, lead, given: tasks(world, given, lead_id=lead.row["id"]),
    ("Contact", "tasks"): lambda world, contact, given: tasks(world, given, contact_id=contact.row["id"]),
    ("Customer", "tasks"): lambda world, customer, given: tasks(world, given, customer_id=customer.row["id"]),
    ("Task", "overdue"): overdue,
    ("Task", "subtasks"): subtasks,
    ("Task", "blocked"): blocked,
    ("Task", "blockedBy"): blockers,
    ("Task", "blocks"): waiting,
}
