"""Scores: what the rules give to leads, how it comes about, and what stays as somebody set it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import organisation_id
from resolvers.changes import run_sizes
from tests.support.consistency import expect_consistent
from tests.support.scoring.rules import bands, finish, group, publish, rule, scored
from tests.support.world import World, tables

FAIR = {"source": {"equals": "fair"}}


async def update(world: World, name: str, **given: Any) -> None:
    """Update a lead."""
    await world.change("updateLead", {"leadId": world[name], **given})


async def score(world: World, *names: str) -> int:
    """Score leads; returns how many were."""
    given = {"leadIds": [world[name] for name in names]}
    count: int = (await world.change("scoreLeads", given, "scoredCount"))["scoredCount"]
    return count


async def test_parts_explain_the_score(world: World) -> None:
    """Each rule, what a group's limits take, and what the limits of a score add are parts; they make up the score."""
    await update(world, "Ada", source="fair")
    await publish(
        world,
        group("Fit", rule("Fair", 60, condition=FAIR), rule("Named", 50), max=80),
        group("Doubt", rule("Without a fair", -90, condition={"not": FAIR})),
        bands=bands(("Warm", 40, 40), ("Hot", 80, 70)),
    )
    ada, bob = await scored(world, "Ada"), await scored(world, "Bob")
    assert (ada["score"], ada["scoreSource"], ada["scoreBand"], ada["scoreVersion"]) == (80, "RULES", "Hot", 1)
    assert ada["scoreParts"] == [
        {"kind": "RULE", "group": "Fit", "rule": "Fair", "points": 60},
        {"kind": "RULE", "group": "Fit", "rule": "Named", "points": 50},
        {"kind": "GROUP_LIMIT", "group": "Fit", "rule": None, "points": -30},
    ]
    assert (bob["score"], bob["scoreBand"]) == (0, None)
    assert bob["scoreParts"] == [
        {"kind": "RULE", "group": "Fit", "rule": "Named", "points": 50},
        {"kind": "RULE", "group": "Doubt", "rule": "Without a fair", "points": -90},
        {"kind": "SCORE_LIMIT", "group": None, "rule": None, "points": 40},
    ]


async def test_scoring_is_no_change_of_the_lead(world: World) -> None:
    """Neither the version of a lead nor when it was updated changes; one event lists the leads with other scores."""
    before = await world.lead("Ada", "version updatedAt")
    head = await world.head()
    await publish(world, group("Fit", rule("All", 5)))
    assert await world.lead("Ada", "version updatedAt") == before
    events = [(type_, data) for type_, _, data in await world.recorded(head) if type_ == "scores.changed"]
    [(_, data)] = events
    assert data["version"] == 1
    assert sorted(data["leadIds"]) == sorted(world[name] for name in ("Ada", "Bob", "Cleo", "Dan"))
    await expect_consistent(world.database)


async def test_twice_is_once(world: World) -> None:
    """Scoring again writes nothing, whatever was scored; a lead of a change scores anew."""
    await publish(world, group("Fit", rule("Fair", 5, condition=FAIR)))
    before, head = await tables(world.database), await world.head()
    assert await score(world, "Ada", "Bob", "Cleo", "Dan", "Eve") == 4
    assert (await tables(world.database), await world.events(head)) == (before, [])
    await update(world, "Ada", source="fair")
    assert await score(world, "Ada") == 1
    assert (await scored(world, "Ada"))["score"] == 5


async def test_closed_leads_keep_their_scores(world: World) -> None:
    """A lead that is won or lost is not scored any more."""
    await publish(world, group("Fit", rule("All", 5)))
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await publish(world, group("Fit", rule("All", 9)))
    assert await score(world, "Ada", "Bob") == 1
    assert [(await scored(world, name))["score"] for name in ("Ada", "Bob", "Eve")] == [5, 9, None]


async def test_a_score_by_hand_stays(world: World) -> None:
    """One that was there before the rules, and one that somebody sets, even the same; null gives it back."""
    await update(world, "Ada", score=77)
    await publish(world, group("Fit", rule("All", 5)), bands=bands(("Hot", 5, 5)))
    ada = await scored(world, "Ada")
    assert (ada["score"], ada["scoreSource"], ada["scoreBand"]) == (77, "PINNED", "Hot")
    assert ada["scoreParts"][-1] == {"kind": "PINNED", "group": None, "rule": None, "points": 72}
    await update(world, "Bob", score=5)
    await publish(world, group("Fit", rule("All", 6)))
    found = [await scored(world, name) for name in ("Ada", "Bob", "Cleo")]
    assert [(one["score"], one["scoreSource"]) for one in found] == [(77, "PINNED"), (5, "PINNED"), (6, "RULES")]
    head = await world.head()
    await update(world, "Ada", score=None)
    assert [data for _, _, data in await world.recorded(head)] == [{"changes": {"score": [77, 6]}}]
    assert ((await scored(world, "Ada"))["score"], (await scored(world, "Ada"))["scoreSource"]) == (6, "RULES")
    await publish(world, group("Fit", rule("All", 7)))
    assert (await scored(world, "Ada"))["score"] == 7


async def test_a_score_without_rules_is_by_hand(world: World) -> None:
    """A lead that was never scored by rules has what somebody set, as a single part, or nothing."""
    await update(world, "Ada", score=-3)
    ada, bob = await scored(world, "Ada"), await scored(world, "Bob")
    assert (ada["scoreSource"], ada["scoreVersion"]) == ("PINNED", None)
    assert ada["scoreParts"] == [{"kind": "PINNED", "group": None, "rule": None, "points": -3}]
    assert (bob["score"], bob["scoreSource"], bob["scoreParts"]) == (None, None, [])
    await update(world, "Ada", score=None)
    assert (await scored(world, "Ada"))["scoreSource"] is None


