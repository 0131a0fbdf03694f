"""Whom an event notifies, and why. Nobody is notified of what they did themselves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from models.database import Row
from models.event_keys import key
from models.event_types import EventType
from models.rules.ids import split_id
from models.rules.text import spelled
from models.tables.notification import NotificationReason

TO_OWNER = key(EventType.LEAD_ASSIGNED, "to")

ASSIGNEE = key(EventType.TASK_SCHEDULED, "assignee_id")

REPEATS = key(EventType.TASK_SCHEDULED, "repeats")

CHANGES = key(EventType.TASK_UPDATED, "changes")

TEXTS: Mapping[str, str] = {
    EventType.ACTIVITY_LOGGED: key(EventType.ACTIVITY_LOGGED, "body"),
    EventType.TASK_SCHEDULED: key(EventType.TASK_SCHEDULED, "notes"),
}
"""The texts of new records that can mention members, by event."""

CHANGED_TEXTS: Mapping[str, tuple[str, str]] = {
    EventType.ACTIVITY_UPDATED: (key(EventType.ACTIVITY_UPDATED, "changes"), spelled("body")),
    EventType.TASK_UPDATED: (CHANGES, spelled("notes")),
}
"""Where events hold the same texts, as they were and as they are now."""

MENTION = re.compile(r"@member_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f-])", re.ASCII)
"""How a text mentions a member: by the public id, so that a program writes it, and no name is mistaken for another."""

MOST_MENTIONED = 50
"""Members that one text can mention; those after them are not notified."""

OF_TASKS_NOW: Mapping[str, NotificationReason] = {
    EventType.TASK_OVERDUE: NotificationReason.TASK_OVERDUE,
    EventType.TASK_REMINDED: NotificationReason.REMINDER,
}
"""Events of a task that notify the member who is to do it now."""


@dataclass(frozen=True)
class Noted:
    """A member to be notified of an event: why, and of which lead or task."""

    member_id: UUID
    reason: NotificationReason
    number: int
    lead_id: UUID | None
    task_id: UUID | None
    actor_id: UUID | None
    happened_at: datetime


def tasks_of(events: Iterable[Row]) -> list[UUID]:
    """The tasks whose present assignees the events notify."""
    return sorted({event["record_id"] for event in events if event["type"] in OF_TASKS_NOW})


def noted(events: Sequence[Row], assignees: Mapping[UUID, UUID]) -> list[Noted]:
    """Whom the events notify, in their order. `assignees` are those of open tasks, by task."""
    found = []
    for event in events:
        whom = dict.fromkeys(_mentioned(event), NotificationReason.MENTIONED)
        member_id, reason = _whom(event, assignees)
        if member_id is not None and reason is not None:
            whom[member_id] = reason  # one event is one notification of a member
        for member_id, reason in whom.items():
            if member_id != event["actor_id"]:
                task_id = event["record_id"] if event["type"].startswith("task.") else None
                known = (event["lead_id"], task_id, event["actor_id"], event["occurred_at"])
                found.append(Noted(member_id, reason, event["number"], *known))
    return found


def mentions(text: str | None) -> list[UUID]:
    """The members that a text mentions, each once, in order."""
    return list(dict.fromkeys(UUID(found) for found in MENTION.findall(text or "")))[:MOST_MENTIONED]


def _mentioned(event: Row) -> list[UUID]:
    """The members that a new text mentions, or that a changed one mentions now and did not before."""
    type_ = event["type"]
    if (type_ not in TEXTS and type_ not in CHANGED_TEXTS) or "@member_" not in event["data"]:
        return []
    data = orjson.loads(event["data"])
    if type_ in TEXTS:
        return [] if data.get(REPEATS) else mentions(data.get(TEXTS[type_]))
    changes, name = CHANGED_TEXTS[type_]
    was, now = data.get(changes, {}).get(name, (None, None))
    known = set(mentions(was))
    return [member_id for member_id in mentions(now) if member_id not in known]


def _whom(event: Row, assignees: Mapping[UUID, UUID]) -> tuple[UUID | None, NotificationReason | None]:
    type_ = event["type"]
    if type_ in OF_TASKS_NOW:
        return assignees.get(event["record_id"]), OF_TASKS_NOW[type_]
    if type_ == EventType.LEAD_STAGE_CHANGED:
        return event["owner_id"], NotificationReason.STAGE_CHANGED_OF_YOURS
    return _given_to(event), NotificationReason.ASSIGNED


def _given_to(event: Row) -> UUID | None:
    """The member who got the lead or the task with this event."""
    type_ = event["type"]
    if type_ == EventType.LEAD_CREATED:
        owner: UUID | None = event["owner_id"]
        return owner
    if type_ not in (EventType.LEAD_ASSIGNED, EventType.TASK_SCHEDULED, EventType.TASK_UPDATED):
        return None
    data = orjson.loads(event["data"])
    if type_ == EventType.LEAD_ASSIGNED:
        return _id(data.get(TO_OWNER))
    if type_ == EventType.TASK_SCHEDULED:
        return None if data.get(REPEATS) else _id(data.get(ASSIGNEE))
    changed = data.get(CHANGES, {}).get(spelled("assignee_id"))
    return _id(changed[1]) if changed else None


def _id(public: Any) -> UUID | None:
    return None if public is None else split_id(public)[1]
