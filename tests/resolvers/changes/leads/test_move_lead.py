"""moveLead: a card is dropped between its neighbours, in its own or another stage, or the move is refused."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from models import Role, organisation_id
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities
from tests.support.world import World

SHOW = "lead { title stage { name } pipeline { name } version closedAt lostReason }"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NOBODY = "lead_01890000-0000-7000-8000-000000000000"


def move(world: World, lead: str, stage: str, **given: Any) -> dict[str, Any]:
    """The input that moves a lead to a stage, with leads by their names."""
    ids = {name: world.ids.get(value, value) if name.endswith("LeadId") else value for name, value in given.items()}
    return {"leadId": world[lead], "stageId": world[stage], **ids}


def named(world: World, event: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an event, with records by the names that the tests use."""
    names = {id.partition("_")[2]: name for name, id in world.ids.items()}
    return {
        key: names.get(str(value), value)
        for key, value in event.items()
        if key not in ("org_id", "number", "id", "occurred_at") and value is not None
    }


def reordered(lead: str, stage: str = "New", **more: Any) -> dict[str, Any]:
    """The event of a card that was reordered within a stage of Sales."""
    return {
        "type": "lead.moved",
        "mutation": "move_lead",
        "actor_id": "tester",
        "actor_kind": "MEMBER",
        "depth": 0,
        "lead_id": lead,
        "pipeline_id": "Sales",
        "stage_id": stage,
        "data": "{}",
        **more,
    }


