"""createLead: a card on top of a column, with its history, its event and its place in the totals."""

import asyncio
import json

import pytest

from models import Role
from models.rules.text import spelled
from resolvers.changes.leads.fields import FIELDS
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = """lead {
    id title description kind pipeline { name } stage { name } contact { id } customer { id } owner { id }
    value currency
    probability weightedValue expectedCloseDate score source externalId closedAt version
    stageHistory { nodes { fromStage { name } toStage { name } actor { name } } }
}"""


async def test_keeps_everything_that_is_given(world: World) -> None:
    """Texts are tidied, the value has its currency's precision, the history begins without a stage, one event records
    it."""
    head = await world.head()
    given = {
        "title": "  A big   sale ",
        "description": " Line one\nline two ",
        "stageId": world["Talking"],
        "contactId": world["contact of rita"],
        "customerId": world["Acme"],
        "ownerId": world["rita"],
        "value": "1234.5",
        "currency": "EUR",
        "probability": 45,
        "expectedCloseDate": "2027-02-28",
        "score": 77,
        "source": " fair ",
        "externalId": "x-9",
    }
    made = await world.change("createLead", given, SHOW)
    lead = made["lead"]
    world.ids["it"] = lead.pop("id")
    assert lead == {
        "title": "A big sale",
        "description": "Line one\nline two",
        "kind": "LEAD",
        "pipeline": {"name": "Sales"},
        "stage": {"name": "Talking"},
        "contact": {"id": world["contact of rita"]},
        "customer": {"id": world["Acme"]},
        "owner": {"id": world["rita"]},
        "value": "1234.50",
        "currency": "EUR",
        "probability": 45,
        "weightedValue": "555.53",
        "expectedCloseDate": "2027-02-28",
        "score": 77,
        "source": "fair",
        "externalId": "x-9",
        "closedAt": None,
        "version": 1,
        "stageHistory": {"nodes": [{"fromStage": None, "toStage": {"name": "Talking"}, "actor": {"name": "tester"}}]},
    }
    assert await world.cards("Talking") == ["A big sale", "Dan"]
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("lead.created", "create_lead")
    assert [f"{name}_{event[f'{name}_id']}" for name in ("lead", "stage", "pipeline")] == [
        world["it"],
        world["Talking"],
        world["Sales"],
    ]
    assert f"member_{event['owner_id']}" == world["rita"]
    assert (event["from_stage_id"], event["from_pipeline_id"]) == (None, None)
    await expect_consistent(world.database)


async def test_a_title_is_enough(world: World) -> None:
    """The lead is on top of the first open stage of the default pipeline; null is the same as an omitted field."""
    optional = (
        "description contactId customerId ownerId value currency probability expectedCloseDate score source externalId"
        " pipelineId stageId idempotencyKey"
    )
    for given in ({"title": "Plain"}, {"title": "Nothing", **dict.fromkeys(optional.split())}):
        made = await world.change("createLead", given, SHOW)
        assert made["lead"]["stage"] == {"name": "New"}
        assert made["lead"]["pipeline"] == {"name": "Sales"}
        assert made["lead"]["probability"] == 10
        assert {made["lead"][name] for name in ("value", "currency", "owner", "contact", "source")} == {None}
    assert await world.cards("New") == ["Nothing", "Plain", "Ada", "Bob", "Cleo"]
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "value", "currency"),
    [
        ({"value": "5"}, "5.00", "USD"),
        ({"value": 5}, "5.00", "USD"),
        ({"value": "0"}, "0.00", "USD"),
        ({"value": "5", "currency": "JPY"}, "5", "JPY"),
        ({"value": "5.125", "currency": "KWD"}, "5.125", "KWD"),
        ({"value": "999999999999999999.99"}, "999999999999999999.99", "USD"),
        ({"currency": "EUR"}, None, "EUR"),
    ],
)
async def test_a_value_has_its_currency(world: World, given: dict, value: str | None, currency: str) -> None:
    """The currency is the organisation's by default, and the value has the precision of its currency."""
    made = await world.change("createLead", {"title": "A", **given}, SHOW)
    assert (made["lead"]["value"], made["lead"]["currency"]) == (value, currency)
    await expect_consistent(world.database)


