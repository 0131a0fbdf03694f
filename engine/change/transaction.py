"""A change: one transaction that locks what it decides on, writes, and appends its events to the organisation's log.

async with one transaction:
    the caller's member record     created if there is none; refused when deactivated, or when its role is too low
    the change itself              a function that takes a `Change` and the fields of the mutation's input
    events                         in one statement that takes the log's counter last, so its lock is short
wake-up                            after the commit; it carries nothing but the organisation's id
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from engine.caller import Caller
from engine.change.events import Appended, Beside, Cause, append
from engine.change.idempotency import Idempotency, recall, remember
from engine.domain import Domain
from engine.errors import Code
from engine.failures import Failed
from engine.live.selection import encode_cursor
from engine.outgoing.outlet import Outlet
from engine.read.redirects import MERGED
from models.database import Connection, Database, Row, Statement
from models.rules.refusal import Refusal, Refused
from models.rules.roles import Role
from models.tables.event import ActorKind, NewEvent

ATTEMPTS = 5
"""How often a change is tried if PostgreSQL aborts it to break a deadlock."""

PAUSE = 0.02
"""Seconds that a change waits at most before it is tried again, doubled each time. It waits a random part of them: two
changes that meet each other would else meet again."""

CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Failures that do not lie in the change: other changes at the same time caused them."""


@dataclass
class Change:
    """The context of a change: its transaction, its caller, its name, what it follows from, and what it writes at the
    end. A batch of a run has the run's id. `counted` is what the domain collects to write `beside` the events."""

    connection: Connection
    caller: Caller
    actor_id: UUID
    mutation: str
    run_id: UUID | None = None
    actor_kind: ActorKind = ActorKind.MEMBER
    depth: int = 0
    new_events: list[NewEvent] = field(default_factory=list)
    counted: Any = None
    beside: Beside | None = None
    appended: Appended | None = None
    outlet: Outlet = field(default_factory=Outlet)

    @property
    def org_id(self) -> UUID:
        """The caller's organisation."""
        return self.caller.org_id

    async def first(self, statement: Statement, **values: Any) -> Row | None:
        """The first row of a statement, in the caller's organisation."""
        return await statement.first(self.connection, org_id=self.org_id, **values)

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows of a statement, in the caller's organisation."""
        return await statement.all(self.connection, org_id=self.org_id, **values)

    async def run(self, statement: Statement, **values: Any) -> None:
        """Run a statement for its effect, in the caller's organisation."""
        await statement.run(self.connection, org_id=self.org_id, **values)

    async def merged(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """The ids that belong to merged records, and the ids of the records they were merged into."""
        return {row["id"]: row["into_id"] for row in await self.all(MERGED, ids=list(ids))} if ids else {}

    def emit(self, new_event: NewEvent) -> None:
        """Add an event, which is written to the log at the end of the change."""
        self.new_events.append(new_event)

    async def finish(self, domain: Domain) -> None:
        """Write the events, and the rows that are written beside them."""
        if self.new_events:
            self.beside = domain.beside(self.new_events, self.counted)
            cause = Cause(self.actor_kind, self.actor_id, self.mutation, self.run_id, self.depth)
            self.appended = await append(self.connection, self.org_id, self.new_events, cause, self.beside)

    def shown(self) -> Mapping[str, Any]:
        """What every payload can show of a change that has finished; nothing when it had no events."""
        if self.appended is None:
            return {}
        cursor = encode_cursor(self.org_id, self.appended.number)
        beside = self.beside.shown() if self.beside else {}
        return {"cursor": cursor, "change_id": self.appended.change_id, **beside}


class Contended(Failed):
    """Other changes of the same records got in the way of each attempt. Nothing has changed."""

    def __init__(self) -> None:
        super().__init__(
            Code.SERVICE_UNAVAILABLE,
            "Others change the same records right now, and nothing has changed. Send this again in a moment.",
        )


ChangeFunction = Callable[..., Awaitable[Mapping[str, Any]]]
"""Makes a change, given the `Change` and the fields of its input; returns the values of the payload, by field."""


@dataclass(frozen=True)
class Mutation:
    """A mutation by its name in events. It names records by the ids of those that were merged into them, too, unless
    it takes only `own_ids`: to delete a record one has to have seen that record, not one of those it was made of.

    It needs this `role`, in the token and of the member."""

    name: str
    function: ChangeFunction
    own_ids: bool = False
    role: Role = Role.VIEWER


async def perform(
    database: Database,
    domain: Domain,
    caller: Caller,
    mutation: Mutation,
    values: Mapping[str, Any],
    idempotency: Idempotency | None = None,
) -> Mapping[str, Any]:
    """Make a change in one transaction and return the values of its payload. Raises `Refused`; then nothing has
    changed.

    With an idempotency key, a repeated change is not made again: the first result is returned. A refusal changes
    nothing, so it is not stored. A change that does not find a record is tried again with the ids of merged records
    replaced, so that merges cost nothing as long as all records exist. Raises `Contended` when it met deadlocks in all
    of its attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.transaction(database.change_timeout) as connection:
                return await _perform(connection, domain, caller, mutation, values, idempotency)
        except CONTENDED as failure:
            if attempt == ATTEMPTS:
                raise Contended from failure
            await asyncio.sleep(random.uniform(0, PAUSE * 2 ** (attempt - 1)))
        except Refused as refused:
            missing = any(found.code is Refusal.NOT_FOUND for found in refused.all)
            if not missing or mutation.own_ids or attempt == ATTEMPTS:
                raise
            async with database.acquire() as connection:
                current = await domain.current_ids(connection, caller.org_id, values)
            if current == values:
                raise
            values = current
    raise AssertionError


async def _perform(
    connection: Connection,
    domain: Domain,
    caller: Caller,
    mutation: Mutation,
    values: Mapping[str, Any],
    idempotency: Idempotency | None,
) -> Mapping[str, Any]:
    actor_id, role = await domain.expect_member(connection, caller)
    caller = caller.limited(role)
    if not caller.role.includes(mutation.role):
        raise Refused(
            Refusal.FORBIDDEN,
            f"This needs the role {mutation.role.lower()}; as a member you have {caller.role.lower()}."
            " Ask an admin of your organisation.",
        )
    if idempotency is not None:
        remembered = await recall(connection, caller, idempotency)
        if remembered is not None:
            return remembered
    change = Change(connection, caller, actor_id, mutation.name, outlet=domain.outlet)
    shown = await mutation.function(change, **values)
    if change.new_events:
        await domain.settle(connection, caller.org_id, change.new_events)
    await change.finish(domain)
    shown = {**change.shown(), **shown}
    if idempotency is not None:
        await remember(connection, caller, idempotency, shown)
    return shown
