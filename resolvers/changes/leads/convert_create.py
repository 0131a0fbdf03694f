"""Creating the opportunity of a lead, with its links, its events and the tasks that are carried over."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe, inserted
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, Converted, EventType, LeadCreated
from models.rules.ids import public_id
from models.rules.sort_key import sort_key
from models.tables.base import new_id
from models.tables.event import Changes, NewEvent
from models.tables.lead import Lead
from resolvers.changes.leads.entering import step_of
from resolvers.changes.leads.fields import FIELDS
from resolvers.changes.leads.place import top_of
from resolvers.changes.locks import LockedLead
from resolvers.changes.scoring.pins import own_score
from resolvers.changes.stage_totals import count

STAYS = ("probability", "external_id")
"""Fields that stay with the lead: the opportunity's probability is that of its stage, and an external id names the lead
in another system."""

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
        "sort_key": ":sort_key",
        "customer_id": "CAST(:customer_id AS uuid)",
        "owner_id": "CAST(:owner_id AS uuid)",
        "score": "CAST(:score AS int)",
        "value": "CAST(:value AS numeric)",
        "currency": "CAST(:currency AS text)",
        "converted_from_id": "id",
        # One instant for all three, after the locks that were waited for; now() is before them.
        **dict.fromkeys(("created_at", "updated_at", "stage_entered_at"), "statement_timestamp()"),
    },
    default=(
        *(*STAYS, "forecast_category"),
        *("qualified_at", "disqualified_at", "lost_reason", "closed_at", "last_activity_at", "has_open_task"),
        *("converted_at", "converted_to_id", "rotten_told_at", "rot_check_at"),
    ),
)

CREATE = Statement(
    text(
        f"""
        WITH made AS (
            INSERT INTO lead ({NEW_OPPORTUNITY.columns})
            SELECT {NEW_OPPORTUNITY.values} FROM lead WHERE org_id = :org_id AND id = :lead_id
            RETURNING id AS lead_id, stage_entered_at
        ), linked AS (
            UPDATE lead SET converted_at = statement_timestamp(), closed_at = coalesce(closed_at, clock.now),
                converted_to_id = :id, customer_id = coalesce(customer_id, CAST(:customer_id AS uuid)),
                updated_at = statement_timestamp(), version = version + 1
            FROM {CLOCK} WHERE org_id = :org_id AND id = :lead_id
        ), carried AS (
            UPDATE task SET lead_id = :id, updated_at = statement_timestamp(), version = version + 1
            WHERE org_id = :org_id AND lead_id = :lead_id AND status = 'OPEN'
        ), employed AS (
            UPDATE contact SET customer_id = CAST(:customer_id AS uuid), updated_at = statement_timestamp(),
                version = version + 1
            WHERE org_id = :org_id AND id = CAST(:contact_id AS uuid) AND customer_id IS NULL
                AND CAST(:customer_id AS uuid) IS NOT NULL
        )
        {step_of("made", ":event_id", first=True)}
        """
    ).bindparams(ORG)
)
"""Create the opportunity from the lead, link both, carry over the open tasks, and start the opportunity's history."""


async def create_opportunity(
    change: Change,
    standing: LockedLead,
    stage: Row,
    contact: Row | None,
    customer: UUID | None,
    owner_id: UUID | None,
    title: str,
    worth: tuple[Decimal | None, str | None],
) -> UUID:
    """Create the opportunity of a locked lead in a locked stage, and link both. Returns its id.

    `customer` is the opportunity's; the lead and the `contact` get it, too, if they have none. `owner_id` is who works
    on the opportunity, `worth` its value and currency. Emits `lead.converted`, `contact.updated` where it applies, and
    `lead.created`.
    """
    lead, opportunity_id = standing.lead, new_id()
    value, currency = worth
    place = {"pipeline_id": stage["pipeline_id"], "stage_id": stage["id"]}
    own = {"title": title, "customer_id": customer, "owner_id": owner_id, "value": value, "currency": currency}
    score = await own_score(change, lead)
    record = FIELDS.public({**lead, **dict.fromkeys(STAYS), **own, "score": score})
    created = NewEvent(LeadCreated(record=record), lead_id=opportunity_id, owner_id=owner_id, **place)
    await change.run(
        CREATE,
        id=opportunity_id,
        lead_id=lead["id"],
        rank=await top_of(change, opportunity_id, stage["id"]),
        sort_key=sort_key(title),
        contact_id=contact and contact["id"],
        event_id=created.id,
        actor_id=change.actor_id,
        **place,
        **own,
        score=score,
    )
    count(change, lead, standing.stage, -1)
    count(change, {**lead, "closed_at": True}, standing.stage, 1)
    count(change, {"value": value, "currency": currency, "probability": None, "closed_at": None}, stage, 1)
    converted = Converted(opportunity_id=public_id("lead", opportunity_id), changes=_joined(lead, customer))
    change.emit(NewEvent.of_lead(converted, lead))
    if contact is not None and (joined := _joined(contact, customer)):
        change.emit(NewEvent(Changed(EventType.CONTACT_UPDATED, joined), record_id=contact["id"]))
    change.emit(created)
    return opportunity_id


def _joined(record: Row, customer: UUID | None) -> Changes | None:
    """The changes of a record that gets this customer; None if it has one."""
    if customer is None or record["customer_id"] is not None:
        return None
    return describe(record, {"customer_id": customer})


def record_carried_over(
    change: Change, lead_id: UUID, opportunity_id: UUID, owner_id: UUID | None, stage: Row, tasks: Sequence[UUID]
) -> None:
    """Emit an event for each task that is now one of the opportunity's."""
    carried = Changed(EventType.TASK_UPDATED, describe({"lead_id": lead_id}, {"lead_id": opportunity_id}))
    for task_id in tasks:
        change.emit(
            NewEvent(
                carried,
                lead_id=opportunity_id,
                owner_id=owner_id,
                pipeline_id=stage["pipeline_id"],
                stage_id=stage["id"],
                record_id=task_id,
            )
        )