def entered(lead: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    """The event of a card that moved from one stage of Sales to another."""
    return {
        **reordered(lead, after),
        "type": "lead.stage_changed",
        "from_pipeline_id": "Sales",
        "from_stage_id": before,
        **more,
    }


async def steps(world: World) -> int:
    """The number of entries into stages in the history of all leads."""
    return await world.database.pool.fetchval("SELECT count(*) FROM stage_change")  # type: ignore[no-any-return]


async def converted(world: World) -> None:
    """Make Bob an opportunity that stays in Talking."""
    await opportunities(world)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    await world.change("convertLead", {"leadId": world["Bob"]})


DROPS: dict[str, tuple[dict[str, str], str]] = {
    "on top": ({}, "Dan Ada Bob Cleo"),
    "below the first": ({"afterLeadId": "Ada"}, "Ada Dan Bob Cleo"),
    "below the second": ({"afterLeadId": "Bob"}, "Ada Bob Dan Cleo"),
    "below the last": ({"afterLeadId": "Cleo"}, "Ada Bob Cleo Dan"),
    "above the first": ({"beforeLeadId": "Ada"}, "Dan Ada Bob Cleo"),
    "above the second": ({"beforeLeadId": "Bob"}, "Ada Dan Bob Cleo"),
    "above the last": ({"beforeLeadId": "Cleo"}, "Ada Bob Dan Cleo"),
    "between two": ({"afterLeadId": "Bob", "beforeLeadId": "Cleo"}, "Ada Bob Dan Cleo"),
    "right below the upper of two that lie apart": ({"afterLeadId": "Ada", "beforeLeadId": "Cleo"}, "Ada Dan Bob Cleo"),
}


@pytest.mark.parametrize("drop", DROPS)
async def test_a_card_of_another_stage_is_dropped(world: World, drop: str) -> None:
    """A card without neighbours is on top, else right below the one or right above the other; no other card moves."""
    neighbours, wanted = DROPS[drop]
    head, before = await world.head(), await steps(world)
    made = await world.change("moveLead", move(world, "Dan", "New", **neighbours), SHOW)
    assert made["lead"] == {
        "title": "Dan",
        "stage": {"name": "New"},
        "pipeline": {"name": "Sales"},
        "version": 2,
        "closedAt": None,
        "lostReason": None,
    }
    assert " ".join(await world.cards("New")) == wanted
    assert await world.cards("Talking") == []
    assert [named(world, event) for event in await world.events(head)] == [entered("Dan", "Talking", "New")]
    assert await steps(world) == before + 1
    assert [(await world.lead(name, "version"))["version"] for name in ("Ada", "Bob", "Cleo")] == [1, 1, 1]
    await expect_consistent(world.database)


REORDERS: dict[str, tuple[str, dict[str, str], str]] = {
    "the last on top": ("Cleo", {}, "Cleo Ada Bob"),
    "the first on top": ("Ada", {}, "Ada Bob Cleo"),
    "the first below the second": ("Ada", {"afterLeadId": "Bob"}, "Bob Ada Cleo"),
    "the first below the last": ("Ada", {"afterLeadId": "Cleo"}, "Bob Cleo Ada"),
    "the last above the first": ("Cleo", {"beforeLeadId": "Ada"}, "Cleo Ada Bob"),
    "the last above the second": ("Cleo", {"beforeLeadId": "Bob"}, "Ada Cleo Bob"),
    "the last between the others": ("Cleo", {"afterLeadId": "Ada", "beforeLeadId": "Bob"}, "Ada Cleo Bob"),
    "the second below the first": ("Bob", {"afterLeadId": "Ada"}, "Ada Bob Cleo"),
    "the second where it lies": ("Bob", {"afterLeadId": "Ada", "beforeLeadId": "Cleo"}, "Ada Bob Cleo"),
}


@pytest.mark.parametrize("drop", REORDERS)
async def test_a_card_gets_another_place_in_its_stage(world: World, drop: str) -> None:
    """One version and one event record the drop, also on the card's own place; the stage is not entered again, so the
    history and the time of entry stay."""
    lead, neighbours, wanted = REORDERS[drop]
    head, before, entry = await world.head(), await steps(world), await world.lead(lead, "stageEnteredAt")
    made = await world.change("moveLead", move(world, lead, "New", **neighbours), SHOW)
    assert (made["lead"]["title"], made["lead"]["stage"]["name"], made["lead"]["version"]) == (lead, "New", 2)
    assert " ".join(await world.cards("New")) == wanted
    owner = {"owner_id": "rita"} if lead == "Bob" else {}
    assert [named(world, event) for event in await world.events(head)] == [reordered(lead, **owner)]
    assert await steps(world) == before
    assert await world.lead(lead, "stageEnteredAt") == entry
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("lead", "neighbours", "path"),
    [
        ("Dan", {"afterLeadId": "Bob", "beforeLeadId": "Ada"}, "beforeLeadId"),
        ("Dan", {"afterLeadId": "Cleo", "beforeLeadId": "Ada"}, "beforeLeadId"),
        ("Dan", {"afterLeadId": "Bob", "beforeLeadId": "Bob"}, "beforeLeadId"),
        ("Cleo", {"afterLeadId": "Bob", "beforeLeadId": "Ada"}, "beforeLeadId"),
        ("Ada", {"afterLeadId": "Dan"}, "afterLeadId"),
        ("Ada", {"beforeLeadId": "Dan"}, "beforeLeadId"),
        ("Ada", {"afterLeadId": "Bob", "beforeLeadId": "Fay"}, "beforeLeadId"),
        ("Ada", {"afterLeadId": "Eve", "beforeLeadId": "Bob"}, "afterLeadId"),
        ("Ada", {"afterLeadId": "Eve", "beforeLeadId": "Dan"}, "afterLeadId"),
    ],
)
async def test_neighbours_that_are_not_there_in_this_order(
    world: World, lead: str, neighbours: dict[str, str], path: str
) -> None:
    """Neighbours in the wrong order or in another stage: CONFLICT at the field, with the lead as it is."""
    shown = await world.refused("moveLead", move(world, lead, "New", **neighbours), "CONFLICT", path, show=SHOW)
    assert (shown["lead"]["title"], shown["lead"]["version"]) == (lead, 1)
    assert shown["userErrors"][0]["message"] == ("The neighbours have moved. Load the stage again and repeat the move.")


