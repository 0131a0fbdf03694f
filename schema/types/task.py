"""Tasks."""

from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.fields import column, connection, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import Date, DateTime
from models.tables.task import TaskPriority, TaskStatus
from resolvers.reads import members
from resolvers.reads.tasks import tasks
from schema.types.member import Member
from schema.types.rights import ABOUT, TaskRights

if TYPE_CHECKING:
    from schema.types.contact import Contact, Customer
    from schema.types.lead import Lead


@strawberry.type(description="A task for a member. A task on a lead is a follow-up: the next step of the sale.")
class Task(Node):
    id: strawberry.ID = id_field("task", "The task's id.")
    viewer_can: TaskRights = read(members.of_record, ABOUT)
    title: str = column("title", "What has to be done.")
    notes: str | None = column("notes", "Notes for the assignee.")
    status: TaskStatus = column("status", "Whether it is open, completed or cancelled.")
    priority: TaskPriority = column("priority", "The priority.")
    due_at: DateTime | None = column("due_at", "The instant it is due at; null when it is due all day or has no date.")
    due_on: Date | None = column(
        "due_on", "The day it is due on, all day; null when it is due at an instant or has no date."
    )
    deadline: DateTime | None = column(
        "deadline",
        "When it becomes overdue: at its instant, or when its day is over in the assignee's time zone.",
    )
    overdue: bool = read(tasks.overdue, "Whether it is overdue: open, and past its deadline.")
    remind_at: DateTime | None = column(
        "remind_at",
        "When to remind the assignee: then they are notified, and there is an event TASK_REMINDED. Without it, the"
        " assignee of a task that is due on a day is reminded at 09:00 of that day, or at a time that they chose.",
    )
    recurrence: str | None = column(
        "recurrence",
        "The rule by which it repeats when it is completed, in the format of RFC 5545: `FREQ=WEEKLY;BYDAY=MO`. COUNT "
        "is how many are left, this one included. Completing the task passes the rule on to the next one.",
    )
    assignee: Member | None = to_one(models.Member, "assignee_id", "The assignee.")
    lead: Annotated["Lead", strawberry.lazy("schema.types.lead")] | None = to_one(
        models.Lead, "lead_id", "The lead it is a step of."
    )
    contact: Annotated["Contact", strawberry.lazy("schema.types.contact")] | None = to_one(
        models.Contact, "contact_id", "The contact it is about."
    )
    customer: Annotated["Customer", strawberry.lazy("schema.types.contact")] | None = to_one(
        models.Customer, "customer_id", "The customer it is about."
    )
    parent: Optional["Task"] = to_one(models.Task, "parent_id", "The task it is part of.")
    subtasks: list["Task"] = read(tasks.subtasks, "Its parts, oldest first: up to 100.", rows=5)
    blocked: bool = read(tasks.blocked, "Whether a task that must be completed before it is still open.")
    blocked_by: list["Task"] = read(
        tasks.blocked_by, "The tasks that must be completed before it, open or not, oldest first: up to 50.", rows=5
    )
    blocks: Connection["Task"] = connection(tasks.blocks, "The tasks that wait for it, oldest first.")
    creator: Member | None = to_one(
        models.Member, "creator_id", "The member who created it; null when it was imported."
    )
    outcome: str | None = column("outcome", "The outcome, or why it was cancelled.")
    completed_at: DateTime | None = column("completed_at", "When it was completed.")
    created_at: DateTime = column("created_at", "When the record was created.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
