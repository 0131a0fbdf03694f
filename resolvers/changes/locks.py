"""The rows that a change decides on, locked in one order everywhere: that of `ORDER`.

A change of a lead locks the stages it touches against deletion and changed odds (`FOR KEY SHARE`), so many such
changes go on at once; a change of a stage itself takes it alone (`FOR UPDATE`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from engine.change.records import ID, IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.contact import Contact, Customer
from models.tables.lead import Lead
from models.tables.member import Member
from models.tables.organisation import Organisation
from models.tables.pipeline import Pipeline
from models.tables.stage import Stage

ORDER = (
    "consumer",
    "run",
    "lane",
    "schedule",
    "organisation",
    "pipeline",
    "webhook",
    "webhook_state",
    "webhook_secret",
    "webhook_delivery",
    "webhook_attempt",
    "stage",
    "pool",
    "lead",
    "task",
    "activity",
    "contact",
    "customer",
    "member",
    "pool_member",
    "routing_day",
    "task_dependency",
    "merged_record",
    "former_key",
    "routing_rule",
    "lead_score",
    "scoring_model",
    "lost_reason",
    "lead_search",
    "notification_setting",
    "mail_setting",
    "mail_due",
    "notification",
    "muted_record",
    "calendar_feed",
    "exchange_rate",
    "quota",
    "forecast_submission",
    "attempt_log",
    "event_log",
    "stage_total",
    "lead_span",
    "stage_span",
)
"""The tables in whose rows changes meet, in the order in which a change locks them first, and among the rows of one
table by id. Of two changes that keep to it, none ever waits for the other while that waits for it.

The first word of a statement is its lock: `KEEP` is FOR KEY SHARE, `SHARE` is FOR SHARE, `LOCK` is FOR NO KEY UPDATE
and `TAKE` is FOR UPDATE. What is kept stays there and keeps its key; only those that take it wait.
"""

_current_stage = select(Lead.stage_id).where(Lead.org_id == ORG, Lead.id == ID).scalar_subquery()

KEEP_STAGES = Statement(
    select(Stage.__table__)
    .where(Stage.org_id == ORG, or_(Stage.id == func.any(IDS), Stage.id == _current_stage))
    .order_by(Stage.id)
    .with_for_update(key_share=True, read=True)
)
"""The stages named, and the one that the lead stands in."""

LOCK_LEAD = Statement(select(Lead.__table__).where(Lead.org_id == ORG, Lead.id == ID).with_for_update(key_share=True))

TAKE_STAGES = Statement(
    select(Stage.__table__)
    .where(Stage.org_id == ORG, Stage.pipeline_id == ID, Stage.deleted_at.is_(None))
    .order_by(Stage.id)
    .with_for_update()
)
"""All stages of a pipeline, each against every change of a lead in it."""

LOCK_ORGANISATION = Statement(select(Organisation.id).where(Organisation.id == ORG).with_for_update(key_share=True))
"""Locked, before any pipeline, pool or member, by a change that decides on all of them: which pipeline is the default,
how many pools there may be, who is the last admin."""

LOCK_PIPELINE = Statement(
    select(Pipeline.__table__)
    .where(Pipeline.org_id == ORG, Pipeline.id == ID, Pipeline.deleted_at.is_(None))
    .with_for_update(key_share=True)
)


@dataclass(frozen=True)
class LockedLead:
    """A locked lead, the stage it stands in, and the stages that were locked with it, by id."""

    lead: Row
    stage: Row
    stages: dict[UUID, Row]


async def lock_lead(
    change: Change, lead_id: UUID, expected_version: int | None = None, *, stage_ids: tuple[UUID, ...] = ()
) -> LockedLead:
    """Lock a lead, the stage it stands in and the stages named.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the lead, when its version is not the expected one.
    """
    while True:
        stages = {row["id"]: row for row in await change.all(KEEP_STAGES, id=lead_id, ids=list(stage_ids))}
        lead = await change.first(LOCK_LEAD, id=lead_id)
        if lead is None:
            raise not_found("lead", "leadId")
        # Between the two statements another change may have moved it on; then its stage is not among those locked.
        if lead["stage_id"] in stages:
            break
    expect_version(lead, expected_version, lead=lead_id)
    return LockedLead(lead, stages[lead["stage_id"]], stages)


def expect_version(row: Row, expected: int | None, **shown: Any) -> None:
    """Refuse with CONFLICT, showing the record as it is, when its version is not the one the caller has seen."""
    if expected is not None and row["version"] != expected:
        raise Refused(
            Refusal.CONFLICT,
            f"Somebody else changed this: it is at version {row['version']}, and you expected {expected}."
            " Load it again and repeat the change if it still applies.",
            "expectedVersion",
            shown=shown,
        )


def expect_not_deleting(stage: Mapping[str, Any], *field: str, shown: Mapping[str, Any] | None = None) -> None:
    """Refuse, with STAGE_BEING_DELETED, a stage that a run is emptying."""
    if stage["deleting_run_id"] is not None:
        raise Refused(
            Refusal.STAGE_BEING_DELETED,
            f"The stage “{stage['name']}” is being deleted and takes no more leads. Choose another stage.",
            *field,
            shown=shown,
        )


KEEP = {
    "contact": Statement(
        select(Contact.id, Contact.archived_at)
        .where(Contact.org_id == ORG, Contact.id == ID)
        .with_for_update(key_share=True, read=True)
    ),
    "customer": Statement(
        select(Customer.id, Customer.archived_at)
        .where(Customer.org_id == ORG, Customer.id == ID)
        .with_for_update(key_share=True, read=True)
    ),
    "member": Statement(
        select(Member.id, Member.active)
        .where(Member.org_id == ORG, Member.id == ID)
        .with_for_update(key_share=True, read=True)
    ),
}

TAKE = {
    noun: Statement(select(model.__table__).where(model.org_id == ORG, model.id == ID).with_for_update())
    for noun, model in (("contact", Contact), ("customer", Customer))
}
"""The record alone, against being named by anything new meanwhile: what comes to name it copies its words."""


async def expect_found(change: Change, noun: str, id: UUID | None, field: str) -> None:
    """Refuse an id, if one is given, that names no contact, customer or active member of the organisation."""
    if id is None:
        return
    found = await change.first(KEEP[noun], id=id)
    if found is None:
        raise not_found(noun, field)
    if noun != "member":
        if found["archived_at"] is not None:
            raise Refused(Refusal.ARCHIVED, f"This {noun} is archived. Restore it first, or name another.", field)
    elif not found["active"]:
        raise Refused(
            Refusal.OWNER_INACTIVE, "This member is deactivated. Name an active one, or send null for nobody.", field
        )
