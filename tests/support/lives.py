"""What happens to records: random changes of all that is created with an event."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from models import organisation_id
from models.rules.ids import public_id
from tests.support.world import World

Pick = Callable[[str], str]
"""Chooses a record of a table, by its public id."""
TABLES = ("lead", "contact", "customer", "member", "pool", "pipeline", "stage")


def some(draw: random.Random, **fields: Any) -> dict[str, Any]:
    """Some of the fields."""
    return {name: value for name, value in fields.items() if draw.random() < 0.5}


def lead_fields(draw: random.Random, pick: Pick) -> dict[str, Any]:
    """Fields of a lead, each of them or null."""
    return some(
        draw,
        description=draw.choice([None, "Wants two", "Wants three"]),
        value=draw.choice([None, "7", "12.50", "3000.00"]),
        ownerId=draw.choice([None, pick("member")]),
        contactId=draw.choice([None, pick("contact")]),
        customerId=draw.choice([None, pick("customer")]),
        probability=draw.choice([None, 0, 55]),
        expectedCloseDate=draw.choice([None, "2031-01-31"]),
        score=draw.choice([None, 1, 99]),
        source=draw.choice([None, "Fair"]),
    )


def named(draw: random.Random) -> dict[str, str]:
    """A name."""
    return {"name": f"Name {draw.randrange(1000)}"}


def a_stage(draw: random.Random) -> dict[str, Any]:
    """An open stage."""
    return {**named(draw), **some(draw, probability=draw.randrange(100), rottenAfterDays=7, requiredFields=["VALUE"])}


def two(draw: random.Random, pick: Pick, table: str) -> dict[str, str]:
    """A winner and a loser."""
    return {"winnerId": pick(table), "loserId": pick(table)}


def change_pool(draw: random.Random, pick: Pick) -> dict[str, Any]:
    """Another name or other members of a pool."""
    return some(draw, memberIds=list({pick("member"), pick("member")}), strategy="WEIGHTED", **named(draw))


CHANGES: Mapping[str, Callable[[random.Random, Pick], Mapping[str, Any]]] = {
    "createLead": lambda d, pick: {"title": "New", **lead_fields(d, pick), "stageId": pick("stage")},
    "updateLead": lambda d, pick: {"leadId": pick("lead"), **some(d, title="Other"), **lead_fields(d, pick)},
    "assignLead": lambda d, pick: {"leadId": pick("lead"), "memberId": d.choice([None, pick("member")])},
    "moveLead": lambda d, pick: {"leadId": pick("lead"), "stageId": pick("stage"), **some(d, lostReason="Price")},
    "qualifyLead": lambda d, pick: {"leadId": pick("lead")},
    "disqualifyLead": lambda d, pick: {"leadId": pick("lead"), "reason": "No budget"},
    "reopenLead": lambda d, pick: {"leadId": pick("lead")},
    "convertLead": lambda d, pick: {"leadId": pick("lead"), **some(d, createCustomer={"evenIfSimilar": True})},
    "mergeLeads": lambda d, pick: two(d, pick, "lead"),
    "deleteLead": lambda d, pick: {"leadId": pick("lead")},
    "createContact": lambda d, pick: {**named(d), **some(d, email="z@acme.test", customerId=pick("customer"))},
    "updateContact": lambda d, pick: {"contactId": pick("contact"), **some(d, phone="1", jobTitle=None, **named(d))},
    "archiveContact": lambda d, pick: {"contactId": pick("contact")},
    "mergeContacts": lambda d, pick: two(d, pick, "contact"),
    "createCustomer": lambda d, pick: {**named(d), **some(d, website="acme.test", notes="Pays late")},
    "updateCustomer": lambda d, pick: {"customerId": pick("customer"), **some(d, phone="1", notes=None, **named(d))},
    "restoreCustomer": lambda d, pick: {"customerId": pick("customer")},
    "mergeCustomers": lambda d, pick: two(d, pick, "customer"),
    "updateMember": lambda d, pick: {"memberId": pick("member"), **some(d, capacity=3, dailyCap=9, **named(d))},
    "createPool": lambda d, pick: {**named(d), "memberIds": [pick("member")]},
    "updatePool": lambda d, pick: {"poolId": pick("pool"), **change_pool(d, pick)},
    "deletePool": lambda d, pick: {"poolId": pick("pool")},
    "createPipeline": lambda d, pick: {**named(d), "stages": [a_stage(d), a_stage(d)], **some(d, type="OPPORTUNITY")},
    "updatePipeline": lambda d, pick: {"pipelineId": pick("pipeline"), **some(d, isDefault=True, **named(d))},
    "deletePipeline": lambda d, pick: {"pipelineId": pick("pipeline")},
    "addStage": lambda d, pick: {"pipelineId": pick("pipeline"), **a_stage(d)},
    "updateStage": lambda d, pick: {"stageId": pick("stage"), **some(d, **{**a_stage(d), "rottenAfterDays": None})},
    "deleteStage": lambda d, pick: {"stageId": pick("stage"), "moveLeadsTo": pick("stage")},
}
"""Changes of what is created with an event, each with an input that may be right."""


async def live(world: World, draw: random.Random, changes: int) -> None:
    """Make so many random changes; some of them are refused, of which nothing stays."""
    ids: dict[str, list[str]] = {}
    for _ in range(changes):
        for table in TABLES:
            rows = await world.database.pool.fetch(f"SELECT id FROM {table} ORDER BY id")
            ids[table] = [public_id(table, row["id"]) for row in rows] or [f"{table}_{organisation_id('x')}"]
        name = draw.choice(list(CHANGES))
        await world.attempt(name, CHANGES[name](draw, lambda table: draw.choice(ids[table])))
