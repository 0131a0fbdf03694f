"""Changes of tasks: their inputs and payloads, except for those in `task_completion`."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import Date, DateTime
from models.rules.roles import Role
from models.tables.task import TaskPriority
from resolvers.changes.tasks import create_update as tasks_changes
from resolvers.changes.tasks import fields as tasks_fields
from schema.types.lead import Lead
from schema.types.member import MENTIONS
from schema.types.task import Task

EXPECTED_VERSION = "Refuse with CONFLICT unless the task is at this version."


@strawberry.input(description="The fields of a task.")
class TaskFields:
    notes: str | None = optional(f"Anything that helps to do it: up to 20,000 characters. {MENTIONS}")
    priority: TaskPriority | None = optional("The priority; NORMAL by default. It cannot be null.")
    due_at: DateTime | None = optional("The instant it is due at. Instead of `dueOn`.")
    due_on: Date | None = optional(
        "The day it is due on, all day: until that day ends in the assignee's time zone. Instead of `dueAt`."
    )
    remind_at: DateTime | None = optional(
        "When to remind the assignee: then they are notified. Without it, and with `dueOn`, they are reminded at 09:00"
        " of that day, or at a time that they chose."
    )
    assignee_id: strawberry.ID | None = optional(
        "The assignee; null for nobody. If omitted for a new task, the owner of the lead, or you.",
        id="member",
    )
    recurrence: str | None = optional(
        "How it repeats, as a rule of RFC 5545: `FREQ=WEEKLY;BYDAY=MO,FR`. Completing it creates the next one, at the"
        " same time of day. FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; with INTERVAL, COUNT (this one included) or "
        "UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST. Null ends it."
    )


@strawberry.input(description="What a task is about.")
class TaskLinks:
    lead_id: strawberry.ID | None = optional("The lead it is a step of.", id="lead")
    contact_id: strawberry.ID | None = optional("The contact it is about.", id="contact")
    customer_id: strawberry.ID | None = optional("The customer it is about.", id="customer")
    parent_id: strawberry.ID | None = optional(
        "The task it is part of, one level deep. A new subtask is about the same as its parent.", id="task"
    )


@strawberry.input(description="The next step of a lead, and when it is due. Send `dueAt` or `dueOn`.")
class ScheduleFollowUpInput(ChangeInput, TaskFields):
    lead_id: strawberry.ID = id_of("lead", "The lead to follow up on.")
    title: str | None = optional('What has to be done, up to 300 characters; "Follow up" by default.')


@strawberry.type(description="Result of `scheduleFollowUp`.")
class ScheduleFollowUpPayload(Payload):
    task: Task | None = ref(models.Task, "The new task.")
    lead: Lead | None = ref(models.Lead, "The lead it is a step of.")


@strawberry.input(description="A new task.")
class CreateTaskInput(ChangeInput, TaskFields, TaskLinks):
    title: str = strawberry.field(description="What has to be done: up to 300 characters.")


@strawberry.type(description="Result of `createTask`.")
class CreateTaskPayload(Payload):
    task: Task | None = ref(models.Task, "The new task.")


@strawberry.input(description="Fields of a task to update. Omitted fields stay as they are; null empties a field.")
class UpdateTaskInput(ChangeInput, TaskFields, TaskLinks):
    task_id: strawberry.ID = id_of("task", "The task to update.")
    title: str | None = optional("What has to be done: up to 300 characters. It cannot be null.")
    priority: TaskPriority | None = optional("The priority. It cannot be null.")
    assignee_id: strawberry.ID | None = optional("The assignee; null for nobody.", id="member")
    parent_id: strawberry.ID | None = optional("The task it is part of, one level deep; null for none.", id="task")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updateTask`.")
class UpdateTaskPayload(Payload):
    task: Task | None = ref(models.Task, "The task as it is now.")


@strawberry.input(description="Which task to delete.")
class DeleteTaskInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task to delete, with its subtasks.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deleteTask`.")
class DeleteTaskPayload(Payload):
    deleted_task_id: strawberry.ID | None = outcome("The id of the deleted task; null when the mutation was refused.")
    lead: Lead | None = ref(models.Lead, "The lead it was a step of.")


@strawberry.type(description="The mutations of tasks.")
class TaskMutations:
    schedule_follow_up: ScheduleFollowUpPayload | None = change(
        tasks_changes.schedule_follow_up,
        ScheduleFollowUpInput,
        "Schedule a follow-up: a task that is the next step of a lead.",
        role=Role.REP,
        checks=tasks_changes.check_follow_up,
    )
    create_task: CreateTaskPayload | None = change(
        tasks_changes.create_task,
        CreateTaskInput,
        "Create a task: on a lead, about a contact or customer, as a subtask of another task, or on its own.",
        role=Role.REP,
        checks=tasks_fields.check_fields,
    )
    update_task: UpdateTaskPayload | None = change(
        tasks_changes.update_task,
        UpdateTaskInput,
        "Update fields of a task.",
        role=Role.REP,
        checks=tasks_fields.check_fields,
    )
    delete_task: DeleteTaskPayload | None = change(
        tasks_changes.delete_task,
        DeleteTaskInput,
        "Delete a task with its subtasks.",
        role=Role.REP,
        own_ids=True,
    )
