"""Which events concern a member: what is theirs, what they are given, and what is taken from them."""

from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal_column, or_

from engine.read.json_text import Expression, quoted, typed_id
from engine.read.rows import rows
from models.event_keys import key
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.task import Task
from resolvers.reads.events.event_fields import CHANGES

FROM_OWNER = key(EventType.LEAD_ASSIGNED, "from_")

ASSIGNEE = key(EventType.TASK_SCHEDULED, "assignee_id")

OWNER = spelled("owner_id")

CONCERNED = f"""
            ARRAY[
                'member_' || event.owner_id, event.data ->> '{FROM_OWNER}', event.data ->> '{ASSIGNEE}',
                event.data #>> '{{{CHANGES},{OWNER},0}}', event.data #>> '{{{CHANGES},{OWNER},1}}',
                event.data #>> '{{{CHANGES},{ASSIGNEE},0}}', event.data #>> '{{{CHANGES},{ASSIGNEE},1}}',
                (SELECT 'member_' || assignee_id FROM task WHERE task.org_id = :org_id AND task.id = event.record_id)
            ]"""
"""The same for a single event, as SQL: the public ids of those whom it concerns, among nulls and other texts."""


def concerns(event: Any, member_id: Expression) -> ColumnElement[bool]:
    """Whether an event is about a lead that the member owns, got or lost with it, or a task that is theirs now, or that
    they got or lost with it."""
    named = typed_id("member", member_id)
    task = rows(Task, event.record_id)
    is_theirs = exists(task.where(task.entity.assignee_id == member_id).select(literal_column("1")))
    return or_(
        event.owner_id == member_id,
        case((event.type == quoted(EventType.LEAD_ASSIGNED), event.data.op("->>")(quoted(FROM_OWNER)) == named)),
        case((func.starts_with(event.type, quoted("lead.")), _changed(event, OWNER, named))),
        case(
            (
                func.starts_with(event.type, quoted("task.")),
                or_(event.data.op("->>")(quoted(ASSIGNEE)) == named, _changed(event, ASSIGNEE, named), is_theirs),
            )
        ),
    )


def _changed(event: Any, field: str, named: Expression) -> ColumnElement[bool]:
    """Whether a field was, or is now, what is named."""
    both: Any = event.data.op("->")(quoted(CHANGES)).op("->")(quoted(field))
    return or_(*(both.op("->>")(literal_column(at)) == named for at in ("0", "1")))
