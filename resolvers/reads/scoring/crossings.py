"""The crossings of bands that a subscription selects."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows
from engine.read.slots import Args, Slot
from models.event_keys import key
from models.event_types import EventType
from resolvers.reads.events.subscriptions import EventFilter

CROSSED = EventType.LEAD_SCORE_CROSSED
BAND, FROM_BAND = key(CROSSED, "band"), key(CROSSED, "from_band")


@dataclass(frozen=True)
class Crossings(EventFilter):
    """Crossings of bands; with a band, of those that enter or leave it. It is checked in the database."""

    band: Slot | None

    def rows(self) -> Rows:
        """The crossings, in the order they were committed."""
        found = super().rows()
        if self.band is None:
            return found
        data: Any = found.entity.data
        band: Expression = self.band.bind(Text())
        return found.where((data.op("->>")(quoted(BAND)) == band) | (data.op("->>")(quoted(FROM_BAND)) == band))


def crossings(root: Any, args: Args) -> Crossings:
    """The crossings of bands that match the filters."""
    return Crossings((CROSSED,), args.get("pipeline_id"), None, None, None, args.get("after"), args.get("band"))