async def test_bands_are_left_below_where_they_are_entered(world: World) -> None:
    """A lead stays in its band until its score is below the lower limit, and enters it again at the upper one."""
    steps = {"a": 70, "b": 66, "c": 64, "d": 68, "e": 70}
    rules = [rule(name, points, condition={"source": {"equals": name}}) for name, points in steps.items()]
    await publish(world, group("Fit", *rules), bands=bands(("Warm", 20, 20), ("Hot", 70, 65)))
    found = []
    for name in steps:
        await update(world, "Ada", source=name)
        await score(world, "Ada")
        found.append((await scored(world, "Ada"))["scoreBand"])
    assert found == ["Hot", "Hot", "Warm", "Warm", "Hot"]


async def test_activities_count_up_to_the_cap_and_fade(world: World) -> None:
    """Each one of a type gives points up to the cap; with a half-life, one of 14 days ago counts half."""
    now = datetime.now(UTC)
    for days, type_ in ((0, "CALL"), (14, "CALL"), (28, "CALL"), (0, "NOTE")):
        when = (now - timedelta(days=days)).isoformat()
        given = {"leadId": world["Ada"], "type": type_, "subject": "Talked", "occurredAt": when}
        await world.change("logActivity", given)
    await publish(
        world,
        group(
            "Interest",
            rule("Calls", 8, activities={"types": ["CALL"], "cap": 100, "halfLifeDays": 14}),
            rule("All", 3, activities={"cap": 10}),
            rule("Notes", -2, activities={"types": ["NOTE"], "cap": 2}),
        ),
    )
    ada = await scored(world, "Ada")
    assert [(part["rule"], part["points"]) for part in ada["scoreParts"]] == [("Calls", 14), ("All", 10), ("Notes", -2)]
    assert (await scored(world, "Bob"))["score"] == 0


async def test_a_run_scores_a_pipeline_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two leads at a time, with the progress; the leads of other pipelines stay as they are."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 2)
    monkeypatch.setattr(run_sizes, "BATCH", 2)
    head = await world.head()
    await publish(world, group("Fit", rule("All", 5)))
    events = [data for type_, _, data in await world.recorded(head) if type_ == "scores.changed"]
    assert [len(data["leadIds"]) for data in events] == [2, 2]
    await update(world, "Ada", source="fair")
    await world.sql("UPDATE lead SET score = 99 WHERE org_id = $1", organisation_id(world.organisation))
    made = await world.change("scoreLeads", {"pipelineId": world["Sales"]}, "scoredCount run { id total state }")
    assert (made["scoredCount"], made["run"]["total"], made["run"]["state"]) == (None, 4, "RUNNING")
    await finish(world)
    query = "query($id: ID!) { run(id: $id) { state done total error } }"
    assert (await world.ask(query, {"id": made["run"]["id"]}))["run"] == {
        "state": "FINISHED",
        "done": 4,
        "total": 4,
        "error": None,
    }
    assert [(await world.lead(name, "score"))["score"] for name in ("Ada", "Bob", "Eve")] == [5, 5, 99]


async def test_an_opportunity_starts_without_the_points_of_its_lead(world: World) -> None:
    """What the rules gave stays with the lead; a score by hand goes along."""
    await publish(world, group("Fit", rule("All", 5)))
    await update(world, "Bob", score=42)
    deals = {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Opened"}]}
    made = await world.change("createPipeline", deals, "pipeline { id }")
    found = []
    for name in ("Ada", "Bob"):
        await world.change("qualifyLead", {"leadId": world[name]})
        given = {"leadId": world[name], "pipelineId": made["pipeline"]["id"]}
        converted = await world.change("convertLead", given, "lead { score } opportunity { score scoreSource }")
        found.append((converted["lead"]["score"], converted["opportunity"]))
    assert found == [(5, {"score": None, "scoreSource": None}), (42, {"score": 42, "scoreSource": "PINNED"})]
    await expect_consistent(world.database)


async def test_refusals(world: World, strangers: World) -> None:
    """Neither leads nor a pipeline, both, leads that are not there, a pipeline without rules; nothing changes."""
    await publish(world, group("Fit", rule("All", 5)))
    leads, sales = [world["Ada"]], world["Sales"]
    await world.refused("scoreLeads", {}, "INVALID", "leadIds")
    await world.refused("scoreLeads", {"leadIds": leads, "pipelineId": sales}, "INVALID", "leadIds")
    await world.refused("scoreLeads", {"leadIds": []}, "INVALID", "leadIds")
    await world.refused("scoreLeads", {"leadIds": [*leads, strangers["Ada"]]}, "NOT_FOUND", "leadIds", "1")
    await world.refused("scoreLeads", {"pipelineId": strangers["Sales"]}, "NOT_FOUND", "pipelineId")
    await world.refused("scoreLeads", {"pipelineId": world["Empty"]}, "NO_SCORING_RULES", "pipelineId")


async def test_the_event_is_of_the_pipeline(world: World) -> None:
    """A subscriber reads which leads of which pipeline have other scores."""
    await publish(world, group("Fit", rule("All", 5)))
    query = """{ changeLog(filter: { types: [SCORES_CHANGED] }) { nodes { recordId run { mutation }
        ... on ScoresChanged { pipeline { name } leadIds version } } } }"""
    [node] = (await world.ask(query))["changeLog"]["nodes"]
    stored = json.loads((await world.events())[-2]["data"])
    assert node == {
        "recordId": world["Sales"],
        "run": {"mutation": "setScoringRules"},
        "pipeline": {"name": "Sales"},
        "leadIds": stored["leadIds"],
        "version": 1,
    }
