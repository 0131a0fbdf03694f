"""How many open tasks the caller has, by when they are due: the numbers of a badge."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func

from engine.read.json_text import Expression
from engine.read.rows import Same, rows
from engine.read.slots import Args
from models.tables.task import Task
from resolvers.reads.tasks.due import NOW, Calendar, calendar
from resolvers.reads.tasks.filters import OPEN, late, viewer_id


@dataclass(frozen=True)
class Mine:
    """The caller's open tasks by due date, counted by a calendar.

    Each number walks its own range of one index.
    """

    by: Calendar

    @property
    def overdue(self) -> Expression:
        """The number of overdue tasks."""
        return self._count(late)

    @property
    def today(self) -> Expression:
        """The number of tasks due today that are not overdue; a day that is over here but not where the assignee lives
        is today."""
        by = self.by

        def due(task: Any) -> ColumnElement[bool]:
            return and_(task.deadline >= NOW, by.due(task, None, by.today))

        return self._count(due)

    @property
    def upcoming(self) -> Expression:
        """The number of tasks due after today: all that are not overdue, without today's."""
        return self._count(lambda task: task.deadline >= NOW) - self.today

    @property
    def undated(self) -> Expression:
        """The number of tasks without a due date."""
        return self._count(lambda task: task.deadline.is_(None))

    def _count(self, wanted: Any) -> Expression:
        found = rows(Task)
        task = found.entity
        mine = found.where(task.assignee_id == viewer_id(), task.status == OPEN, wanted(task))
        return mine.select(func.count()).scalar_subquery()


def task_counts(viewer: Any, args: Args) -> Same:
    """The caller's tasks, by the calendar of the named time zone or of the caller's own."""
    return Same(Mine(calendar(args.get("time_zone"))))