@pytest.mark.parametrize("field", ["afterLeadId", "beforeLeadId"])
@pytest.mark.parametrize("stage", ["New", "Talking"])
async def test_a_card_is_not_its_own_neighbour(world: World, stage: str, field: str) -> None:
    """A lead beside itself is INVALID, in its own stage and in another, also with a second neighbour that is right."""
    shown = await world.refused("moveLead", move(world, "Ada", stage, **{field: "Ada"}), "INVALID", field, show=SHOW)
    assert shown["lead"] is None
    other = "beforeLeadId" if field == "afterLeadId" else "afterLeadId"
    await world.refused("moveLead", move(world, "Ada", "New", **{field: "Ada", other: "Bob"}), "INVALID", field)


@pytest.mark.parametrize("field", ["afterLeadId", "beforeLeadId"])
async def test_a_neighbour_that_was_deleted(world: World, field: str) -> None:
    """A neighbour that was deleted after the stage was loaded is a CONFLICT, as one that was moved away is."""
    await world.change("deleteLead", {"leadId": world["Bob"]})
    shown = await world.refused("moveLead", move(world, "Dan", "New", **{field: "Bob"}), "CONFLICT", field, show=SHOW)
    assert shown["lead"]["stage"]["name"] == "Talking"


@pytest.mark.parametrize("field", ["leadId", "stageId", "afterLeadId", "beforeLeadId"])
async def test_ids_that_name_nothing(world: World, strangers: World, field: str) -> None:
    """An unknown id and one of another organisation are NOT_FOUND at the field; one of another type is WRONG_ID."""
    given = move(world, "Dan", "New")
    unknown = NOBODY.replace("lead", "stage") if field == "stageId" else NOBODY
    foreign = strangers["Talking" if field == "stageId" else "Bob"]
    for id in (unknown, foreign):
        shown = await world.refused("moveLead", {**given, field: id}, "NOT_FOUND", field, show=SHOW)
        assert shown["lead"] is None
    for id in (world["Sales"], unknown.replace("_", "s_")):
        await world.refused("moveLead", {**given, field: id}, "WRONG_ID", field)


async def test_a_lead_that_was_deleted(world: World) -> None:
    """A deleted lead is NOT_FOUND, though the log names it."""
    await world.change("deleteLead", {"leadId": world["Dan"]})
    await world.refused("moveLead", move(world, "Dan", "New"), "NOT_FOUND", "leadId")


@pytest.mark.parametrize("stage", ["New", "Offer", "Due"])
@pytest.mark.parametrize("version", [0, 2, -1, 2**31 - 1])
async def test_another_version_is_refused(world: World, stage: str, version: int) -> None:
    """Another version is a CONFLICT with the lead as it is, for a new place, stage or pipeline."""
    stale = move(world, "Ada", stage, expectedVersion=version)
    shown = await world.refused("moveLead", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["version"], shown["lead"]["stage"]["name"]) == (1, "New")


async def test_the_expected_version_moves_it_once(world: World) -> None:
    """The same drop sent twice is refused the second time; without a version it is made twice, as two versions."""
    given = move(world, "Ada", "New", afterLeadId="Bob", expectedVersion=1)
    assert (await world.change("moveLead", given, SHOW))["lead"]["version"] == 2
    await world.refused("moveLead", given, "CONFLICT", "expectedVersion")
    del given["expectedVersion"]
    assert (await world.change("moveLead", given, SHOW))["lead"]["version"] == 3
    assert await world.cards("New") == ["Bob", "Ada", "Cleo"]


async def test_entering_a_stage_twice_enters_it_once(world: World) -> None:
    """The second time, the lead is in the stage already, so only its place is set."""
    head, before = await world.head(), await steps(world)
    for _ in range(2):
        await world.change("moveLead", move(world, "Ada", "Talking", afterLeadId="Dan"))
    events = [named(world, event) for event in await world.events(head)]
    assert events == [entered("Ada", "New", "Talking"), reordered("Ada", "Talking")]
    assert await steps(world) == before + 1
    assert await world.cards("Talking") == ["Dan", "Ada"]
    await expect_consistent(world.database)


