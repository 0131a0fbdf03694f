"""What the engine needs to know of the records it serves. The engine itself names none of them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from engine.caller import Caller, Person, Restriction
from engine.outgoing.outlet import Outlet
from models.database import Connection, Database, Statement
from models.rules.roles import Role
from models.tables.event import NewEvent

if TYPE_CHECKING:
    from engine.background.consumers import Consumer
    from engine.background.leased.kinds import WorkKind
    from engine.background.passing_time import Recorder
    from engine.background.runs import RunKind
    from engine.change.events import Beside
    from engine.change.transaction import Change


@dataclass(frozen=True)
class Domain:
    """The rules and statements of one domain, which a process passes to its engine and its feed.

    - `sign_in`: creates the caller's member record if there is none; returns its role, or why access was revoked.
    - `expect_member`: the id and the role of the caller's member record, created if there is none. Raises `Refused`
      FORBIDDEN.
    - `find_restricted`: those of the people whose access was revoked, and why, or whose role is below the highest.
    - `restricts`: the names of the mutations that change what `find_restricted` finds.
    - `current_ids`: the fields of an input, with the ids of merged records replaced by those of the records they were
      merged into.
    - `is_large`: whether an organisation has so many records that its queries are planned for their values.
    - `settle`: brings up to date what is kept beside records, at the end of a change and in its transaction.
    - `beside`: what the statement that appends the events of a change writes beside them, from the events and from what
      the change has `counted`.
    - `work`: how the runs of each kind are made, by the name of the mutation that starts them.
    - `kinds`: the kinds of work that waits for a worker.
    - `by_time`: what is recorded when its time has come.
    - `run_ended`: adds the event that a run has ended, in which state and, if it failed, why.
    - `consumers`: what follows from events, each by its name.
    - `news`: the events of an organisation after `position`, at most `size`: `number`, `occurred_at`, and what
      selections of events look at.
    - `known`: those of the records `prefixes`, `ids` of an organisation that are there, or that its event log knows.
    - `outlet`: how what is sent to other servers is checked and sealed; a process puts its settings here.
    - `prune`: deletes events of an organisation from `from_number` to before `to_number`, where the change log is kept
      (`True`) and where it is not.
    """

    sign_in: Callable[[Database, Caller], Awaitable[Restriction]]
    expect_member: Callable[[Connection, Caller], Awaitable[tuple[UUID, Role]]]
    find_restricted: Callable[[Database, Collection[Person]], Awaitable[Mapping[Person, Restriction]]]
    restricts: Collection[str]
    current_ids: Callable[[Connection, UUID, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    is_large: Callable[[Connection, UUID], Awaitable[bool]]
    settle: Callable[[Connection, UUID, Sequence[NewEvent]], Awaitable[None]]
    beside: Callable[[Sequence[NewEvent], Any], "Beside"]
    work: Mapping[str, "RunKind"]
    by_time: Sequence["Recorder"]
    run_ended: Callable[["Change", UUID, str, str | None], None]
    consumers: Sequence["Consumer"]
    news: Statement
    known: Statement
    prune: Mapping[bool, tuple[Statement, ...]]
    kinds: Sequence["WorkKind"] = ()
    outlet: Outlet = field(default_factory=Outlet)
