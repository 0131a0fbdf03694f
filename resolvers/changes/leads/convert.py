"""Converting a qualified lead into an opportunity: once, however often it is requested."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import line, optional_line
from models.tables.pipeline import PipelineType
from resolvers.changes.leads.convert_create import create_opportunity, record_carried_over
from resolvers.changes.leads.convert_customer import describe_customer, fill_customer, make_customer
from resolvers.changes.leads.convert_target import TARGET, begins, expect_target
from resolvers.changes.leads.fields import priced
from resolvers.changes.leads.move import expect_complete
from resolvers.changes.locks import KEEP, TAKE, LockedLead, expect_found, expect_version, lock_lead
from resolvers.changes.ownership.route import lock_for_new, route_new

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
"""The title and customer of an opportunity, and where it began."""


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
    """Convert a qualified lead into an opportunity. One that is already converted shows its opportunity, flagged. Where
    the owner of the lead is no longer active, the opportunity has none, and is routed like any new lead.

    Raises `Refused`: NOT_QUALIFIED, LEAD_CLOSED, NO_PIPELINE, NOT_FOUND, INVALID, and DUPLICATE_CUSTOMER, showing the
    similar customers, when the customer to create probably exists.
    """
    check_texts({"title": title, "create_customer": create_customer})
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
    filled = None
    if customer_id is not None and contact is not None and not dry_run:
        # Taken before it is kept: of two changes that keep it, neither could take it.
        filled = await change.first(TAKE["customer"], id=customer_id)
    await expect_found(change, "customer", customer_id, "customerId")
    if create_customer is not None and customer_id is not None:
        raise Refused(Refusal.INVALID, "Send customerId or createCustomer, not both.", "createCustomer")
    new_customer = None if create_customer is None else await describe_customer(change, create_customer, contact)
    customer: UUID | None = customer_id or lead["customer_id"] or (contact["customer_id"] if contact else None)
    heading = line(title, "title") if title is not None else lead["title"]
    worth = await _worth(change, lead, value)
    owner_id = await _active_owner(change, lead)
    becoming = {**lead, "value": worth[0], "customer_id": new_customer or customer, "owner_id": owner_id}
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
    elif filled is not None and contact is not None:
        await fill_customer(change, filled, contact)
    opportunity_id = await create_opportunity(change, standing, stage, contact, customer, owner_id, heading, worth)
    record_carried_over(change, lead_id, opportunity_id, owner_id, stage, [task["id"] for task in tasks])
    place = {"pipeline_id": stage["pipeline_id"], "stage_id": stage["id"]}
    await route_new(change, {"id": opportunity_id, "owner_id": owner_id, **place})
    return {**shown, "opportunity": opportunity_id, "customer": customer}


def check_texts(given: Mapping[str, Any]) -> None:
    """Check the title of an opportunity and the name of a customer to create. Raises `Refused` INVALID."""
    title, customer = given.get("title"), given.get("create_customer") or {}
    with Checks() as check:
        if title is not None:
            check(line, title, "title")
        check(optional_line, customer.get("name"), "createCustomer", "name")


async def _bound_for(
    change: Change, lead_id: UUID, pipeline_id: UUID | None, stage_id: UUID | None, dry_run: bool
) -> tuple[LockedLead, Row | None]:
    """Lock a lead and the stage where its opportunity begins, with the pools and members it may be routed to."""
    while True:
        target = await change.first(TARGET, lead_id=lead_id, pipeline_id=pipeline_id, stage_id=stage_id)
        if target is not None and target["routes"] and not dry_run:
            await lock_for_new(change, target["pipeline_id"])
        wanted = () if target is None else (target["id"],)
        standing = await lock_lead(change, lead_id, stage_ids=wanted)
        # Between the two statements the stage may have been deleted or closed; unless it was named, look again.
        if target is None or stage_id is not None or begins(standing.stages.get(target["id"])):
            return standing, target


async def _converted_before(change: Change, lead: Row) -> Mapping[str, Any]:
    """The first result again, except that nothing is created or carried over now."""
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
            "This is already an opportunity. To change its pipeline, move it.",
            "leadId",
            shown={"lead": lead["id"]},
        )
    if lead["qualified_at"] is None:
        raise Refused(
            Refusal.NOT_QUALIFIED, "This lead is not qualified. Qualify it first.", "leadId", shown={"lead": lead["id"]}
        )
    if lead["closed_at"] is not None:
        raise Refused(
            Refusal.LEAD_CLOSED, "This lead is closed. Reopen it first.", "leadId", shown={"lead": lead["id"]}
        )


async def _active_owner(change: Change, lead: Row) -> UUID | None:
    """The owner of a lead, kept; nobody when that member is no longer active, so that nothing new goes to them."""
    owner = None if lead["owner_id"] is None else await change.first(KEEP["member"], id=lead["owner_id"])
    return owner["id"] if owner is not None and owner["active"] else None


async def _worth(change: Change, lead: Row, value: Decimal | None) -> tuple[Decimal | None, str | None]:
    """The opportunity's value and currency: the lead's, or another value, priced as any value of the lead would be."""
    if value is None:
        return lead["value"], lead["currency"]
    worth = await priced(change, lead, {"value": value})
    return worth["value"], worth["currency"]
