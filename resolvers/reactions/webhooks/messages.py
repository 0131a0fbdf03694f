"""An event as the body of a request, made from what the subscription of the webhook has rendered."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from engine.live.selection import decode_cursor
from engine.live.shared_stream import Frame
from models.event_types import EventType
from models.rules.ids import public_id
from resolvers.changes.webhooks import documents

LARGEST = 256 * 1024
"""Bytes of a body. A larger one is sent with the ids alone, for the receiver to query what it needs."""

TEST = "webhook.test"


@dataclass
class Message:
    """An event that is to be sent: its number in the log, its record, its body, and how often it was tried.

    `stored` says that it waits in the database; then its body is there as well, and is read when it is needed.
    """

    number: int
    event_id: UUID
    type: str
    record: str
    body: bytes = field(repr=False)
    attempts: int = 0
    due_at: datetime | None = None
    stored: bool = False
    given_up: bool = False

    @property
    def public_event(self) -> str:
        """The public id of the event."""
        return public_id("event", self.event_id)

    def snapshot(self) -> "Message":
        """The same, as it is now: what is written must not change meanwhile."""
        return replace(self)


def message_of(frame: Frame, organisation: str) -> Message:
    """The message of a rendered event."""
    event: dict[str, Any] = orjson.loads(frame.body)["data"]["events"]
    event_id, type_, at, cursor, record, lead = (
        event.pop(key)
        for key in (*(documents.ID, documents.TYPE, documents.AT, documents.CURSOR, documents.RECORD, documents.LEAD),)
    )
    number = decode_cursor(cursor)[1]
    name = EventType[type_].value
    given = {"type": name, "timestamp": at, "cursor": cursor, "organisation": organisation}
    body = orjson.dumps({**given, "data": event})
    if len(body) > LARGEST:
        body = orjson.dumps({**given, "data": {"id": event_id, "recordId": record}, "thin": True})
    key = (lead or {}).get("id") or record or ""
    return Message(number, UUID(event_id.rpartition("_")[2]), name, key, body)


def test_message(test_id: UUID, organisation: str, at: datetime) -> Message:
    """The message of a test, which is no event of the log."""
    given: dict[str, Any] = {
        "type": TEST,
        "timestamp": at.isoformat(),
        "cursor": None,
        "organisation": organisation,
        "data": {},
    }
    return Message(0, test_id, TEST, "", orjson.dumps(given))
