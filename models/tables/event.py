"""The event log of each organisation, the counter that numbers it, what consumes it, results of changes, and imported
files."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, Self
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.text import spelled
from models.tables.base import Base, belongs_to_organisation, new_id


class EventLog(Base):
    """The bounds of an organisation's event log: the number of its last event, and of the oldest one to resume from.

    From `tail` on no number is missing; before it, some events were deleted. The row is updated, last, in the
    transaction that writes the events, so numbers have no gaps and their order is commit order. An identity column
    would give neither. `appended_at` is when the last of them occurred: none is dated before its predecessor.

    `unfilled_to` is null, except while an upgrade fills in what earlier versions did not write: up to this number,
    events may lack it.

    From the cursor `known_from` on, spans say what leads and stages were; it is null until an upgrade has made them.
    """

    __tablename__ = "event_log"
    __table_args__ = (belongs_to_organisation(), {"postgresql_with": {"fillfactor": "50"}})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    head: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tail: Mapped[int] = mapped_column(BigInteger, server_default="1")
    appended_at: Mapped[datetime | None]
    unfilled_to: Mapped[int | None] = mapped_column(BigInteger)
    known_from: Mapped[int | None] = mapped_column(BigInteger, server_default="0")


class ActorKind(StrEnum):
    """Who or what made a change."""

    MEMBER = "MEMBER"
    AUTOMATION = "AUTOMATION"
    IMPORT = "IMPORT"
    SYSTEM = "SYSTEM"


class Event(Base):
    """An event, for subscriptions, webhooks, automations and the activity log. Never changed.

    It names records without foreign keys, because it outlives them. `record_id` is the record that the type is about,
    `mutation` the change that caused it; `data` holds what is specific to the type. `run_id` is the run whose batch
    the change was. `depth` counts the automations that lie between a member's change and this one.
    """

    __tablename__ = "event"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("actor_kind IN ('MEMBER', 'AUTOMATION', 'IMPORT', 'SYSTEM')", name="actor_kind"),
        Index("event_lead_idx", "org_id", "lead_id", "number"),
        Index("event_actor_idx", "org_id", "actor_id", "number"),
        Index("event_type_idx", "org_id", "type", "number"),
        Index("event_record_idx", "org_id", "record_id", "number", postgresql_where=text("record_id IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID]
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    lead_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    pipeline_id: Mapped[UUID | None]
    stage_id: Mapped[UUID | None]
    from_pipeline_id: Mapped[UUID | None]
    from_stage_id: Mapped[UUID | None]
    record_id: Mapped[UUID | None]
    mutation: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    run_id: Mapped[UUID | None]
    depth: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    actor_kind: Mapped[str] = mapped_column(server_default="MEMBER")


class ConsumerPosition(Base):
    """How far a consumer of an organisation's event log is: the number of the last event that it has handled.

    It is written in the transaction that writes what follows from the events, so each is handled once. `failures`
    counts those in a row, after which the next attempt is not made before `retry_at`. An EXPIRED one stands still,
    because events that it had not read were pruned.
    """

    __tablename__ = "consumer"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("state IN ('RUNNING', 'EXPIRED')", name="state"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(server_default="RUNNING")
    failures: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    retry_at: Mapped[datetime | None]
    moved_at: Mapped[datetime | None]


class Outcome(Base):
    """The stored result of a change that was sent with an idempotency key, for one caller."""

    __tablename__ = "outcome"
    __table_args__ = (belongs_to_organisation(), Index("outcome_created_idx", "org_id", "created_at"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ImportedFile(Base):
    """A file that was imported lately, by its fingerprint, and how many of its lines are stored."""

    __tablename__ = "imported_file"
    __table_args__ = (belongs_to_organisation(),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    lines: Mapped[int]
    imported_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Described(StrEnum):
    """An enum whose members know their descriptions."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """A member that is its value, and knows its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


Changes = Mapping[str, Sequence[Any]]
"""Each changed field by its public name, with its value before and its value after."""

Snapshot = NewType("Snapshot", Mapping[str, Any])
"""The fields of a record by their public names, as `Fields.public` returns them."""


@dataclass(frozen=True)
class EventData:
    """What an event holds besides the records that it names; `models/event_types.py` declares it for each type.

    Every field but `type` is a key of `data`, spelled as the API spells fields: `closed_at` is `closedAt`, `from_` is
    `from`. A field with a default is left out of `data` when it is None.
    """

    type: str

    def data(self) -> dict[str, Any]:
        """What `data` holds."""
        values = {field: getattr(self, field.name) for field in fields(self) if field.name != "type"}
        return {
            spelled(field.name): value
            for field, value in values.items()
            if value is not None or field.default is MISSING
        }


@dataclass(frozen=True)
class RecordData(EventData):
    """The fields of the record, each a key of its own beside those of the event."""

    record: Snapshot

    def data(self) -> dict[str, Any]:
        """What `data` holds."""
        held = super().data()
        return {**held.pop("record"), **held}


@dataclass(frozen=True)
class Begun(RecordData):
    """A record that is new, as it was created. Reads show its fields as the changes of the event."""


@dataclass(frozen=True)
class Ended(RecordData):
    """A record that is there no longer, as it was. Reads show its fields as the changes of the event."""


@dataclass(frozen=True)
class NewEvent:
    """An event before it has its number. `record_id` names its record when none of the other ids does."""

    what: EventData
    lead_id: UUID | None = None
    owner_id: UUID | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    from_pipeline_id: UUID | None = None
    from_stage_id: UUID | None = None
    record_id: UUID | None = None
    id: UUID = field(default_factory=new_id)

    @classmethod
    def of_lead(cls, what: EventData, lead: Mapping[str, Any], record_id: UUID | None = None) -> Self:
        """An event of a lead, where it stands; or of a record of the lead's."""
        return cls(
            what,
            lead_id=lead["id"],
            owner_id=lead["owner_id"],
            pipeline_id=lead["pipeline_id"],
            stage_id=lead["stage_id"],
            record_id=record_id,
        )
