"""What stages require: fields, reasons where leads are lost, and how an app learns of both before a drop."""

from tests.support.consistency import expect_consistent
from tests.support.world import World

TRANSITIONS = "allowedTransitions { stage { name } allowed missingFields needsReason refusedBecause }"


async def test_a_stage_is_not_entered_without_its_fields(world: World) -> None:
    """The refusal names every missing field; once they are filled, the move is made."""
    asked = {"stageId": world["Offer"], "requiredFields": ["VALUE", "CONTACT", "OWNER"]}
    made = await world.change("updateStage", asked, "stage { requiredFields }")
    assert made["stage"]["requiredFields"] == ["CONTACT", "OWNER", "VALUE"]
    move = {"leadId": world["Cleo"], "stageId": world["Offer"]}
    refused = await world.refused("moveLead", move, "FIELDS_REQUIRED", "stageId", show="lead { stage { name } }")
    assert "contactId, ownerId, value" in refused["userErrors"][0]["message"]
    assert refused["lead"]["stage"]["name"] == "New"
    filled = {"contactId": world["contact of mia"], "ownerId": world["mia"], "value": "5"}
    await world.change("updateLead", {"leadId": world["Cleo"], **filled})
    await world.change("moveLead", move)
    await expect_consistent(world.database)


async def test_every_way_into_a_stage_asks_for_its_fields(world: World) -> None:
    """Creating and qualifying a lead check the fields as well; a reorder within the stage does not."""
    await world.change("updateStage", {"stageId": world["Talking"], "requiredFields": ["SOURCE"]})
    new = {"title": "Gil", "stageId": world["Talking"]}
    await world.refused("createLead", new, "FIELDS_REQUIRED", "stageId")
    await world.change("createLead", {**new, "source": "Fair"})
    await world.refused("qualifyLead", {"leadId": world["Ada"]}, "FIELDS_REQUIRED")
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Talking"]})


async def test_who_is_disqualified_or_reopened_enters_a_stage_too(world: World) -> None:
    """LOST and the stage that a lead returns to check their fields; a lead that stays in its stage is not checked
    again."""
    for stage in ("New", "Lost"):
        await world.change("updateStage", {"stageId": world[stage], "requiredFields": ["SOURCE"]})
    ada, show = {"leadId": world["Ada"]}, "lead { stage { name } }"
    refused = await world.refused("disqualifyLead", {**ada, "reason": "No"}, "FIELDS_REQUIRED", show=show)
    assert refused["lead"] == {"stage": {"name": "New"}}
    assert "source" in refused["userErrors"][0]["message"]
    await world.change("updateLead", {**ada, "source": "Fair"})
    await world.change("disqualifyLead", {**ada, "reason": "No"})
    await world.change("updateLead", {**ada, "source": None})
    await world.refused("reopenLead", ada, "FIELDS_REQUIRED")
    await world.change("updateLead", {**ada, "source": "Fair"})
    await world.change("reopenLead", ada)
    await world.change("updateStage", {"stageId": world["Due"], "requiredFields": ["SOURCE"]})
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No"})
    await world.change("reopenLead", {"leadId": world["Fay"]})
    await expect_consistent(world.database)


async def test_a_lost_lead_needs_a_reason(world: World) -> None:
    """Any reason is accepted as long as the organisation offers none; outside of LOST a reason is refused."""
    lost = {"leadId": world["Ada"], "stageId": world["Lost"]}
    for nothing in (None, "", "  "):
        await world.refused("moveLead", {**lost, "lostReason": nothing}, "REASON_REQUIRED", "lostReason")
    elsewhere = {"leadId": world["Ada"], "stageId": world["Won"], "lostReason": "Price"}
    await world.refused("moveLead", elsewhere, "INVALID", "lostReason")
    made = await world.change("moveLead", {**lost, "lostReason": " Too  dear "}, "lead { lostReason closedAt }")
    assert made["lead"]["lostReason"] == "Too dear"
    assert made["lead"]["closedAt"] is not None
    back = await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["New"]}, "lead { lostReason }")
    assert back["lead"] == {"lostReason": None}
    await expect_consistent(world.database)


