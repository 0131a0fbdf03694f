"""Routing: which members get the leads that have no owner."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class Pool(Tenant, Stamped, Base):
    """A group of members who share incoming leads. `turn` is the round robin's pointer, the next member's place."""

    __tablename__ = "pool"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("strategy IN ('ROUND_ROBIN', 'FEWEST_OPEN', 'WEIGHTED')", name="strategy"),
    )

    name: Mapped[str]
    strategy: Mapped[str] = mapped_column(server_default="ROUND_ROBIN")
    turn: Mapped[int] = mapped_column(server_default="0")


class PoolMember(Base):
    """One member of a pool, at a place in its order. `given` counts the leads this member got from it.

    `latest` is the number of the latest of these: who has the lowest has waited longest. `credit` is what a weighted
    pool owes the member: leads that were due less leads that were given, in shares.
    """

    __tablename__ = "pool_member"
    __table_args__ = (
        refers("pool", "pool_id", ondelete="CASCADE"),
        refers("member", "member_id"),
        Index("pool_member_member_idx", "org_id", "member_id"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]
    given: Mapped[int] = mapped_column(server_default="0")
    credit: Mapped[int] = mapped_column(BigInteger, server_default="0")
    latest: Mapped[int] = mapped_column(BigInteger, server_default="0")


class RoutingDay(Base):
    """How many leads routing gave to a member on a day of the member's calendar, limited by the daily cap."""

    __tablename__ = "routing_day"
    __table_args__ = (refers("member", "member_id", ondelete="CASCADE"),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    leads: Mapped[int]


class RoutingRule(Tenant, Stamped, Base):
    """One rule of a pipeline: leads in this stage (or any) that match the condition go to a member or a pool."""

    __tablename__ = "routing_rule"
    __table_args__ = (
        refers("pipeline", "pipeline_id", ondelete="CASCADE"),
        refers("stage", "stage_id"),
        refers("member", "member_id"),
        refers("pool", "pool_id"),
        CheckConstraint("(member_id IS NULL) <> (pool_id IS NULL)", name="whom"),
        Index("routing_rule_pipeline_idx", "org_id", "pipeline_id", "position", "id"),
    )

    pipeline_id: Mapped[UUID]
    position: Mapped[int]
    name: Mapped[str]
    stage_id: Mapped[UUID | None]
    condition: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    member_id: Mapped[UUID | None]
    pool_id: Mapped[UUID | None]
