"""Tasks: what is to be done next, and by whom."""

from typing import Any

from sqlalchemy import Uuid, func, literal_column

from models.ids import parse_id
from models.lead import Lead
from models.member import Member
from models.task import Task, TaskStatus
from resolvers.paging import Direction, Order, Page, page
from resolvers.reading import Args, Expression, Rows, rows, typed_id

OPEN: Expression = literal_column(f"'{TaskStatus.OPEN}'")

ORDERS = {
    "DUE": Order(lambda task: task.deadline, nullable=True),
    "CREATED_AT": Order(lambda task: task.id),
}


def id(task: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("task", task.id)


def task(root: Any, args: Args) -> Rows:
    """One task by id."""
    return rows(Task, args["id"].bind(Uuid(), lambda text: parse_id("task", text)))


def tasks(root: Any, args: Args) -> Page:
    """The tasks of the organisation, by status, assignee and lead if asked; the next due first."""
    found = rows(Task)
    entity = found.entity
    if (status := args.get("status")) is not None:
        found = found.where(entity.status == literal_column(f"'{status.value}'"))
    if (assignee := args.get("assignee_id")) is not None:
        found = found.where(entity.assignee_id == assignee.bind(Uuid(), lambda text: parse_id("member", text)))
    if (lead := args.get("lead_id")) is not None:
        found = found.where(entity.lead_id == lead.bind(Uuid(), lambda text: parse_id("lead", text)))
    return page(found, args, ORDERS, ("DUE", Direction.ASC))


def next_of(lead: Any, args: Args) -> Rows:
    """The open task of a lead that is due first."""
    found = rows(Task)
    task = found.entity
    return found.where(task.lead_id == lead.id, task.status == OPEN).ordered(task.deadline.asc(), task.id.asc()).first()


def of_lead(lead: Any, args: Args) -> Page:
    """All tasks of a lead, or those of one status."""
    found = rows(Task)
    found = found.where(found.entity.lead_id == lead.id)
    if (status := args.get("status")) is not None:
        found = found.where(found.entity.status == literal_column(f"'{status.value}'"))
    return page(found, args, ORDERS, ("DUE", Direction.ASC))


def assignee(task: Any, args: Args) -> Rows:
    """Whose task it is."""
    return rows(Member, task.assignee_id)


def overdue(task: Any, args: Args) -> Expression:
    """Whether it is open and its deadline has passed."""
    return func.coalesce((task.status == OPEN) & (task.deadline < func.now()), literal_column("false"))


def lead(task: Any, args: Args) -> Rows:
    """The lead that a task is a step of."""
    return rows(Lead, task.lead_id)