async def test_offered_reasons_are_the_only_ones(world: World) -> None:
    """A listed reason, in any case, is stored as the list spells it; others are refused, naming the list."""
    listed = await world.change("setLostReasons", {"reasons": ["Price", " Bad  timing "]}, "lostReasons { name }")
    assert [reason["name"] for reason in listed["lostReasons"]] == ["Price", "Bad timing"]
    given = {"leadId": world["Ada"], "reason": "Competitor"}
    refused = await world.refused("disqualifyLead", given, "REASON_UNKNOWN", "reason")
    assert "Price, Bad timing" in refused["userErrors"][0]["message"]
    made = await world.change("disqualifyLead", {**given, "reason": "bad TIMING"}, "lead { lostReason }")
    assert made["lead"]["lostReason"] == "Bad timing"
    move = {"leadId": world["Bob"], "stageId": world["Lost"]}
    await world.refused("moveLead", {**move, "lostReason": "Other"}, "REASON_UNKNOWN", "lostReason")


async def test_an_app_knows_before_the_drop(world: World) -> None:
    """`transitions` lists each stage of the pipeline, whether the lead may enter it, and what it requires."""
    await world.change("updateStage", {"stageId": world["Offer"], "requiredFields": ["VALUE", "CUSTOMER"]})
    found = (await world.lead("Cleo", TRANSITIONS))["allowedTransitions"]
    assert {one["stage"]["name"]: one["allowed"] for one in found} == {
        "New": True, "Talking": True, "Offer": False, "Won": True, "Lost": True
    }  # fmt: skip
    assert found[2] == {
        "stage": {"name": "Offer"}, "allowed": False, "missingFields": ["CUSTOMER", "VALUE"], "needsReason": False,
        "refusedBecause": "FIELDS_REQUIRED",
    }  # fmt: skip
    assert [one["needsReason"] for one in found] == [False, False, False, False, True]


async def test_transitions_agree_with_the_move(world: World) -> None:
    """A transition that is allowed succeeds, and one that is not is refused with the same code."""
    await world.change("updateStage", {"stageId": world["Offer"], "requiredFields": ["OWNER"]})
    for name in ("Ada", "Bob", "Dan", "Eve"):
        for one in (await world.lead(name, "allowedTransitions { stage { id } allowed needsReason refusedBecause }"))[
            "allowedTransitions"
        ]:
            given = {"leadId": world[name], "stageId": one["stage"]["id"]}
            if one["needsReason"]:
                given["lostReason"] = "Price"
            if one["allowed"]:
                await world.change("moveLead", given)
            else:
                await world.refused("moveLead", given, one["refusedBecause"], "stageId")


async def test_time_in_stage_counts_every_visit(world: World) -> None:
    """The time adds up over visits; the history holds the end and the length of each."""
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["New"]})
    uuid = world["Ada"].removeprefix("lead_")
    steps = "SELECT id FROM stage_change WHERE lead_id = $1 ORDER BY occurred_at, id"
    for days, row in zip((10, 7, 5), await world.database.pool.fetch(steps, uuid), strict=True):
        await world.sql(
            "UPDATE stage_change SET occurred_at = now() - make_interval(days => $2) WHERE id = $1", row["id"], days
        )
    shown = "timeInStage { stage { name } seconds visits } stageHistory { nodes { leftAt duration } }"
    lead = await world.lead("Ada", shown)
    assert [(one["stage"]["name"], one["seconds"] // 86400, one["visits"]) for one in lead["timeInStage"]] == [
        ("New", 8, 2),
        ("Talking", 2, 1),
    ]
    history = lead["stageHistory"]["nodes"]
    assert [step["duration"] // 86400 for step in history] == [3, 2, 5]
    assert [step["leftAt"] is None for step in history] == [False, False, True]


async def test_a_lead_rots_without_activity(world: World) -> None:
    """A lead is rotting after its stage's days, counted from entry or the last activity; an upcoming task pauses
    that."""
    uuid = world["Dan"].removeprefix("lead_")

    async def rotten() -> bool:
        found = await world.lead("Dan", "isRotten rottenSince")
        assert (found["rottenSince"] is not None) == found["isRotten"]
        return bool(found["isRotten"])

    assert not await rotten()
    await world.sql("UPDATE lead SET stage_entered_at = now() - interval '15 days' WHERE id = $1", uuid)
    assert await rotten()
    planned = await world.change("scheduleFollowUp", {"leadId": world["Dan"], "dueOn": "2190-01-01"}, "task { id }")
    assert not await rotten()
    await world.change("cancelTask", {"taskId": planned["task"]["id"]})
    assert await rotten()
    await world.change("logActivity", {"leadId": world["Dan"], "type": "CALL", "subject": "Hello"})
    assert not await rotten()
    await world.sql("UPDATE lead SET last_activity_at = now() - interval '15 days' WHERE id = $1", uuid)
    assert await rotten()
    await world.change("disqualifyLead", {"leadId": world["Dan"], "reason": "No answer"})
    assert not await rotten()
