"""setScoringRules: which leads get points, how many, and what is refused."""

import json
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.scoring.rules import bands, finish, group, publish, rule
from tests.support.world import World

MODEL = """query($id: ID!, $draft: Boolean) { scoringModel(pipelineId: $id, draft: $draft) {
    pipeline { name } version publishedAt
    groups { name min max rules { name points condition activities { types cap halfLifeDays } } }
    bands { name from leaveBelow }
} }"""

SOURCE = {"source": {"equals": "fair"}}


async def model(world: World, pipeline: str = "Sales", draft: bool = False) -> Any:
    """The rules that hold in a pipeline, or its draft."""
    return (await world.ask(MODEL, {"id": world[pipeline], "draft": draft}))["scoringModel"]


async def test_publishing_keeps_the_rules_and_starts_a_run(world: World) -> None:
    """The rules are read as they were sent, with their defaults; the event holds them, and a run scores the leads."""
    head = await world.head()
    wanted = [
        group("Fit", rule("From a fair", 30, condition=SOURCE), min=-10, max=40),
        group(
            "Interest",
            rule("Meetings", 5, activities={"types": ["MEETING", "CALL"], "cap": 20, "halfLifeDays": 14}),
            rule("Notes", -1, activities={"cap": 3}),
        ),
    ]
    given = {"pipelineId": world["Sales"], "groups": wanted, "bands": bands(("Warm", 20, 15), ("Hot", 50, 45))}
    made = await world.change("setScoringRules", given, "version pipeline { version } run { total done state }")
    assert made == {
        "version": 1,
        "pipeline": {"version": 2},
        "run": {"total": 4, "done": 0, "state": "RUNNING"},
        "userErrors": [],
    }
    found = await model(world)
    assert found.pop("publishedAt") is not None
    assert found == {
        "pipeline": {"name": "Sales"},
        "version": 1,
        "groups": [
            {
                "name": "Fit",
                "min": -10,
                "max": 40,
                "rules": [{"name": "From a fair", "points": 30, "condition": SOURCE, "activities": []}],
            },
            {
                "name": "Interest",
                "min": -1000,
                "max": 1000,
                "rules": [
                    {
                        "name": "Meetings",
                        "points": 5,
                        "condition": None,
                        "activities": [{"types": ["CALL", "MEETING"], "cap": 20, "halfLifeDays": 14}],
                    },
                    {
                        "name": "Notes",
                        "points": -1,
                        "condition": None,
                        "activities": [{"types": [], "cap": 3, "halfLifeDays": None}],
                    },
                ],
            },
        ],
        "bands": given["bands"],
    }
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("pipeline.updated", "set_scoring_rules")
    before, after = json.loads(event["data"])["changes"]["scoringRules"]
    assert (before, after["bands"], [one["name"] for one in after["groups"]]) == (
        None,
        given["bands"],
        ["Fit", "Interest"],
    )
    await finish(world)
    await expect_consistent(world.database)


async def test_the_same_rules_again_change_nothing(world: World) -> None:
    """Neither a version nor an event nor a run comes of rules that hold already."""
    await publish(world, group("Fit", rule("All", 5)))
    head = await world.head()
    given = {"pipelineId": world["Sales"], "groups": [group("Fit", rule("All", 5))]}
    made = await world.change("setScoringRules", given, "version run { id }")
    assert (made["version"], made["run"]) == (1, None)
    assert await world.events(head) == []


async def test_a_draft_is_kept_beside_what_holds(world: World) -> None:
    """A draft scores nothing, is replaced by the next one, and holds once it is published."""
    await publish(world, group("Fit", rule("All", 5)))
    head = await world.head()
    for points in (7, 8):
        draft = {"pipelineId": world["Sales"], "groups": [group("Fit", rule("All", points))], "publish": False}
        made = await world.change("setScoringRules", draft, "version run { id }")
        assert (made["version"], made["run"]) == (2, None)
    names = [list(data["changes"]) for _, _, data in await world.recorded(head)]
    assert names == [["scoringDraft"], ["scoringDraft"]]
    holds, kept = await model(world), await model(world, draft=True)
    assert [one["groups"][0]["rules"][0]["points"] for one in (holds, kept)] == [5, 8]
    assert [one["version"] for one in (holds, kept)] == [1, 2]
    assert (kept["publishedAt"], await world.lead("Ada", "score")) == (None, {"score": 5})
    assert await publish(world, group("Fit", rule("All", 8))) == 2
    assert (await model(world))["version"] == 2
    assert (await model(world, draft=True), await world.lead("Ada", "score")) == (None, {"score": 8})


