"""Where a subscription stands in the event log: what a client resumes after, also when it has received nothing yet."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from engine.live.selection import encode_cursor


@dataclass(slots=True, eq=False)
class LogPlace:
    """The number up to which all events of a subscription are delivered, and its cursor. It has none before it starts.

    `reached` is set while the subscription waits for the next event: the number that its stream has reached by then.
    """

    org_id: UUID | None = None
    number: int = 0
    reached: Callable[[], int] | None = None

    @property
    def cursor(self) -> str | None:
        """The cursor to resume after. It moves on with events of the log that the subscription does not select."""
        if self.org_id is None:
            return None
        reached = self.reached() if self.reached is not None else 0
        return encode_cursor(self.org_id, max(self.number, reached))
