"""Open sockets and streams, by member.

The server ends them when it stops, when their member is deactivated or gets another role, and when their organisation
is suspended. A member has at most as many as the setting allows.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.caller import Caller, Person
from models.rules.roles import Role


@dataclass(frozen=True)
class Ending:
    """Why a connection is ended: the close code of sockets, and the reason."""

    code: int
    reason: str


RESTART = Ending(1012, "Service restart: reconnect")

ROLE_CHANGED = Ending(1012, "Your role changed: reconnect")

End = Callable[[Ending], None]


class TooMany(Exception):
    """A member has as many connections as are allowed."""


@dataclass
class Connections:
    """The sockets and streams of this process, by their member."""

    most: int
    leaving: bool = False
    _ends: dict[Person, dict[End, Caller]] = field(default_factory=dict)
    _empty: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return sum(map(len, self._ends.values()))

    @property
    def members(self) -> list[Person]:
        """The members who have open sockets or streams."""
        return list(self._ends)

    @contextmanager
    def joined(self, who: Caller, end: End) -> Iterator[None]:
        """Count a connection while it is open. `end` is called to end it. Raises `TooMany`."""
        member = who.person
        ends = self._ends.setdefault(member, {})
        if len(ends) >= self.most:
            raise TooMany
        ends[end] = who
        if self.leaving:
            end(RESTART)
        try:
            yield
        finally:
            ends.pop(end, None)
            if not ends:
                self._ends.pop(member, None)
            if not self._ends:
                self._empty.set()

    def end(self, member: Person, ending: Ending) -> None:
        """End every socket and stream of a member."""
        for end in list(self._ends.get(member, ())):
            end(ending)

    def limit(self, people: Collection[Person], roles: Mapping[Person, Role]) -> None:
        """End the sockets and streams of those of these people whose role is no longer the one they opened it with.

        They reconnect, with the role that they have now.
        """
        for person in people:
            for end, who in list(self._ends.get(person, {}).items()):
                if who.limited(roles.get(person)) is not who:
                    end(ROLE_CHANGED)

    async def drain(self) -> None:
        """Ask all clients to reconnect, and wait until they have left."""
        self.leaving = True
        for member in self.members:
            self.end(member, RESTART)
        while self._ends:
            self._empty.clear()
            await self._empty.wait()
