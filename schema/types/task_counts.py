"""The figures of a badge."""

import strawberry

from engine.publish.fields import column


@strawberry.type(
    description="How many open tasks you have, by when they are due. Each is counted once; those without a date, never."
)
class TaskCounts:
    overdue: int = column("overdue", "Those that are late.")
    today: int = column("today", "Those due today that are not late yet.")
    upcoming: int = column("upcoming", "Those due after today.")