async def test_enters_the_first_open_stage_by_position(world: World) -> None:
    """The stage is the first by position, not the one created first, of the named pipeline, not the default one."""
    await world.change("addStage", {"pipelineId": world["Renewals"], "name": "Early", "position": 0})
    made = await world.change("createLead", {"title": "A", "pipelineId": world["Renewals"]}, SHOW)
    assert (made["lead"]["pipeline"]["name"], made["lead"]["stage"]["name"]) == ("Renewals", "Early")


@pytest.mark.parametrize(("stage", "weighted", "why"), [("Won", "80.00", None), ("Lost", "0.00", "Too dear")])
async def test_in_a_stage_where_deals_end_it_is_closed(
    world: World, stage: str, weighted: str, why: str | None
) -> None:
    """A lead that is created in a closing stage is closed from the start; in a lost one, for a reason."""
    given = {"title": "A", "stageId": world[stage], "value": "80", "lostReason": why}
    made = await world.change("createLead", given, f"{SHOW} lead {{ lostReason }}")
    assert made["lead"]["closedAt"] is not None
    assert made["lead"]["lostReason"] == why
    assert made["lead"]["weightedValue"] == weighted
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"title": ""}, "INVALID", "title"),
        ({"title": " \n\t "}, "INVALID", "title"),
        ({"title": "x" * 301}, "INVALID", "title"),
        ({"title": "x" * 1_000_000}, "INVALID", "title"),
        ({"title": "a\0b"}, "INVALID", "title"),
        ({"description": "x" * 20_001}, "INVALID", "description"),
        ({"description": "\0"}, "INVALID", "description"),
        ({"source": "x" * 301}, "INVALID", "source"),
        ({"externalId": "x" * 301}, "INVALID", "externalId"),
        ({"externalId": "crm-1"}, "EXTERNAL_ID_TAKEN", "externalId"),
        ({"externalId": " crm-1 "}, "EXTERNAL_ID_TAKEN", "externalId"),
        ({"value": "-1"}, "INVALID", "value"),
        ({"value": "-0.01"}, "INVALID", "value"),
        ({"value": "0.001"}, "INVALID", "value"),
        ({"value": "0.1", "currency": "JPY"}, "INVALID", "value"),
        ({"value": "1", "currency": "XXX"}, "INVALID", "currency"),
        ({"currency": "eur"}, "INVALID", "currency"),
        ({"currency": ""}, "INVALID", "currency"),
        ({"currency": "x" * 1_000_000}, "INVALID", "currency"),
        ({"probability": -1}, "INVALID", "probability"),
        ({"probability": 101}, "INVALID", "probability"),
        ({"expectedCloseDate": "1899-12-31"}, "INVALID", "expectedCloseDate"),
        ({"expectedCloseDate": "2201-01-01"}, "INVALID", "expectedCloseDate"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_refuses_values_that_cannot_be(world: World, given: dict, code: str, path: str) -> None:
    """Each refusal has its code and its field, and nothing is created."""
    await world.refused("createLead", {"title": "A", **given}, code, path)


@pytest.mark.parametrize(
    "given",
    [
        {"value": "NaN"},
        {"value": "Infinity"},
        {"value": "1e3"},
        {"value": "1" * 40},
        {"value": 10**39},
        {"value": 1.5},
        {"value": "1_000"},
        {"value": "١"},
        {"value": ""},
        {"expectedCloseDate": "20000-01-01"},
        {"expectedCloseDate": "2026-02-30"},
        {"expectedCloseDate": "tomorrow"},
        {"score": 2**31},
        {"score": "7"},
        {"probability": 1.5},
        {"title": None},
        {"title": 1},
        {"title": ["a"]},
        {"nonsense": 1},
    ],
    ids=str,
)
async def test_refuses_what_is_malformed(world: World, given: dict) -> None:
    """Malformed input is a GraphQL error, before anything is done."""
    head = await world.head()
    body = await world.attempt("createLead", {"title": "A", **given})
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]
    assert await world.head() == head


