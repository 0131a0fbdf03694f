"""Which organisations are large: their filtered lists are planned for their values, all other queries once for all.

A plan that is made once estimates as if all organisations were alike. For a small one it is right, and planning anew
would take as long as the query. In one of a million leads, the same plan sorts them all for a page of fifty.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID

from models.database import UNREACHABLE, Connection, Database

LASTS = 600.0
"""Seconds until the size of an organisation is looked at again."""

MOST_KNOWN = 100_000
"""Organisations whose size is remembered."""

MOST_LOOKING = 2
"""Sizes that are looked at once; others wait for a later request."""


class Sizes:
    """Which organisations are large, as `measure` says; looked at beside a request, which does not wait for it."""

    def __init__(self, database: Database, measure: Callable[[Connection, UUID], Awaitable[bool]]) -> None:
        self.database = database
        self.measure = measure
        self.known: OrderedDict[UUID, tuple[bool, float]] = OrderedDict()
        self.looking: dict[UUID, asyncio.Task[None]] = {}

    def is_large(self, org_id: UUID) -> bool:
        """Whether the organisation was large when it was last looked at; false as long as that is not known."""
        large, until = self.known.get(org_id, (False, 0.0))
        if monotonic() >= until and org_id not in self.looking and len(self.looking) < MOST_LOOKING:
            task = self.looking[org_id] = asyncio.create_task(self._look(org_id))
            task.add_done_callback(lambda _: self.looking.pop(org_id))
        return large

    async def _look(self, org_id: UUID) -> None:
        try:
            async with self.database.acquire() as connection:
                large = await self.measure(connection, org_id)
        except UNREACHABLE:
            return  # the next request looks again
        self.known[org_id] = large, monotonic() + LASTS
        self.known.move_to_end(org_id)
        if len(self.known) > MOST_KNOWN:
            self.known.popitem(last=False)
