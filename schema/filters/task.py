"""The filters and orders of tasks."""

import strawberry

from engine.publish.enums import ordering, publish
from engine.publish.fields import optional
from models.tables.task import TaskPriority, TaskStatus
from resolvers.reads.tasks import tasks
from resolvers.reads.tasks.due import DuePeriod
from schema.filters.lead import DateRange

TaskOrder = ordering("Task", tasks.ORDERS)

publish(
    DuePeriod,
    "A period of days around today, by the calendar of a time zone.",
    TODAY="Today.",
    THIS_WEEK="From this week's Monday to its Sunday, both included.",
    UPCOMING="After today.",
)


@strawberry.input(description="Filters tasks. A task must match every part that is given.")
class TaskFilter:
    status: TaskStatus | None = optional("With this status.")
    statuses: list[TaskStatus] | None = optional("With one of these statuses.")
    priority: TaskPriority | None = optional("With this priority.")
    assignee_id: strawberry.ID | None = optional("Assigned to this member.")
    assignee_ids: list[strawberry.ID] | None = optional("Assigned to one of these members, up to 500.")
    mine: bool | None = optional("True: only tasks assigned to you. False: only other tasks.")
    assigned: bool | None = optional("True: only assigned tasks. False: only unassigned tasks.")
    lead_id: strawberry.ID | None = optional("Part of this lead.")
    lead_ids: list[strawberry.ID] | None = optional("Part of one of these leads, up to 500.")
    contact_id: strawberry.ID | None = optional("About this contact.")
    contact_ids: list[strawberry.ID] | None = optional("About one of these contacts, up to 500.")
    customer_id: strawberry.ID | None = optional("About this customer.")
    customer_ids: list[strawberry.ID] | None = optional("About one of these customers, up to 500.")
    parent_id: strawberry.ID | None = optional("A subtask of this task.")
    parent_ids: list[strawberry.ID] | None = optional("A subtask of one of these tasks, up to 500.")
    is_subtask: bool | None = optional("True: only subtasks. False: only tasks that are not subtasks.")
    overdue: bool | None = optional("True: only overdue tasks. False: only tasks that are not overdue.")
    has_due_date: bool | None = optional("True: only tasks with a due date. False: only tasks without one.")
    due: DuePeriod | None = optional(
        "Due in this period, open or not: all day on one of its days, or at an instant on one of them."
    )
    due_days: DateRange | None = optional("Due on one of these days: all day, or at an instant on one of them.")
    time_zone: str | None = optional(
        "The time zone of the days in `due` and `dueDays`, as the IANA database names it: `Europe/Paris`. Without it,"
        " yours."
    )
