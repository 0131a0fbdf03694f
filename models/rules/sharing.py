"""How a pool assigns leads, one after the other: pure rules on its members, which the caller stores afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class PoolStrategy(StrEnum):
    """How a pool chooses the next of its members."""

    ROUND_ROBIN = "ROUND_ROBIN"
    FEWEST_OPEN = "FEWEST_OPEN"
    WEIGHTED = "WEIGHTED"


@dataclass
class Load:
    """How many leads a member can get: `room` is what remains of the daily cap, None without one."""

    id: UUID
    active: bool
    capacity: int
    room: int | None
    open_leads: int = 0

    @property
    def available(self) -> bool:
        """Whether the member can get one more lead."""
        return self.active and self.room != 0

    def take(self) -> None:
        """Assign the member a lead."""
        self.open_leads += 1
        if self.room is not None:
            self.room -= 1


@dataclass
class Place:
    """A member's place in a pool. `credit` is what a weighted pool owes the member, in shares of a lead.

    `latest` is the number of the latest lead that the member got from the pool, or 0 without any: later leads have
    higher numbers."""

    load: Load
    given: int = 0
    credit: int = 0
    latest: int = 0


@dataclass
class Sharing:
    """A pool while it assigns leads. `turn` is the place of the round robin's next."""

    strategy: str
    places: Sequence[Place]
    turn: int = 0

    def next(self) -> Load | None:
        """Assign the next lead; returns the member's load, or None when no member can get one."""
        choices = {
            PoolStrategy.ROUND_ROBIN: self._round_robin,
            PoolStrategy.FEWEST_OPEN: self._fewest_open,
            PoolStrategy.WEIGHTED: self._weighted,
        }
        chosen = choices[PoolStrategy(self.strategy)]()
        if chosen is None:
            return None
        chosen.given += 1
        chosen.latest = 1 + max(place.latest for place in self.places)
        chosen.load.take()
        return chosen.load

    @property
    def staffed(self) -> bool:
        """Whether any member could get leads if there were no caps."""
        weighted = self.strategy == PoolStrategy.WEIGHTED
        return any(place.load.active and (place.load.capacity or not weighted) for place in self.places)

    def _round_robin(self) -> Place | None:
        """The first available member from the pointer on, which moves past it: a member who is skipped loses the
        turn."""
        for step in range(len(self.places)):
            at = (self.turn + step) % len(self.places)
            if self.places[at].load.available:
                self.turn = (at + 1) % len(self.places)
                return self.places[at]
        return None

    def _fewest_open(self) -> Place | None:
        """Of the members with the fewest open leads, the one who has waited longest: members who close each lead before
        the next one comes take turns."""
        available = [place for place in self.places if place.load.available]
        return min(available, key=lambda place: (place.load.open_leads, place.latest), default=None)

    def _weighted(self) -> Place | None:
        """Of the members who are owed enough, the one who would be owed a whole lead first.

        After any number of leads each member has the exact share, rounded down or up. Source: R. Tijdeman, The chairman
        assignment problem, Discrete Mathematics 32 (1980). A skipped member builds up no credit.
        """
        sharing = [place for place in self.places if place.load.available and place.load.capacity]
        if not sharing:
            return None
        total = sum(place.load.capacity for place in sharing)
        for place in sharing:
            place.credit += place.load.capacity
        spread = max(2 * len(sharing) - 2, 1)
        owed = [place for place in sharing if spread * place.credit >= total]
        chosen = min(
            owed or sharing, key=lambda place: ((spread - 1) * total - spread * place.credit) / place.load.capacity
        )
        chosen.credit -= total
        return chosen
