"""Converting: a qualified lead becomes an opportunity, once, however often it is asked for."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe, inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused
from models.rules.text import line
from models.tables.base import new_id
from models.tables.event import EventType, NewEvent
from models.tables.lead import Lead, StageChange
from models.tables.pipeline import PipelineType
from resolvers.changes.leads.convert_customer import describe_customer, fill_customer, make_customer
from resolvers.changes.leads.convert_target import TARGET, begins, expect_target
from resolvers.changes.leads.fields import FIELDS, priced
from resolvers.changes.leads.move import expect_complete, top_of
from resolvers.changes.locks import LockedLead, expect_found, expect_version, lock_lead
from resolvers.changes.ownership.route import lock_for_new, route_new
from resolvers.changes.stage_totals import count

STAYS = ("probability", "external_id")
"""Fields that an opportunity does not take over: its chance is that of its own stage, and in another system the id
names the lead."""

NEW_OPPORTUNITY = inserted(
    Lead,
    {
        "org_id": "org_id",
        "id": ":id",
        "pipeline_id": ":pipeline_id",
        "stage_id": ":stage_id",
        "rank": ":rank",
        **{name: name for name in FIELDS.names if name not in STAYS},
        "title": ":title",
        "customer_id": "CAST(:customer_id AS uuid)",
        "value": "CAST(:value AS numeric)",
        "currency": "CAST(:currency AS text)",
        "converted_from_id": "id",
        "stage_entered_at": "clock_timestamp()",
        "created_at": "clock_timestamp()",
    },
    default=(
        *STAYS,
        *("qualified_at", "disqualified_at", "lost_reason", "closed_at", "last_activity_at"),
        *("converted_at", "converted_to_id"),
    ),
)

FIRST_STEP = inserted(
    StageChange,
    {
        "org_id": ":org_id",
        "id": ":event_id",
        "lead_id": ":id",
        "to_pipeline_id": ":pipeline_id",
        "to_stage_id": ":stage_id",
        "actor_id": ":actor_id",
        "occurred_at": "clock_timestamp()",
    },
    default=("from_pipeline_id", "from_stage_id"),
)

CREATE = Statement(
    text(
        f"""
        WITH made AS (
            INSERT INTO lead ({NEW_OPPORTUNITY.columns})
            SELECT {NEW_OPPORTUNITY.values} FROM lead WHERE org_id = :org_id AND id = :lead_id
        ), linked AS (
            UPDATE lead SET converted_at = clock_timestamp(), closed_at = coalesce(closed_at, clock_timestamp()),
                converted_to_id = :id, customer_id = coalesce(customer_id, CAST(:customer_id AS uuid)),
                updated_at = clock_timestamp(), version = version + 1
            WHERE org_id = :org_id AND id = :lead_id
        ), carried AS (
            UPDATE task SET lead_id = :id, updated_at = clock_timestamp(), version = version + 1
            WHERE org_id = :org_id AND lead_id = :lead_id AND status = 'OPEN'
        ), employed AS (
            UPDATE contact SET customer_id = CAST(:customer_id AS uuid), updated_at = clock_timestamp(),
                version = version + 1
            WHERE org_id = :org_id AND id = CAST(:contact_id AS uuid) AND customer_id IS NULL
                AND CAST(:customer_id AS uuid) IS NOT NULL
        )
        INSERT INTO stage_change ({FIRST_STEP.columns}) VALUES ({FIRST_STEP.values})
        """
    ).bindparams(ORG)
)
"""Make the opportunity from the lead, link both, carry the open tasks over, and begin the opportunity's history."""

TYPE = Statement(text("SELECT type FROM pipeline WHERE org_id = :org_id AND id = :id").bindparams(ORG))

TAKE_TASKS = Statement(
    text(
        "SELECT id FROM task WHERE org_id = :org_id AND lead_id = :lead_id AND status = 'OPEN' ORDER BY id FOR UPDATE"
    ).bindparams(ORG)
)

LOCK_CONTACT = Statement(
    text(
        "SELECT id, name, email, phone, customer_id FROM contact WHERE org_id = :org_id AND id = :contact_id"
        " FOR NO KEY UPDATE"
    ).bindparams(ORG)
)