async def test_totals_follow(world: World) -> None:
    """The lead counts in the stage it enters and no longer in the one it left, by its own probability or the stage's; a
    reorder within a stage changes no totals."""
    asked = "name totals { count values { currency value weightedValue } }"
    before = await world.stages("Sales", asked)
    await world.change("moveLead", move(world, "Ada", "New", afterLeadId="Cleo"))
    assert await world.stages("Sales", asked) == before
    await world.change("moveLead", move(world, "Ada", "Talking"))
    await world.change("moveLead", move(world, "Bob", "Offer"))
    found = {stage["name"]: stage["totals"] for stage in await world.stages("Sales", asked)}
    assert found["New"] == {"count": 1, "values": []}
    assert found["Talking"] == {
        "count": 2,
        "values": [
            {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"},
            {"currency": "USD", "value": "80.00", "weightedValue": "24.00"},
        ],
    }
    assert found["Offer"] == {
        "count": 1,
        "values": [{"currency": "USD", "value": "250.50", "weightedValue": "150.30"}],
    }
    await expect_consistent(world.database)


async def test_another_pipeline(world: World) -> None:
    """The event holds both pipelines and both stages, and the lead belongs to the other pipeline."""
    head = await world.head()
    made = await world.change("moveLead", move(world, "Bob", "Due", afterLeadId="Fay"), SHOW)
    assert (made["lead"]["pipeline"]["name"], made["lead"]["stage"]["name"]) == ("Renewals", "Due")
    assert await world.cards("Due") == ["Fay", "Bob"]
    (event,) = await world.events(head)
    assert named(world, event) == entered("Bob", "New", "Due", pipeline_id="Renewals", owner_id="rita")
    await expect_consistent(world.database)


async def test_an_external_id_that_is_taken_in_the_other_pipeline(world: World) -> None:
    """Fay of Renewals has the id that Ada has in Sales, so Ada cannot move there, wherever she is dropped."""
    for neighbours in ({}, {"afterLeadId": "Fay"}):
        await world.refused("moveLead", move(world, "Ada", "Due", **neighbours), "EXTERNAL_ID_TAKEN", "stageId")


async def test_a_won_stage_closes(world: World) -> None:
    """The lead is closed from then on; the next WON stage keeps that instant, and an open stage opens the lead
    again."""
    made = await world.change("moveLead", move(world, "Bob", "Won"), SHOW)
    closed = made["lead"]["closedAt"]
    assert closed is not None
    made = await world.change("moveLead", move(world, "Bob", "Done"), SHOW)
    assert made["lead"]["closedAt"] == closed
    made = await world.change("moveLead", move(world, "Bob", "New"), SHOW)
    assert made["lead"]["closedAt"] is None
    await expect_consistent(world.database)


async def test_a_lost_stage_closes_anew_what_was_won(world: World) -> None:
    """The lead is closed as of the loss with its reason, which the event holds, as does the event of leaving the
    stage."""
    won = (await world.lead("Eve", "closedAt"))["closedAt"]
    head = await world.head()
    made = await world.change("moveLead", move(world, "Eve", "Lost", lostReason=" Too  dear "), SHOW)
    assert made["lead"]["lostReason"] == "Too dear"
    assert made["lead"]["closedAt"] > won
    made = await world.change("moveLead", move(world, "Eve", "Won"), SHOW)
    assert made["lead"]["lostReason"] is None
    events = await world.events(head)
    assert [json.loads(event["data"]) for event in events] == [
        {"changes": {"lostReason": [None, "Too dear"]}},
        {"changes": {"lostReason": ["Too dear", None]}},
    ]
    assert [event["type"] for event in events] == ["lead.stage_changed"] * 2
    await expect_consistent(world.database)


@pytest.mark.parametrize("reason", [None, "", " \t"])
async def test_a_lost_stage_needs_a_reason(world: World, reason: str | None) -> None:
    """A move without a reason is refused with REASON_REQUIRED and the lead as it is."""
    given = move(world, "Ada", "Lost", lostReason=reason)
    shown = await world.refused("moveLead", given, "REASON_REQUIRED", "lostReason", show=SHOW)
    assert shown["lead"]["stage"]["name"] == "New"


async def test_a_reason_that_is_not_offered(world: World) -> None:
    """An unknown reason is REASON_UNKNOWN; a known one is stored as the organisation spells it."""
    await world.change("setLostReasons", {"reasons": ["Price"]})
    given = move(world, "Ada", "Lost", lostReason="Timing")
    shown = await world.refused("moveLead", given, "REASON_UNKNOWN", "lostReason", show=SHOW)
    assert shown["lead"]["version"] == 1
    made = await world.change("moveLead", {**given, "lostReason": "PRICE"}, SHOW)
    assert made["lead"]["lostReason"] == "Price"


@pytest.mark.parametrize("stage", ["New", "Talking", "Won", "Due"])
@pytest.mark.parametrize("reason", ["Too dear", ""])
async def test_a_reason_where_nothing_is_lost(world: World, stage: str, reason: str) -> None:
    """A reason is INVALID for each stage that is not LOST, including the lead's own."""
    await world.change("updateLead", {"leadId": world["Ada"], "externalId": None})
    await world.refused("moveLead", move(world, "Ada", stage, lostReason=reason), "INVALID", "lostReason")


async def test_a_wrong_reason_is_corrected(world: World) -> None:
    """Another reason in the lead's own LOST stage replaces the first, with one event; all else stays."""
    for name in ("Ada", "Bob"):
        await world.change("moveLead", move(world, name, "Lost", lostReason="Too dear"))
    before = await world.lead("Ada", "closedAt stageEnteredAt")
    head = await world.head()
    made = await world.change("moveLead", move(world, "Ada", "Lost", lostReason=" Bad  timing "), SHOW)
    assert (made["lead"]["lostReason"], made["lead"]["version"]) == ("Bad timing", 3)
    assert await world.recorded(head) == [
        ("lead.updated", "move_lead", {"changes": {"lostReason": ["Too dear", "Bad timing"]}})
    ]
    assert await world.lead("Ada", "closedAt stageEnteredAt") == before
    assert await world.cards("Lost") == ["Bob", "Ada"]
    await expect_consistent(world.database)


async def test_the_same_reason_leaves_no_trace(world: World) -> None:
    """A correction that changes nothing is no change; without a reason the card goes on top and keeps its reason."""
    for name in ("Ada", "Bob"):
        await world.change("moveLead", move(world, name, "Lost", lostReason="Too dear"))
    head = await world.head()
    await world.change("moveLead", move(world, "Ada", "Lost", lostReason="Too dear"))
    assert await world.head() == head
    made = await world.change("moveLead", move(world, "Ada", "Lost"), SHOW)
    assert (made["lead"]["lostReason"], made["lead"]["version"]) == ("Too dear", 3)
    assert [type for type, _, _ in await world.recorded(head)] == ["lead.moved"]
    assert await world.cards("Lost") == ["Ada", "Bob"]


async def test_a_reason_and_a_place_at_once(world: World) -> None:
    """With a neighbour the card also moves, and each of the two is an event."""
    for name in ("Ada", "Bob"):
        await world.change("moveLead", move(world, name, "Lost", lostReason="Too dear"))
    head = await world.head()
    given = move(world, "Bob", "Lost", lostReason="Timing", afterLeadId=world["Ada"])
    await world.change("moveLead", given)
    assert await world.recorded(head) == [
        ("lead.moved", "move_lead", {}),
        ("lead.updated", "move_lead", {"changes": {"lostReason": ["Too dear", "Timing"]}}),
    ]
    assert await world.cards("Lost") == ["Ada", "Bob"]
    assert await world.lead("Bob", "version") == {"version": 3}
    await expect_consistent(world.database)


async def test_a_correction_is_one_of_the_reasons_that_are_offered(world: World) -> None:
    """An unknown reason, and a blank one, are refused, and so is a correction that was decided on an older version."""
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "Gone"})
    await world.change("setLostReasons", {"reasons": ["Price"]})
    given = move(world, "Fay", "Due", lostReason="Timing")
    await world.refused("moveLead", given, "REASON_UNKNOWN", "lostReason")
    await world.refused("moveLead", {**given, "lostReason": " "}, "REASON_REQUIRED", "lostReason")
    await world.refused(
        "moveLead", {**given, "lostReason": "Price", "expectedVersion": 1}, "CONFLICT", "expectedVersion"
    )
    made = await world.change("moveLead", {**given, "lostReason": "price"}, SHOW)
    assert (made["lead"]["lostReason"], made["lead"]["stage"]["name"]) == ("Price", "Due")
    await expect_consistent(world.database)


