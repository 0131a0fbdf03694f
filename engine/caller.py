"""The caller on whose behalf a request runs: one person in one organisation."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from models.rules.roles import Role
from models.tables.base import organisation_id

Person = tuple[UUID, str]
"""A person in an organisation: the organisation's id, and the subject of the person's tokens."""


class Revoked(StrEnum):
    """Why a caller's access was revoked."""

    DEACTIVATED = "DEACTIVATED"
    SUSPENDED = "SUSPENDED"


Restriction = Revoked | Role
"""What limits a person, whatever the token says: revoked access, or the role of the member record."""


@dataclass(frozen=True)
class Caller:
    """The caller: the organisation by the key that its tokens use, the person (`sub`) and the role.

    `role` is what the caller may do: the lesser of the token's role and the member's. `token_role` is the token's where
    the member's is the lesser one.
    """

    organisation: str
    subject: str
    role: Role
    name: str | None = None
    email: str | None = None
    expires_at: datetime | None = None
    token_role: Role | None = None
    email_verified: bool = True

    @cached_property
    def org_id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.organisation)

    @cached_property
    def person(self) -> Person:
        """The person behind the caller, whatever else the token says."""
        return self.org_id, self.subject

    def limited(self, most: Role | None) -> "Caller":
        """The same caller as a member whose role is `most`; None where no member record limits the token.

        Returns the caller itself when that changes nothing.
        """
        role = full = self.token_role or self.role
        if most is not None and not most.includes(full):
            role = most
        return self if role is self.role else replace(self, role=role, token_role=None if role is full else full)
