"""Whose quota or submission it is: a member's or a pool's."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused, not_found

KEEP_HOLDERS = {
    "pool": Statement(
        text("SELECT id FROM pool WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR KEY SHARE").bindparams(
            ORG, IDS
        )
    ),
    "member": Statement(
        text("SELECT id FROM member WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR KEY SHARE").bindparams(
            ORG, IDS
        )
    ),
}
"""The pools and then the members, against deletion."""


class Holder(NamedTuple):
    """A member or a pool."""

    noun: str
    id: UUID

    @property
    def columns(self) -> dict[str, UUID | None]:
        """The ids of member and pool, one of which is None."""
        return {f"{noun}_id": self.id if noun == self.noun else None for noun in ("member", "pool")}

    @property
    def public(self) -> dict[str, str]:
        """The public id, by the name of its field."""
        return {f"{self.noun}Id": public_id(self.noun, self.id)}


def holder_of(given: Mapping[str, Any], *path: str) -> Holder:
    """The member or the pool that an input names. Raises `Refused` INVALID unless it names one of both."""
    named = [Holder(noun, id) for noun in ("member", "pool") if (id := given.get(f"{noun}_id")) is not None]
    if len(named) != 1:
        raise Refused(Refusal.INVALID, "Send either `memberId` or `poolId`.", *path, "memberId")
    return named[0]


async def keep_holders(change: Change, holders: Sequence[Holder], *paths: Sequence[str]) -> None:
    """Lock members and pools against deletion. Raises `Refused` NOT_FOUND for each that is not there, at its path."""
    found: set[UUID] = set()
    for noun, statement in KEEP_HOLDERS.items():
        if ids := sorted({holder.id for holder in holders if holder.noun == noun}):
            found |= {row["id"] for row in await change.all(statement, ids=ids)}
    with Checks() as check:
        for holder, path in zip(holders, paths, strict=True):
            check(_expect_found, holder, found, *path)


def _expect_found(holder: Holder, found: set[UUID], *path: str) -> None:
    if holder.id not in found:
        raise not_found(holder.noun, *path, f"{holder.noun}Id")
