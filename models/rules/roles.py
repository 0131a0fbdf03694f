"""Roles: what a person may do, and rights on records that are one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Role(StrEnum):
    """What a person may do, from least to most."""

    VIEWER = "VIEWER"
    REP = "REP"
    MANAGER = "MANAGER"
    ADMIN = "ADMIN"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        return RANKS[self] >= RANKS[needed]


@dataclass(frozen=True)
class Own:
    """A right on one's own records: those of which a column names the member, and those of nobody, if `unowned`. From
    the role `above` on it is a right on all.

    Reads show the same rule (`resolvers/reads/members.py`).
    """

    columns: tuple[str, ...]
    unowned: bool = False
    above: Role = Role.MANAGER

    def includes(self, role: Role, member_id: UUID, record: Mapping[str, Any]) -> bool:
        """Whether a member with this role has the right on a record."""
        own = {member_id, None} if self.unowned else {member_id}
        return role.includes(self.above) or any(record[column] in own for column in self.columns)


ASSIGNED_LEAD = Own(("owner_id",), unowned=True)
"""Leads that a rep may assign, and may have assigned afterwards."""

ASSIGNED_TASK = Own(("assignee_id",), unowned=True)
"""Tasks that a rep may assign."""

DELETED_TASK = Own(("assignee_id", "creator_id"))
"""Tasks that a rep may delete."""

CHANGED_ACTIVITY = Own(("author_id",))
"""Activities that a rep may update and delete."""

RANKS = {role: rank for rank, role in enumerate(Role)}
