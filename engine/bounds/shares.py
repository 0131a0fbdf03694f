"""Shares: how many connections of the pool the reads, changes and events of one organisation may hold at once.

Everything that serves a client is admitted here before it takes a connection. One connection of the pool is never
given out: background work and the checks of tokens find it. Each kind of work has some that no other kind can take, so
reads never take the last ones from changes and events. Beyond these, whatever comes first takes what is free.

An organisation holds at most a share of the pool for each kind of work, and a member a smaller one. What does not fit
waits in a queue: first organisations take turns, then the members of each. It waits for a bounded time, and is then
refused with RATE_LIMITED.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

from engine.bounds.places import Place, Places, Waiter, Work
from engine.errors import Code, RequestError, refusal

Hit = Callable[[str], None]
"""Takes the name of a bound that an operation has hit."""


def unseen(bound: str) -> None:
    """Report nothing."""


class Admission(Waiter):
    """The place of one operation: taken when the block is entered, given back at its end.

    Entering raises `RequestError` RATE_LIMITED after the wait limit of the shares, unless it is `patient`.
    """

    __slots__ = ("places", "shares")

    def __init__(self, shares: "Shares", places: Places, org_id: UUID, member: str | None, patient: bool) -> None:
        super().__init__(org_id, member, patient)
        self.shares = shares
        self.places = places

    async def __aenter__(self) -> None:
        # Nobody can be overtaken here: whenever a place is given back, all who fit are admitted at once.
        if self.shares.free(self.places) and self.places.fits(self.person):
            self.shares.take(self.places, self.person)
        else:
            await self.shares.wait(self)

    async def __aexit__(self, *failure: object) -> None:
        self.shares.release(self)


class Shares:
    """The places of one process, for a pool of so many `connections`.

    `organisation` and `member` are parts of the pool, 1 is no limit, `wait` is in seconds. `hit` takes the name of each
    bound that refuses an operation.
    """

    def __init__(
        self,
        connections: int = 10,
        *,
        organisation: float = 0.5,
        member: float = 0.4,
        wait: float = 5.0,
        hit: Hit = unseen,
    ) -> None:
        self.capacity = max(1, connections - 1)
        self.seconds = wait
        self.hit = hit
        least = int(self.capacity >= len(Work))
        reserved = {
            Work.READ: max(least, connections // 5),
            Work.CHANGE: max(least, connections // 5),
            Work.EVENT: max(least, connections // 10),
        }
        self.kinds: dict[Work, Places] = {}
        for work in Work:
            # A part is never all that a kind can have, also of a small pool: one alone must not stop the others.
            most = self.capacity - sum(reserved.values()) + reserved[work]
            per_organisation = max(1, min(int(connections * organisation), most - (organisation < 1)))
            per_member = max(1, min(int(connections * member), per_organisation - (member < 1)))
            if work is Work.EVENT:
                per_member = per_organisation  # events are rendered for the organisation, not for a member
            self.kinds[work] = Places(work, reserved[work], per_organisation, per_member)
        self.turns = deque(self.kinds.values())
        self.claimed = sum(reserved.values())
        """Places that are held or reserved."""

    def admit(self, work: Work, org_id: UUID, member: str | None = None, *, patient: bool = False) -> Admission:
        """A place, for as long as the block of the `async with` runs. One that is `patient` is never refused."""
        return Admission(self, self.kinds[work], org_id, member, patient)

    def free(self, places: Places) -> bool:
        """Whether there is a place for this kind of work, without those that are reserved for others."""
        return places.used < places.reserved or self.claimed < self.capacity

    def take(self, places: Places, person: Place) -> None:
        """Take a place that is free."""
        if places.used >= places.reserved:
            self.claimed += 1
        places.count(person, 1)

    async def wait(self, admission: Admission) -> None:
        """Wait for a place. Raises `RequestError` RATE_LIMITED when none is free in time, or too many wait already."""
        loop = asyncio.get_running_loop()
        places = admission.places
        if not places.join(admission):
            raise self._refused(admission)
        admission.future = future = loop.create_future()
        timer = None if admission.patient else loop.call_later(self.seconds, self._give_up, admission)
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                places.leave(admission)
            elif future.exception() is None:  # it was admitted and cancelled in the same round of the loop
                self.release(admission)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def release(self, admission: Admission) -> None:
        """Give a place back, and admit all who fit now."""
        places = admission.places
        if places.used > places.reserved:
            self.claimed -= 1
        places.count(admission.person, -1)
        while any(self._admit_next(places) for places in tuple(self.turns) if places.waiting):
            """Until nobody fits any more."""

    def _admit_next(self, places: Places) -> bool:
        admission = places.next() if self.free(places) else None
        while admission is not None and admission.future.done():  # cancelled in this round of the loop
            admission = places.next()
        if admission is None:
            return False
        self.take(places, admission.person)
        admission.future.set_result(None)
        self.turns.remove(places)
        self.turns.append(places)
        return True

    def _give_up(self, admission: Admission) -> None:
        if not admission.future.done():
            admission.places.leave(admission)
            admission.future.set_exception(self._refused(admission))

    def _refused(self, admission: Admission) -> RequestError:
        places = admission.places
        self.hit(f"{places.work}_share")
        if places.members.get(admission.person, 0) >= places.per_member:
            why = f"You have {places.per_member} operations running, your share of this server"
        elif places.organisations.get(admission.org_id, 0) >= places.per_organisation:
            why = f"Your organisation has {places.per_organisation} operations running, its share of this server"
        else:
            why = "This server has as many operations running as it can"
        return refusal(Code.RATE_LIMITED, f"{why}. Wait for their answers, then send this again.")