async def test_the_stage_must_be_one_of_the_pipeline(world: World) -> None:
    """A stage of another pipeline than the named one is refused."""
    given = {"title": "A", "pipelineId": world["Renewals"], "stageId": world["New"]}
    await world.refused("createLead", given, "INVALID", "stageId")


async def test_without_a_pipeline_there_is_nowhere_to_go(world: World) -> None:
    """A new organisation has to create a pipeline first."""
    body = await world.api(
        'mutation { createLead(input: {title: "A"}) { userErrors { code field } } }', organisation="newcomers"
    )
    assert body["data"]["createLead"]["userErrors"] == [{"code": "NO_PIPELINE", "field": ["pipelineId"]}]


async def test_an_inactive_owner_is_refused(world: World) -> None:
    """Ian is deactivated, so he cannot be the owner."""
    await world.refused("createLead", {"title": "A", "ownerId": world["ian"]}, "OWNER_INACTIVE", "ownerId")


async def test_a_rep_makes_leads_for_nobody_or_for_herself(world: World) -> None:
    """A manager creates leads for anybody."""
    rita = {"subject": "rita", "role": Role.REP}
    await world.refused("createLead", {"title": "A", "ownerId": world["mia"]}, "FORBIDDEN", "ownerId", **rita)
    for owner in (None, world["rita"]):
        await world.change("createLead", {"title": "A", "ownerId": owner}, **rita)
    await world.change("createLead", {"title": "A", "ownerId": world["rita"]}, subject="mia", role=Role.MANAGER)
    await expect_consistent(world.database)


async def test_twenty_at_once_are_twenty(world: World) -> None:
    """Each of twenty leads has its number in the log and its place in the totals; one external id is taken once."""
    bodies = await asyncio.gather(
        *(world.attempt("createLead", {"title": f"A{at}", "value": "10", "externalId": "once"}) for at in range(10)),
        *(world.attempt("createLead", {"title": f"B{at}", "value": "10"}) for at in range(10)),
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes[:10]) == [[]] + [["EXTERNAL_ID_TAKEN"]] * 9
    assert codes[10:] == [[]] * 10
    assert len(await world.cards("New")) == 14
    await expect_consistent(world.database)


async def test_the_default_stage_may_go_meanwhile(world: World) -> None:
    """Leads on their way into a deleted stage enter the next one, or move on with the others."""
    await asyncio.gather(
        world.change("deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Offer"]}),
        *(world.change("createLead", {"title": f"A{at}"}) for at in range(19)),
    )
    assert len(await world.cards("Talking")) + len(await world.cards("Offer")) == 23
    await expect_consistent(world.database)


async def test_events_hold_what_other_faces_need(world: World) -> None:
    """All fields of the lead as it was created, so that its state at any time can be found from there."""
    head = await world.head()
    await world.change("createLead", {"title": "A", "value": "7", "ownerId": world["rita"]})
    (event,) = await world.events(head)
    held = json.loads(event["data"])
    assert held.keys() == {spelled(name) for name in FIELDS.names}
    given = {"title": "A", "value": "7.00", "currency": "USD", "ownerId": world["rita"]}
    assert {name: value for name, value in held.items() if value is not None} == given


async def test_a_lost_lead_needs_one_of_the_reasons(world: World) -> None:
    """The rule is that of moveLead: a reason in a lost stage, one that is offered where some are, none elsewhere."""
    lost = {"title": "A", "stageId": world["Lost"]}
    for why in (None, " "):
        await world.refused("createLead", {**lost, "lostReason": why}, "REASON_REQUIRED", "lostReason")
    for stage in ("New", "Won"):
        given = {"title": "A", "stageId": world[stage], "lostReason": "Too dear"}
        await world.refused("createLead", given, "INVALID", "lostReason")
    await world.refused("createLead", {**lost, "lostReason": "a\0b"}, "INVALID", "lostReason")
    await world.change("setLostReasons", {"reasons": ["Too dear"]})
    await world.refused("createLead", {**lost, "lostReason": "Rain"}, "REASON_UNKNOWN", "lostReason")
    made = await world.change("createLead", {**lost, "lostReason": "TOO DEAR"}, "lead { lostReason }")
    assert made["lead"] == {"lostReason": "Too dear"}
    await expect_consistent(world.database)
