"""The caller on whose behalf a request runs: one person in one organisation."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Caller:
    """The caller: the organisation by the key that its tokens use, the person (`sub`) and the role."""

    organisation: str
    subject: str
    role: Role
    name: str | None = None
    email: str | None = None
    expires_at: datetime | None = None

    @cached_property
    def org_id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.organisation)

    @cached_property
    def person(self) -> Person:
        """The person behind the caller, whatever else the token says."""
        return self.org_id, self.subject
