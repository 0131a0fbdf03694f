"""Which events may be sent to an endpoint now, in the order that it asks for.

PER_RECORD   events of a record wait for the one before; others go on
STRICT       each event waits for the one before
NONE         no event waits
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from models.tables.webhook import WebhookOrdering
from resolvers.reactions.webhooks.messages import Message

AT_ONCE = 4
"""Requests to an endpoint at the same time."""

READ_AHEAD = 32
"""Events that are read before they can be sent."""

MOST_WAITING = 1_000
"""Events that wait for an endpoint in the database. Beyond that, all later ones wait at its place in the log."""


@dataclass
class SendingQueue:
    """The events of one endpoint between the log and their delivery.

    All up to `position` are settled: delivered, or stored in the database. `reached` is how far the log was read.
    """

    ordering: str
    reached: int
    pending: deque[Message] = field(default_factory=deque)
    waiting: dict[int, Message] = field(default_factory=dict)
    """Those stored, by number."""
    sending: dict[int, Message] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """The number up to which everything is settled."""
        read = [message.number for message in chain(self.pending, self.sending.values()) if not message.stored]
        return min(read) - 1 if read else self.reached

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read for now."""
        return len(self.pending) >= READ_AHEAD

    def add(self, message: Message) -> None:
        """An event that was read from the log."""
        self.reached = message.number
        self.pending.append(message)

    def again(self, message: Message) -> None:
        """An event that was read and not stored is the next one again."""
        at = next((nth for nth, one in enumerate(self.pending) if one.number > message.number), len(self.pending))
        self.pending.insert(at, message)

    def key(self, message: Message) -> str:
        """Events of the same key wait for each other."""
        if self.ordering == WebhookOrdering.NONE:
            return str(message.number)
        return "" if self.ordering == WebhookOrdering.STRICT else message.record

    def heads(self) -> dict[str, Message]:
        """Of what is stored, the first of each key."""
        found: dict[str, Message] = {}
        for number in sorted(self.waiting):
            found.setdefault(self.key(self.waiting[number]), self.waiting[number])
        return found

    def next_due(self) -> datetime | None:
        """When the first of what is stored is due."""
        return min((one.due_at for one in self.heads().values() if one.due_at is not None), default=None)

    def due(self, now: datetime, at_once: int = AT_ONCE) -> Iterator[Message]:
        """What may be sent now; each is being sent from then on."""
        busy = {self.key(message) for message in self.sending.values()}
        for key, message in self.heads().items():
            if len(self.sending) >= at_once:
                return
            if key not in busy and (message.due_at is None or message.due_at <= now):
                busy.add(key)
                self.sending[message.number] = message
                yield message
        blocked = busy | {self.key(message) for message in self.waiting.values()}
        for message in tuple(self.pending):
            if len(self.sending) >= at_once:
                return
            if (key := self.key(message)) not in blocked:
                self.pending.remove(message)
                self.sending[message.number] = message
                yield message
            blocked.add(key)

    def probe(self) -> Iterator[Message]:
        """The one event that an endpoint is tried with whose circuit is open: the oldest."""
        if self.sending or not (self.waiting or self.pending):
            return
        message = self.waiting[min(self.waiting)] if self.waiting else self.pending.popleft()
        self.sending[message.number] = message
        yield message

    def behind_stored(self) -> Iterator[Message]:
        """What was read and waits for something that is stored: it is stored as well, so that others can go on."""
        if self.ordering != WebhookOrdering.PER_RECORD or len(self.waiting) >= MOST_WAITING:
            return
        heads = self.heads()
        for message in tuple(self.pending):
            head = heads.get(self.key(message))
            if head is not None and head.due_at is not None and len(self.waiting) < MOST_WAITING:
                self.pending.remove(message)
                self.store(message, head.due_at)
                yield message

    def ends(self, message: Message, now: datetime) -> None:
        """What waits no longer is out of the way of what comes after it."""
        self.waiting.pop(message.number, None)
        for later in self.waiting.values():
            if self.key(later) == self.key(message):
                later.due_at = now

    def store(self, message: Message, due_at: datetime) -> None:
        """An event waits in the database from now on."""
        message.due_at = due_at
        self.waiting[message.number] = message