async def test_what_was_disqualified_moves_to_lost_without_a_reason(world: World) -> None:
    """The lead has a reason already, and keeps since when it is closed; a new reason replaces the first."""
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "Gone"})
    made = await world.change(
        "addStage", {"pipelineId": world["Renewals"], "name": "Dead", "kind": "LOST"}, "stage { id }"
    )
    world.ids["Dead"] = made["stage"]["id"]
    await world.change("updateLead", {"leadId": world["Ada"], "externalId": None})
    asked = "closedAt disqualifiedAt lostReason"
    for name, reason in (("Fay", None), ("Ada", "Too dear")):
        before = await world.lead(name, asked)
        await world.change("moveLead", move(world, name, "Dead", lostReason=reason))
        assert await world.lead(name, asked) == {**before, "lostReason": reason or before["lostReason"]}
    await expect_consistent(world.database)


async def test_what_a_stage_asks_for(world: World) -> None:
    """FIELDS_REQUIRED names all that is missing and returns the lead; a reorder within the stage requires nothing."""
    await world.change("updateStage", {"stageId": world["Talking"], "requiredFields": ["VALUE", "SOURCE"]})
    shown = await world.refused("moveLead", move(world, "Cleo", "Talking"), "FIELDS_REQUIRED", "stageId", show=SHOW)
    assert shown["lead"]["title"] == "Cleo"
    assert (
        shown["userErrors"][0]["message"]
        == "The stage “Talking” requires value, source. Fill in what is missing first."
    )
    await world.change("moveLead", move(world, "Dan", "Talking"))
    await world.change("updateLead", {"leadId": world["Cleo"], "value": "5", "source": "Fair"})
    await world.change("moveLead", move(world, "Cleo", "Talking"))
    await expect_consistent(world.database)


