"""How tasks can be filtered and sorted."""

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
    "A stretch of days around today, by the calendar of a time zone.",
    TODAY="Today.",
    THIS_WEEK="From this week's Monday to its Sunday, both included.",
)


@strawberry.input(description="Which tasks are wanted. A task must pass every part that is given.")
class TaskFilter:
    status: TaskStatus | None = optional("With this status.")
    priority: TaskPriority | None = optional("With this priority.")
    assignee_id: strawberry.ID | None = optional("That this member has to do.")
    mine: bool | None = optional("True: only what you have to do. False: only what you have not.")
    assigned: bool | None = optional("True: only assigned tasks. False: only unassigned tasks.")
    lead_id: strawberry.ID | None = optional("A step of this lead.")
    contact_id: strawberry.ID | None = optional("About this contact.")
    customer_id: strawberry.ID | None = optional("About this customer.")
    parent_id: strawberry.ID | None = optional("A part of this task.")
    is_subtask: bool | None = optional("True: only parts of other tasks. False: only what is part of none.")
    overdue: bool | None = optional("True: only what is open and late. False: only what is not.")
    due: DuePeriod | None = optional(
        "Due in this period, done or not: all day on one of its days, or at an instant in them."
    )
    due_days: DateRange | None = optional("Due on one of these days: all day, or at an instant in them.")
    time_zone: str | None = optional(
        "The time zone whose days `due` and `dueDays` mean, as the IANA database names it: `Europe/Paris`. "
        "Without it, yours."
    )