FIRST_RESULT = Statement(
    text(
        """
        SELECT opportunity.title, opportunity.customer_id AS customer, begun.to_pipeline_id AS pipeline,
            begun.to_stage_id AS stage
        FROM lead AS opportunity LEFT JOIN LATERAL (
            SELECT to_pipeline_id, to_stage_id FROM stage_change
            WHERE org_id = :org_id AND lead_id = opportunity.id ORDER BY occurred_at, id LIMIT 1
        ) AS begun ON true
        WHERE opportunity.org_id = :org_id AND opportunity.id = :opportunity_id
        """
    ).bindparams(ORG)
)
"""What an opportunity is called, whose it is, and where it began."""


async def convert_lead(
    change: Change,
    lead_id: UUID,
    pipeline_id: UUID | None = None,
    stage_id: UUID | None = None,
    customer_id: UUID | None = None,
    create_customer: Mapping[str, Any] | None = None,
    title: str | None = None,
    value: Decimal | None = None,
    dry_run: bool = False,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Make an opportunity of a qualified lead. A lead that was converted before shows its opportunity, flagged.

    Raises `Refused`: NOT_QUALIFIED, LEAD_CLOSED, NO_PIPELINE, NOT_FOUND, INVALID, and DUPLICATE_CUSTOMER, showing the
    similar customers, when a customer is to be made that is probably there already.
    """
    standing, target = await _bound_for(change, lead_id, pipeline_id, stage_id, dry_run)
    lead = standing.lead
    if lead["converted_to_id"] is not None:
        return await _converted_before(change, lead)
    await _expect_convertible(change, standing, expected_version)
    stage = expect_target(standing, target, pipeline_id, stage_id)
    tasks = await change.all(TAKE_TASKS, lead_id=lead_id)
    contact = None
    if lead["contact_id"] is not None:
        contact = await change.first(LOCK_CONTACT, contact_id=lead["contact_id"])
    await expect_found(change, "customer", customer_id, "customerId")
    if create_customer is not None and customer_id is not None:
        raise Refused(Refusal.INVALID, "Name an existing customer, or make a new one, not both.", "createCustomer")
    new_customer = None if create_customer is None else await describe_customer(change, create_customer, contact)
    customer: UUID | None = customer_id or lead["customer_id"] or (contact["customer_id"] if contact else None)
    heading = line(title, "title") if title is not None else lead["title"]
    worth = await _worth(change, lead, value)
    becoming = {**lead, "value": worth[0], "customer_id": new_customer or customer}
    expect_complete(becoming, stage, "stageId", shown={"lead": lead_id})
    shown = {
        "lead": lead_id,
        "already_converted": False,
        "pipeline": stage["pipeline_id"],
        "stage": stage["id"],
        "title": heading,
        "tasks_carried_over": len(tasks),
        "creates_customer": new_customer is not None,
        "customer": None if new_customer is not None else customer,
    }
    if dry_run:
        return shown
    if new_customer is not None:
        customer = await make_customer(change, new_customer)
    elif customer_id is not None and contact is not None:
        await fill_customer(change, customer_id, contact)
    opportunity_id = await _create(change, standing, stage, contact, customer, heading, worth)
    _tell_carried_over(change, lead, opportunity_id, stage, [task["id"] for task in tasks])
    place = {"pipeline_id": stage["pipeline_id"], "stage_id": stage["id"]}
    await route_new(change, {"id": opportunity_id, "owner_id": lead["owner_id"], **place})
    return {**shown, "opportunity": opportunity_id, "customer": customer}


async def _bound_for(
    change: Change, lead_id: UUID, pipeline_id: UUID | None, stage_id: UUID | None, dry_run: bool
) -> tuple[LockedLead, Row | None]:
    """Lock a lead and the stage where its opportunity begins, with whomever that may be given to."""
    while True:
        target = await change.first(TARGET, lead_id=lead_id, pipeline_id=pipeline_id, stage_id=stage_id)
        if target is not None and target["routes"] and not dry_run:
            await lock_for_new(change, target["pipeline_id"])
        wanted = () if target is None else (target["id"],)
        standing = await lock_lead(change, lead_id, stage_ids=wanted)
        # Between the two statements the stage may have gone or closed; then, unless it was named, it is another.
        if target is None or stage_id is not None or begins(standing.stages.get(target["id"])):
            return standing, target


async def _converted_before(change: Change, lead: Row) -> Mapping[str, Any]:
    """The first result again, except that nothing is made or carried over now."""
    opportunity_id = lead["converted_to_id"]
    first = await change.first(FIRST_RESULT, opportunity_id=opportunity_id)
    return {
        **(first or {}),
        "lead": lead["id"],
        "opportunity": opportunity_id,
        "already_converted": True,
        "tasks_carried_over": 0,
        "creates_customer": False,
    }


async def _expect_convertible(change: Change, standing: LockedLead, expected_version: int | None) -> None:
    lead = standing.lead
    expect_version(lead, expected_version, lead=lead["id"])
    pipeline = await change.first(TYPE, id=lead["pipeline_id"])
    if pipeline is None or pipeline["type"] != PipelineType.LEAD:
        raise Refused(
            Refusal.INVALID,
            "This is an opportunity already. Move it to the pipeline where it belongs.",
            "leadId",
            shown={"lead": lead["id"]},
        )
    if lead["qualified_at"] is None:
        raise Refused(
            Refusal.NOT_QUALIFIED, "Qualify this lead first, then convert it.", "leadId", shown={"lead": lead["id"]}
        )
    if lead["closed_at"] is not None:
        raise Refused(
            Refusal.LEAD_CLOSED, "This lead is closed. Reopen it first.", "leadId", shown={"lead": lead["id"]}
        )


async def _create(
    change: Change,
    standing: LockedLead,
    stage: Row,
    contact: Row | None,
    customer: UUID | None,
    title: str,
    worth: tuple[Decimal | None, str | None],
) -> UUID:
    lead, opportunity_id = standing.lead, new_id()
    value, currency = worth
    place = {"pipeline_id": stage["pipeline_id"], "stage_id": stage["id"]}
    created = NewEvent(EventType.LEAD_CREATED, lead_id=opportunity_id, owner_id=lead["owner_id"], **place)
    await change.run(
        CREATE,
        id=opportunity_id,
        lead_id=lead["id"],
        rank=await top_of(change, opportunity_id, stage["id"]),
        title=title,
        value=value,
        currency=currency,
        customer_id=customer,
        contact_id=contact and contact["id"],
        event_id=created.id,
        actor_id=change.actor_id,
        **place,
    )
    count(change, lead, standing.stage, -1)
    count(change, {**lead, "closed_at": True}, standing.stage, 1)
    count(change, {"value": value, "currency": currency, "probability": None, "closed_at": None}, stage, 1)
    told_of = {"opportunityId": public_id("lead", opportunity_id), **_joined(lead, customer)}
    change.emit(NewEvent.of_lead(EventType.LEAD_CONVERTED, lead, **told_of))
    if contact is not None and (joined := _joined(contact, customer)):
        change.emit(NewEvent(EventType.CONTACT_UPDATED, record_id=contact["id"], data=joined))
    change.emit(created)
    return opportunity_id


def _joined(record: Row, customer: UUID | None) -> dict[str, Any]:
    """What an event says of a record that gets this customer when it has none."""
    if customer is None or record["customer_id"] is not None:
        return {}
    return describe(record, {"customer_id": customer})


def _tell_carried_over(change: Change, lead: Row, opportunity_id: UUID, stage: Row, tasks: Sequence[UUID]) -> None:
    """Tell of each task that it is now a step of the opportunity."""
    carried = describe({"lead_id": lead["id"]}, {"lead_id": opportunity_id})
    for task_id in tasks:
        change.emit(
            NewEvent(
                EventType.TASK_UPDATED,
                lead_id=opportunity_id,
                owner_id=lead["owner_id"],
                pipeline_id=stage["pipeline_id"],
                stage_id=stage["id"],
                record_id=task_id,
                data=carried,
            )
        )


async def _worth(change: Change, lead: Row, value: Decimal | None) -> tuple[Decimal | None, str | None]:
    """The opportunity's value and currency: the lead's, or another value, priced as any value of the lead would be."""
    if value is None:
        return lead["value"], lead["currency"]
    worth = await priced(change, lead, {"value": value})
    return worth["value"], worth["currency"]
