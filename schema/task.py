"""Tasks."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from models.task import TaskPriority, TaskStatus
from resolvers import leads, tasks
from schema.enums import ordering
from schema.fields import column, read
from schema.member import Member
from schema.node import Node
from schema.scalars import Date, DateTime

if TYPE_CHECKING:
    from schema.contact import Contact
    from schema.lead import Lead

TaskOrder = ordering("Task", tasks.ORDERS, DUE="By when it is due.", CREATED_AT="By when it was made.")


@strawberry.type(
    description="Something that somebody has to do. A task on a lead is a follow-up: the next step of the sale."
)
class Task(Node):
    id: strawberry.ID = read(tasks.id, "The task's id.")
    title: str = column("title", "What is to be done.")
    notes: str | None = column("notes", "Anything that helps to do it.")
    status: TaskStatus = column("status", "Whether it is still to be done.")
    priority: TaskPriority = column("priority", "How pressing it is.")
    due_at: DateTime | None = column("due_at", "The instant it is due at; null when it is due all day or has no date.")
    due_on: Date | None = column(
        "due_on", "The day it is due on, all day; null when it is due at an instant or has no date."
    )
    overdue: bool = read(tasks.overdue, "Whether it is open and late, in the time zone of whoever has to do it.")
    assignee: Member | None = read(tasks.assignee, "Who has to do it.")
    lead: Annotated["Lead", strawberry.lazy("schema.lead")] | None = read(tasks.lead, "The lead it is a step of.")
    contact: Annotated["Contact", strawberry.lazy("schema.contact")] | None = read(
        leads.contact, "The contact it is about."
    )
    completed_at: DateTime | None = column("completed_at", "When it was done.")
    created_at: DateTime = column("created_at", "When the record was made.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
