"""Tasks: what to do next, who does it, and in which order."""

from typing import Any

from sqlalchemy import ColumnElement, Uuid, exists, func, literal_column

from engine.read.json_text import Expression
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.lead import Lead
from models.tables.task import Task, TaskDependency
from resolvers.reads.tasks.filters import OPEN, late, matching

ORDERS = {
    "DUE": Order(lambda task: task.deadline, "By the due date.", nullable=True),
    "CREATED_AT": Order(lambda task: task.id, "By the time of creation."),
}

ONE: Expression = literal_column("1")


def task(root: Any, args: Args) -> Rows:
    """One task by id."""
    return rows(Task, args["id"].bind(Uuid(), lambda text: parse_id("task", text)))


def tasks(root: Any, args: Args) -> Page:
    """The tasks of the organisation that match the filter, the next due first."""
    return page(matching(rows(Task), args.get("filter")), args, ORDERS, ("DUE", Direction.ASC))


def of_lead(lead: Any, args: Args) -> Page:
    """The tasks of a lead that match the filter, the next due first."""
    found = rows(Task)
    found = found.where(found.entity.lead_id == lead.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("DUE", Direction.ASC))


def of_contact(contact: Any, args: Args) -> Page:
    """The tasks about a contact that match the filter, the next due first."""
    found = rows(Task)
    found = found.where(found.entity.contact_id == contact.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("DUE", Direction.ASC))


def of_customer(customer: Any, args: Args) -> Page:
    """The tasks about a customer that match the filter, the next due first."""
    found = rows(Task)
    found = found.where(found.entity.customer_id == customer.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("DUE", Direction.ASC))


def next_of(lead: Any, args: Args) -> Rows:
    """The open task of a lead that is due first."""
    found = rows(Task)
    task = found.entity
    return found.where(task.lead_id == lead.id, task.status == OPEN).ordered(task.deadline.asc(), task.id.asc()).first()


def has_next(lead: Any) -> ColumnElement[bool]:
    """Whether a lead has an open task."""
    has: ColumnElement[bool] = lead.has_open_task
    return has


def overdue(task: Any, args: Args) -> Expression:
    """Whether the task is open and its deadline has passed."""
    return func.coalesce(late(task), literal_column("false"))


def lead(task: Any, args: Args) -> Rows:
    """The lead that a task is a step of."""
    return rows(Lead, task.lead_id)


def subtasks(task: Any, args: Args) -> Rows:
    """Its parts, oldest first."""
    found = rows(Task)
    return found.where(found.entity.parent_id == task.id).ordered(found.entity.id.asc())


def blocked_by(task: Any, args: Args) -> Rows:
    """The tasks that have to be completed before it, oldest first."""
    waits, found = rows(TaskDependency), rows(Task)
    before = waits.where(waits.entity.task_id == task.id).select(waits.entity.blocked_by_id)
    return found.where(found.entity.id.in_(before)).ordered(found.entity.id.asc())


def blocks(task: Any, args: Args) -> Page:
    """The tasks that wait for it, oldest first."""
    waits, found = rows(TaskDependency), rows(Task)
    after = waits.where(waits.entity.blocked_by_id == task.id).select(waits.entity.task_id)
    return page(found.where(found.entity.id.in_(after)), args, ORDERS, ("CREATED_AT", Direction.ASC))


def blocked(task: Any, args: Args) -> Expression:
    """Whether the task waits for one that is still open."""
    found = blocked_by(task, args)
    return exists(found.where(found.entity.status == OPEN).ordered().select(ONE))