async def test_a_converted_lead_stays_where_it_ended(world: World) -> None:
    """Another stage is refused with LEAD_CONVERTED and the lead; its place within its stage may change."""
    await converted(world)
    version = (await world.lead("Bob", "version"))["version"]
    for stage in ("New", "Due"):
        shown = await world.refused("moveLead", move(world, "Bob", stage), "LEAD_CONVERTED", "leadId", show=SHOW)
        assert (shown["lead"]["stage"]["name"], shown["lead"]["version"]) == ("Talking", version)
    made = await world.change("moveLead", move(world, "Bob", "Talking", afterLeadId="Dan"), SHOW)
    assert made["lead"]["version"] == version + 1
    assert await world.cards("Talking") == ["Dan", "Bob"]
    await expect_consistent(world.database)


async def test_a_stage_that_was_deleted(world: World) -> None:
    """A deleted stage is NOT_FOUND, as the target and as the stage of a neighbour."""
    await world.change("deleteStage", {"stageId": world["Offer"]})
    await world.refused("moveLead", move(world, "Ada", "Offer"), "NOT_FOUND", "stageId")


async def test_qualified_stays_qualified(world: World) -> None:
    """The lead stays qualified wherever it moves, also into closing stages and back."""
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    before = await world.lead("Bob", "qualifiedAt")
    assert before["qualifiedAt"] is not None
    for stage in ("Won", "New"):
        await world.change("moveLead", move(world, "Bob", stage))
        assert await world.lead("Bob", "qualifiedAt") == before


