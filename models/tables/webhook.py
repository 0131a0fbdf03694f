"""Webhooks: endpoints that events are sent to, their secrets, how far each is, and what could not be delivered."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class WebhookStatus(StrEnum):
    """Whether events are sent to a webhook."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class WebhookOrdering(StrEnum):
    """Which events wait for one that could not be delivered."""

    PER_RECORD = "PER_RECORD"
    STRICT = "STRICT"
    NONE = "NONE"


class DisabledReason(StrEnum):
    """Why the server has disabled a webhook."""

    FAILING = "FAILING"
    GONE = "GONE"
    REQUESTED = "REQUESTED"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    SELECTION_INVALID = "SELECTION_INVALID"
    SECRET_UNREADABLE = "SECRET_UNREADABLE"


class Webhook(Tenant, Stamped, Base):
    """An endpoint: which events are sent to it, and what of them. `types` are published names; none
    means all. `condition` is JSON in its canonical form."""

    __tablename__ = "webhook"
    __table_args__ = (
        belongs_to_organisation(),
        refers("pipeline", "pipeline_id"),
        CheckConstraint("status IN ('ACTIVE', 'PAUSED', 'DISABLED')", name="status"),
        CheckConstraint("ordering IN ('PER_RECORD', 'STRICT', 'NONE')", name="ordering"),
        Index("webhook_pipeline_idx", "org_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")),
    )

    url: Mapped[str]
    types: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    pipeline_id: Mapped[UUID | None]
    condition: Mapped[str | None]
    selection: Mapped[str]
    ordering: Mapped[str] = mapped_column(server_default="PER_RECORD")
    role: Mapped[str] = mapped_column(server_default="VIEWER")
    status: Mapped[str] = mapped_column(server_default="ACTIVE")
    disabled_reason: Mapped[str | None]


class WebhookState(Base):
    """How far a webhook is: apart from the webhook, because it changes with each delivery.

    All events up to `position` are delivered, or wait in `webhook_delivery`; those up to `replay_to` are sent again.
    Nothing is sent before `resume_at`, and the first of what waits at `retry_at`. The process that holds the lease
    sends; `lease` counts its holders, and is compared in each of their writes, so that a late one writes nothing.
    """

    __tablename__ = "webhook_state"
    __table_args__ = (
        refers("webhook", "webhook_id", ondelete="CASCADE"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    replay_to: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]
    warned: Mapped[int] = mapped_column(server_default="0")
    resume_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    test_id: Mapped[UUID | None]
    lease: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease_until: Mapped[datetime | None]


class WebhookSecret(Tenant, Base):
    """A secret that a webhook's requests are signed with, sealed by the operator's key; `hint` is its end, and
    `public_key` what its other signatures are verified with."""

    __tablename__ = "webhook_secret"
    __table_args__ = (
        refers("webhook", "webhook_id", ondelete="CASCADE"),
        Index("webhook_secret_webhook_idx", "org_id", "webhook_id", "id"),
    )

    webhook_id: Mapped[UUID]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    hint: Mapped[str]
    public_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """An event that could not be delivered yet; `id` is the event's. Its body is kept, so that each retry is the same.

    `given_up_at` is set when its retries are used up: it then holds up nothing any more.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        refers("webhook", "webhook_id", ondelete="CASCADE"),
        Index("webhook_delivery_webhook_idx", "org_id", "webhook_id", "number"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    record: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    given_up_at: Mapped[datetime | None]


class AttemptLog(Base):
    """The number of an organisation's last attempt, and of the first one from which on all are kept. It is updated,
    last, in the transaction that writes attempts, so their order is that of commits."""

    __tablename__ = "attempt_log"
    __table_args__ = (belongs_to_organisation(), {"postgresql_with": {"fillfactor": "50"}})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    head: Mapped[int] = mapped_column(BigInteger)
    tail: Mapped[int] = mapped_column(BigInteger, server_default="1")


class WebhookAttempt(Tenant, Base):
    """One request to a webhook, and its outcome: no `status` if there was no answer, then `error` says why. `number`
    counts the attempts of the organisation, in the order in which they were written down."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (
        refers("webhook", "webhook_id", ondelete="CASCADE"),
        Index("webhook_attempt_webhook_idx", "org_id", "webhook_id", "id"),
        Index("webhook_attempt_number_idx", "org_id", "number"),
    )

    number: Mapped[int] = mapped_column(BigInteger)
    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    type: Mapped[str]
    delivered: Mapped[bool]
    status: Mapped[int | None]
    milliseconds: Mapped[int]
    error: Mapped[str | None]
    message: Mapped[str | None]
    response: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