async def test_every_fault_is_told_at_once(world: World) -> None:
    """Limits that contradict, points of nothing, what leaks the outcome, loops, half-lives of nothing: each with its
    path, in one answer, and nothing changes."""
    wrong = [
        group("Fit", rule("A", 5), min=10, max=-10),
        group(
            "Leaks",
            rule("Closed", 1, condition={"and": [SOURCE, {"closedAt": {"isSet": True}}]}),
            rule("Lost", 1, condition={"not": {"lostReason": {"isSet": True}}}),
            rule("Won", 1, condition={"stageKind": {"is": "WON"}}),
            rule("Itself", 1, condition={"score": {"atLeast": 1}}),
            rule("Routed", 1, condition={"ownerId": {"is": world["mia"]}}),
        ),
        group(
            "Odd",
            rule("Nothing", 0),
            rule("Half", 1, activities={"cap": 5, "halfLifeDays": 0}),
            rule("Cap", 9, activities={"cap": 5}),
            {"name": "Everybody", "points": 3},
            rule("Huge", 1001),
        ),
        group("Odd"),
    ]
    given = {
        "pipelineId": world["Sales"],
        "groups": wrong,
        "bands": [{"name": "Hot", "from": 50, "leaveBelow": 60}, {"name": " ", "from": 101}],
    }
    body = await world.attempt("setScoringRules", given)
    found = {(error["code"], ".".join(error["field"])) for error in body["data"]["result"]["userErrors"]}
    assert found == {
        ("INVALID", "groups.0.min"),
        ("LEAKS_OUTCOME", "groups.1.rules.0.condition.and.1.closedAt.isSet"),
        ("LEAKS_OUTCOME", "groups.1.rules.1.condition.not.lostReason.isSet"),
        ("LEAKS_OUTCOME", "groups.1.rules.2.condition.stageKind.is"),
        ("INVALID", "groups.1.rules.3.condition.score.atLeast"),
        ("INVALID", "groups.1.rules.4.condition.ownerId.is"),
        ("INVALID", "groups.2.rules.0.points"),
        ("INVALID", "groups.2.rules.1.activities.halfLifeDays"),
        ("INVALID", "groups.2.rules.2.activities.cap"),
        ("INVALID", "groups.2.rules.3"),
        ("INVALID", "groups.2.rules.4.points"),
        ("INVALID", "groups.3.name"),
        ("INVALID", "groups.3.rules"),
        ("INVALID", "bands.0.leaveBelow"),
        ("INVALID", "bands.1.name"),
        ("INVALID", "bands.1.from"),
    }
    await world.refused("setScoringRules", {**given, "groups": wrong[:1], "bands": []}, "INVALID", "groups", "0", "min")


async def test_bands_must_be_in_order_and_in_reach(world: World) -> None:
    """A band that no points reach is refused, where the limits of groups and the cap of activities count; and so are
    bands out of order."""
    fit = group("Fit", rule("All", 80), max=30)
    calls = group("Calls", rule("Calls", 10, activities={"cap": 15}), rule("Spam", -50, condition=SOURCE))
    given = {"pipelineId": world["Sales"], "groups": [fit, calls]}
    high = {**given, "bands": bands(("Hot", 46, 40))}
    await world.refused("setScoringRules", high, "INVALID", "bands", "0", "from")
    twisted = {**given, "bands": bands(("Hot", 40, 30), ("Warm", 45, 20))}
    await world.refused("setScoringRules", twisted, "INVALID", "bands", "1", "leaveBelow")
    await world.change("setScoringRules", {**given, "bands": bands(("Hot", 45, 40))})


@pytest.mark.parametrize(
    ("groups", "path"),
    [
        ([group(f"G{nth}", rule("All", 1)) for nth in range(21)], ("groups",)),
        ([group("G", *(rule(f"R{nth}", 1) for nth in range(101)))], ("groups",)),
        ([group("G", *(rule(f"R{nth}", 1, condition={"or": [SOURCE] * 99}) for nth in range(11)))], ("groups",)),
    ],
)
async def test_rules_are_few(world: World, groups: list[Any], path: tuple[str, ...]) -> None:
    """Too many groups, rules or tests are refused before anything else is looked at."""
    await world.refused("setScoringRules", {"pipelineId": world["Sales"], "groups": groups}, "INVALID", *path)


async def test_what_rules_name_must_be_there(world: World, strangers: World) -> None:
    """A stage of another organisation is not found, one in which a sale has ended leaks, and an open one is kept."""
    path = ("groups", "0", "rules", "0", "condition", "stageId", "in", "1")
    for stage, code in ((strangers["New"], "NOT_FOUND"), (world["Won"], "LEAKS_OUTCOME"), (world["Talking"], None)):
        condition = {"stageId": {"in": [world["New"], stage]}}
        given = {"pipelineId": world["Sales"], "groups": [group("Fit", rule("Early", 5, condition=condition))]}
        if code:
            await world.refused("setScoringRules", given, code, *path)
        else:
            await world.change("setScoringRules", given)
    await world.refused("setScoringRules", {"pipelineId": strangers["Sales"], "groups": []}, "NOT_FOUND", "pipelineId")
    stale = {"pipelineId": world["Sales"], "groups": [], "expectedVersion": 1}
    payload = await world.refused("setScoringRules", stale, "CONFLICT", "expectedVersion", show="pipeline { version }")
    assert payload["pipeline"] == {"version": 2}
