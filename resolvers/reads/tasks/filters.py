"""The filters of task lists."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, any_, func, literal_column, not_

from engine.read.filters import one_of
from engine.read.json_text import Expression, among, quoted
from engine.read.redirects import all_named, named
from engine.read.rows import SUBJECT, Rows, rows
from engine.read.slots import Slot
from models.rules.ids import parse_id
from models.tables.member import Member
from models.tables.task import TaskStatus
from resolvers.reads.tasks.due import NOW, between, calendar

OPEN: Expression = quoted(TaskStatus.OPEN)


def matching(found: Rows, wanted: Mapping[str, Any] | None) -> Rows:
    """The tasks that match every given part of the filter; a part that is null or omitted matches all."""
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    by = calendar(given.pop("time_zone", None))
    task = found.entity
    if "due" in given:
        found = found.where(by.due(task, *by.period(given.pop("due"))))
    if "due_days" in given:
        found = found.where(between(task, given.pop("due_days"), by))
    return found.where(*(FILTERS[name](task, value) for name, value in given.items()))


def viewer_id() -> Expression:
    """The caller's own id, or null before the caller signs in."""
    me = rows(Member)
    return me.where(me.entity.subject == SUBJECT).value(lambda member: member.id)


def late(task: Any) -> ColumnElement[bool]:
    """Whether a task is open and its deadline has passed."""
    return and_(task.status == OPEN, task.deadline < NOW)


def _is(column: str, prefix: str) -> Callable[[Any, Slot], ColumnElement[bool]]:
    def condition(task: Any, id: Slot) -> ColumnElement[bool]:
        same: ColumnElement[bool] = getattr(task, column) == id.bind(Uuid(), lambda text: parse_id(prefix, text))
        return same

    return condition


def _set(column: str) -> Callable[[Any, bool], ColumnElement[bool]]:
    def condition(task: Any, wanted: bool) -> ColumnElement[bool]:
        found = getattr(task, column)
        given: ColumnElement[bool] = found.is_not(None) if wanted else found.is_(None)
        return given

    return condition


def _mine(task: Any, wanted: bool) -> ColumnElement[bool]:
    mine: ColumnElement[bool] = task.assignee_id == viewer_id()
    return mine if wanted else not_(func.coalesce(mine, literal_column("false")))


def _overdue(task: Any, wanted: bool) -> ColumnElement[bool]:
    return late(task) if wanted else not_(late(task)) | task.deadline.is_(None)


FILTERS: Mapping[str, Any] = {
    "status": lambda task, status: task.status == quoted(status.value),
    "statuses": lambda task, statuses: among(task.status, (status.value for status in statuses)),
    "priority": lambda task, priority: task.priority == quoted(priority.value),
    "assignee_id": _is("assignee_id", "member"),
    "assignee_ids": lambda task, ids: one_of(task.assignee_id, "member", ids),
    "mine": _mine,
    "assigned": _set("assignee_id"),
    "lead_id": lambda task, id: task.lead_id == named("lead", id),
    "lead_ids": lambda task, ids: task.lead_id == any_(all_named("lead", ids)),
    "contact_id": lambda task, id: task.contact_id == named("contact", id),
    "contact_ids": lambda task, ids: task.contact_id == any_(all_named("contact", ids)),
    "customer_id": lambda task, id: task.customer_id == named("customer", id),
    "customer_ids": lambda task, ids: task.customer_id == any_(all_named("customer", ids)),
    "parent_id": _is("parent_id", "task"),
    "parent_ids": lambda task, ids: one_of(task.parent_id, "task", ids),
    "is_subtask": _set("parent_id"),
    "overdue": _overdue,
    "has_due_date": _set("deadline"),
}
"""The condition of each part of a task filter, except for those by day, which are in `matching`."""
