"""Roles: what a person may do."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may do, from least to most."""

    VIEWER = "VIEWER"
    REP = "REP"
    MANAGER = "MANAGER"
    ADMIN = "ADMIN"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        return RANKS[self] >= RANKS[needed]


RANKS = {role: rank for rank, role in enumerate(Role)}
