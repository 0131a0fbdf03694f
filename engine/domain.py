"""What the engine needs to know of the records it serves. The engine itself names none of them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.caller import Caller, Person, Revoked
from models.database import Connection, Database, Statement


@dataclass(frozen=True)
class Domain:
    """The rules and statements of one domain, which a process passes to its engine and its feed.

    - `expect_member`: the id of the caller's member record, created on the first change. Raises `Refused` FORBIDDEN.
    - `find_revoked`: those of the people whose access was revoked, and why.
    - `current_ids`: the fields of an input, with the ids of merged records replaced by those of the records they were
      merged into.
    - `news`: the events of an organisation after `position`, at most `size`: `number`, `occurred_at`, and what
      selections of events look at.
    - `prune`: deletes events of an organisation from `from_number` to before `to_number`, where the change log is kept
      (`True`) and where it is not.
    """

    expect_member: Callable[[Connection, Caller], Awaitable[UUID]]
    find_revoked: Callable[[Database, Collection[Person]], Awaitable[Mapping[Person, Revoked]]]
    current_ids: Callable[[Connection, UUID, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    news: Statement
    prune: Mapping[bool, tuple[Statement, ...]]
