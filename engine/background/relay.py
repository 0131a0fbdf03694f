"""The relay: publishes the event log to a broker, from which other systems read it.

Broker        where events are published; it knows the last one that it has of each organisation
└ NatsBroker  NATS JetStream                                    (relay_nats.py)

A consumer publishes the events of an organisation one after the other, each after the broker has stored the one
before. So what the broker has is a part of the log without a gap, whatever is killed between, and what comes next is
the event after the last one that it has. The consumer's position moves when all of a batch are stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, text

from engine.background.consumers import Consumer
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.rules.ids import public_id

NAME = "relay"

WHICH = Statement(
    text(
        """
        SELECT log.head, event.id FROM event_log AS log
        LEFT JOIN event ON event.org_id = :org_id AND event.number = :number
        WHERE log.org_id = :org_id
        """
    ).bindparams(ORG, bindparam("number", type_=BigInteger()))
)
"""The number of the last event of the log, and the id of one."""


@dataclass(frozen=True)
class Message:
    """An event as it is published: its organisation, its number in the log, its id, its type, and JSON text."""

    org_id: UUID
    number: int
    id: str
    type: str
    body: bytes


class Broker(Protocol):
    """Where events are published.

    Both raise `ConnectionError` while it cannot be reached, and another exception for what will not succeed later.
    """

    async def last(self, org_id: UUID) -> tuple[int, str] | None:
        """The number and the id of the last event of an organisation that it has; None if it has none."""
        ...

    async def publish(self, message: Message) -> None:
        """Publish an event; it is stored when this returns. One that was published just before, by a process that is
        gone, is stored once."""
        ...


class Diverged(Exception):
    """The broker has events of an organisation that are not in its log."""


def relay(broker: Broker, encode: Callable[[Row], Message]) -> Consumer:
    """The consumer that publishes events, as `encode` makes them from rows of the log."""

    async def make(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        last = await broker.last(org_id)
        number = 0 if last is None else last[0]
        if last is not None and number >= events[0]["number"]:
            await _expect_in_log(connection, org_id, *last)
        for event in events:
            if event["number"] > number:
                await broker.publish(encode(event))
        return False

    return Consumer(NAME, make)


async def _expect_in_log(connection: Connection, org_id: UUID, number: int, id: str) -> None:
    """Refuse to go on from an event that the log does not have: the database was restored from a backup since, and
    has given the number to another one."""
    found = await WHICH.first(connection, org_id=org_id, number=number)
    is_other = found is not None and found["id"] is not None and public_id("event", found["id"]) != id
    if found is None or number > found["head"] or is_other:
        raise Diverged(
            f"The broker's event {number} of the organisation {org_id} is not in the log: the database was restored"
            " since. Remove that organisation's messages from the broker, and the log is published anew."
        )
