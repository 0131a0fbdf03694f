"""The counts of the caller's open tasks."""

import strawberry

from engine.publish.fields import column


@strawberry.type(description="How many open tasks you have, by when they are due. Each is counted once.")
class TaskCounts:
    overdue: int = column("overdue", "Overdue tasks.")
    today: int = column("today", "Tasks due today that are not overdue yet.")
    upcoming: int = column("upcoming", "Tasks due after today.")
    undated: int = column("undated", "Tasks without a due date.")