@pytest.mark.parametrize("stage", ["New", "Offer"])
async def test_a_viewer_may_not(world: World, stage: str) -> None:
    """A viewer gets FORBIDDEN; a rep moves any lead, and the event names the rep."""
    head = await world.head()
    given = move(world, "Ada", stage)
    body = await world.attempt("moveLead", given, subject="rita", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.head() == head
    await world.change("moveLead", given, subject="rita", role=Role.REP)
    (event,) = await world.events(head)
    assert event["actor_id"] == parse_id("member", world["rita"])


async def at_once(world: World, *inputs: dict[str, Any]) -> None:
    """Moves that do not see each other: each has done everything but commit, and waits for the log, before one ends."""
    database = world.database
    async with database.acquire() as log, log.transaction(), asyncio.timeout(20):
        await log.execute("SELECT FROM event_log WHERE org_id = $1 FOR UPDATE", organisation_id(world.organisation))
        moves = [asyncio.create_task(world.change("moveLead", given)) for given in inputs]
        while await database.pool.fetchval(WAITING) < len(moves):
            """Not every move has come to its lock yet."""
    await asyncio.gather(*moves)
    await expect_consistent(database)


@pytest.mark.parametrize(
    "neighbours",
    [
        {"afterLeadId": "Ada"},
        {"beforeLeadId": "Bob"},
        {"afterLeadId": "Ada", "beforeLeadId": "Bob"},
    ],
)
async def test_two_at_once_into_one_gap(world: World, neighbours: dict[str, str]) -> None:
    """Both leads are in the gap, at different places, and both events are in the log."""
    head = await world.head()
    await at_once(world, *(move(world, name, "New", **neighbours) for name in ("Dan", "Eve")))
    cards = await world.cards("New")
    assert (cards[0], set(cards[1:3]), cards[3:]) == ("Ada", {"Dan", "Eve"}, ["Bob", "Cleo"])
    places = await world.database.pool.fetch("SELECT rank FROM lead WHERE title IN ('Dan', 'Eve')")
    assert len({row["rank"] for row in places}) == 2
    found = [named(world, event) for event in await world.events(head)]
    assert sorted(found, key=lambda event: event["lead_id"]) == [
        entered("Dan", "Talking", "New"), entered("Eve", "Won", "New")
    ]  # fmt: skip


async def test_one_lead_moved_by_two_at_once(world: World) -> None:
    """The second move waits and starts where the first ended: two steps, each from where the other left the lead."""
    head = await world.head()
    await asyncio.gather(*(world.change("moveLead", move(world, "Ada", stage)) for stage in ("Talking", "Offer")))
    first, second = [named(world, event) for event in await world.events(head)]
    assert first["from_stage_id"] == "New"
    assert {first["stage_id"], second["stage_id"]} == {"Talking", "Offer"}
    assert second["from_stage_id"] == first["stage_id"]
    assert await world.lead("Ada", "version") == {"version": 3}
    await expect_consistent(world.database)


async def test_of_twenty_with_the_same_version_one_moves(world: World) -> None:
    """Nineteen moves get CONFLICT, and a single event is emitted."""
    head = await world.head()
    given = move(world, "Ada", "Talking", expectedVersion=1)
    bodies = await asyncio.gather(*(world.attempt("moveLead", given) for _ in range(20)))
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    assert [named(world, event) for event in await world.events(head)] == [entered("Ada", "New", "Talking")]
    await expect_consistent(world.database)
