"""Places: the connections that one kind of work may hold, who holds how many, and who waits for one."""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

MOST_WAITING = 500
"""Operations of one member and kind that wait; more are refused at once, so that a queue cannot fill the memory."""

Place = tuple[UUID, str | None]
"""An organisation, and the member who holds the place; None for work that is done for all of it."""


class Work(StrEnum):
    """The kinds of work that take connections: queries and replays, mutations, and the rendering of new events."""

    READ = "read"
    CHANGE = "change"
    EVENT = "event"


class Waiter:
    """One operation that may have to wait for its place. One that is `patient` waits however many do."""

    __slots__ = ("future", "org_id", "patient", "person", "queued")

    future: asyncio.Future[None]
    """Done when it has its place, or is refused it."""
    queued: bool

    def __init__(self, org_id: UUID, member: str | None, patient: bool) -> None:
        self.org_id = org_id
        self.person: Place = (org_id, member)
        self.patient = patient


@dataclass(eq=False)
class Places:
    """The places of one kind of work: who holds how many, and who waits."""

    work: Work
    reserved: int
    per_organisation: int
    per_member: int
    used: int = 0
    organisations: dict[UUID, int] = field(default_factory=dict)
    members: dict[Place, int] = field(default_factory=dict)
    waiting: OrderedDict[UUID, OrderedDict[Place, deque[Waiter]]] = field(default_factory=OrderedDict)

    def fits(self, person: Place) -> bool:
        """Whether the organisation and the member may hold one more."""
        return (
            self.members.get(person, 0) < self.per_member
            and self.organisations.get(person[0], 0) < self.per_organisation
        )

    def count(self, person: Place, change: int) -> None:
        """Count one more, or one less. Nothing is kept of who holds none."""
        self.used += change
        for counts, key in ((self.organisations, person[0]), (self.members, person)):
            held: int = counts.get(key, 0) + change  # type: ignore[arg-type]
            if held:
                counts[key] = held  # type: ignore[index]
            else:
                del counts[key]  # type: ignore[arg-type]

    def join(self, waiter: Waiter) -> bool:
        """Queue behind others of the same member; False when too many wait there."""
        members = self.waiting.setdefault(waiter.org_id, OrderedDict())
        queue = members.setdefault(waiter.person, deque())
        if len(queue) >= MOST_WAITING and not waiter.patient:
            return False
        queue.append(waiter)
        waiter.queued = True
        return True

    def leave(self, waiter: Waiter) -> None:
        """Leave the queue without a trace."""
        if waiter.queued:
            waiter.queued = False
            self.waiting[waiter.org_id][waiter.person].remove(waiter)
            self._tidy(waiter.person)

    def next(self) -> Waiter | None:
        """The next one that may have a place, out of the queue; its organisation and member go to the end of theirs.

        Those passed over hold places, so there are no more of them than places.
        """
        for org_id, members in self.waiting.items():
            if self.organisations.get(org_id, 0) >= self.per_organisation:
                continue
            for person, queue in members.items():
                if self.members.get(person, 0) < self.per_member:
                    waiter = queue.popleft()
                    waiter.queued = False
                    members.move_to_end(person)
                    self.waiting.move_to_end(org_id)
                    self._tidy(person)
                    return waiter
        return None

    def _tidy(self, person: Place) -> None:
        members = self.waiting[person[0]]
        if not members[person]:
            del members[person]
        if not members:
            del self.waiting[person[0]]
