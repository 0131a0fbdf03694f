"""The events of an endpoint, as its subscription renders them: once for all endpoints that ask for the same."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import Code, RequestError
from engine.failures import Failed
from engine.live.log_place import LogPlace
from engine.live.selection import encode_cursor
from engine.outgoing.http import GuardedHttp
from models.database import Row
from models.event_types import EventType
from models.rules.ids import public_id
from models.rules.roles import Role
from models.tables.webhook import DisabledReason
from models.timeouts import TimedOut
from resolvers.changes.webhooks.documents import THIN, subscription
from resolvers.reactions.webhooks.attempts import Attempted
from resolvers.reactions.webhooks.messages import message_of
from resolvers.reactions.webhooks.queue import SendingQueue

AT_ONCE = 64
"""Requests of a process at the same time."""

LATER = 5.0
"""Seconds after which a reading is tried again that was refused for now."""

FOR_NOW = frozenset({Code.RATE_LIMITED, Code.TOO_MANY_SUBSCRIPTIONS, Code.TIMED_OUT, Code.SERVICE_UNAVAILABLE})


def unobserved(outcome: str, seconds: float) -> None:
    """Observe nothing."""


@dataclass
class Sending:
    """What all sessions of a process share."""

    engine: Engine
    http: GuardedHttp
    observe: Attempted = unobserved
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


@dataclass
class EventReading:
    """Reads the events that a webhook selects, with the role that was chosen for it.

    It also reads when the webhook itself changes, and then reads no further: what comes after that is for a session
    that knows the change. Only where it wants events of leads alone, of a pipeline or by a condition, a change is
    noticed by the next look instead.
    """

    engine: Engine
    caller: Caller
    webhook: str
    row: Row
    place: LogPlace = field(default_factory=LogPlace)
    room: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, engine: Engine, webhook_id: UUID, row: Row) -> Self:
        """The reading of a webhook, by its row."""
        return cls(
            engine,
            Caller(row["organisation"], f"webhook {webhook_id}", Role(row["role"])),
            public_id("webhook", webhook_id),
            row,
        )

    async def run(self, queue: SendingQueue, changed: asyncio.Event) -> DisabledReason | float:
        """Read into the queue until cancelled. Otherwise it returns why the webhook has to be disabled, or the seconds
        after which another session is to read on: none when the webhook has changed."""
        while True:
            try:
                if await self._follow(queue, changed, self.row["selection"]):
                    return 0
            except RequestError as refused:
                if refused.code == Code.CURSOR_EXPIRED:
                    return DisabledReason.CURSOR_EXPIRED
                return LATER if refused.code in FOR_NOW else DisabledReason.SELECTION_INVALID
            except (Failed, TimedOut):
                # This event is too large, or takes too long. Its ids alone are not.
                try:
                    if await self._follow(queue, changed, THIN, most=1):
                        return 0
                except (RequestError, Failed, TimedOut):
                    return LATER

    async def _follow(
        self, queue: SendingQueue, changed: asyncio.Event, selection: str, most: int | None = None
    ) -> bool:
        """Read at most so many events; returns whether the webhook has changed."""
        types = self.row["types"]
        asked = sorted({*types, EventType.WEBHOOK_UPDATED.name}) if types else []
        text, variables = subscription(selection, asked, self.row["pipeline_id"], self.row["condition"])
        prepared = self.engine.documents.prepare(text)
        self.place = LogPlace()
        seen = encode_cursor(self.caller.org_id, queue.reached)
        stream = self.engine.subscribe(prepared, variables, self.caller, seen, self.place)
        async with aclosing(stream) as frames:
            async for frame in frames:
                if not frame.body:
                    continue
                while queue.is_full:
                    self.room.clear()
                    await self.room.wait()
                message = message_of(frame, self.caller.organisation)
                is_updated = message.type == EventType.WEBHOOK_UPDATED
                if is_updated and message.record == self.webhook and message.number > self.row["head"]:
                    return True
                if is_updated and types and EventType.WEBHOOK_UPDATED.name not in types:
                    continue
                queue.add(message)
                changed.set()
                if most is not None and (most := most - 1) == 0:
                    return False
        return False

    def pass_unselected(self, queue: SendingQueue) -> None:
        """Move on past events of the log that the webhook does not select."""
        place = self.place
        if place.org_id is not None and place.reached is not None:
            queue.reached = max(queue.reached, place.number, place.reached())
