"""Which events a subscription selects, and where it starts: cursors of the event log."""

from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from engine.caller import Caller
from engine.live.followed import Followed
from engine.live.known import Named
from engine.read.rows import Rows
from engine.read.slots import BadInput, Slot


def encode_cursor(org_id: UUID, number: int) -> str:
    """The opaque cursor of an organisation's event. Its 24 bytes hold both, so that a stranger's cursor is
    recognised."""
    return b64encode(org_id.bytes + number.to_bytes(8)).decode()


def decode_cursor(text: str) -> tuple[UUID, int]:
    """The organisation and the number of a cursor. Raises `ValueError` for any other text."""
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raw = b""
    if len(raw) != 24 or raw[16] > 0x7F:
        raise ValueError("this is not an event cursor. Send a cursor exactly as it came from this API.")
    return UUID(bytes=raw[:16]), int.from_bytes(raw[16:])


class EventSelection(ABC):
    """The events that a subscription selects, and the cursor that it starts after."""

    after: Slot | None
    log: ClassVar[Followed | None] = None
    """What it selects from; None for the event log."""

    def row(self, event: Any) -> Any:
        """An event as the fields of the subscription's type read it."""
        return event

    @abstractmethod
    def named(self, variables: Mapping[str, Any]) -> Named:
        """The records that it names, by argument."""

    @abstractmethod
    def rows(self) -> Rows:
        """The events, in the order they were committed, after the parameter `after` and up to the parameter `to`, at
        most `size`."""

    @abstractmethod
    def matcher(self, variables: Mapping[str, Any], caller: Caller) -> Callable[[Mapping[str, Any]], bool]:
        """The same conditions for a single event, so that nothing is rendered for a stream that does not select it."""

    def start(self, variables: Mapping[str, Any], org_id: UUID, seen: str | None = None) -> int | None:
        """The number to start after; None means from now on. Raises `BadInput` for a cursor of another log.

        `seen` is the cursor of the last event that a client received, if its transport carries one. It takes precedence
        over `after`, because a client that reconnects by itself sends its first operation again.
        """
        if seen is None:
            if self.after is None:
                return None
            seen = self.after.get(variables)
        try:
            organisation, number = decode_cursor(seen)
        except ValueError as error:
            raise BadInput.at("after", error) from error
        if organisation != org_id:
            raise BadInput.at(
                "after", "this cursor belongs to another organisation's events. Query `cursor` for one of yours."
            )
        return number
