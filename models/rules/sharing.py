"""How a pool gives leads out, one after the other: pure rules over its members, whom the caller keeps in step."""

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
    """What a member can be given: `room` is what is left of the day's leads, None without a cap."""

    id: UUID
    active: bool
    capacity: int
    room: int | None
    open_leads: int = 0

    @property
    def available(self) -> bool:
        """Whether the member can be given one more lead."""
        return self.active and self.room != 0

    def take(self) -> None:
        """Give the member a lead."""
        self.open_leads += 1
        if self.room is not None:
            self.room -= 1


@dataclass
class Place:
    """A member's place in a pool. `credit` is what a weighted pool owes the member, in shares of a lead."""

    load: Load
    given: int = 0
    credit: int = 0


@dataclass
class Sharing:
    """A pool while it gives leads out. `turn` is the place of the round robin's next."""

    strategy: str
    places: Sequence[Place]
    turn: int = 0

    def next(self) -> Load | None:
        """Who gets the next lead, who is then given it; None when nobody can be given one."""
        choices = {
            PoolStrategy.ROUND_ROBIN: self._round_robin,
            PoolStrategy.FEWEST_OPEN: self._fewest_open,
            PoolStrategy.WEIGHTED: self._weighted,
        }
        chosen = choices[PoolStrategy(self.strategy)]()
        if chosen is None:
            return None
        chosen.given += 1
        chosen.load.take()
        return chosen.load

    @property
    def staffed(self) -> bool:
        """Whether anybody could be given leads, were it not for the caps."""
        weighted = self.strategy == PoolStrategy.WEIGHTED
        return any(place.load.active and (place.load.capacity or not weighted) for place in self.places)

    def _round_robin(self) -> Place | None:
        """The first available from the pointer on, which then stands behind: a member passed over loses the turn."""
        for step in range(len(self.places)):
            at = (self.turn + step) % len(self.places)
            if self.places[at].load.available:
                self.turn = (at + 1) % len(self.places)
                return self.places[at]
        return None

    def _fewest_open(self) -> Place | None:
        available = [place for place in self.places if place.load.available]
        return min(available, key=lambda place: place.load.open_leads, default=None)

    def _weighted(self) -> Place | None:
        """Of those to whom enough is owed, who would be owed a whole lead first.

        After any number of leads each member has the exact share, rounded down or up. Source: R. Tijdeman, The chairman
        assignment problem, Discrete Mathematics 32 (1980). Who is passed over is owed nothing for it.
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
