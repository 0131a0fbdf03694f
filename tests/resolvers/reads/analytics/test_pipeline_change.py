"""`pipelineChange`: the steps from one sum of open leads to another."""

import random
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import RequestError
from engine.live.selection import encode_cursor
from models import organisation_id
from tests.support import lives
from tests.support.lives import live
from tests.support.world import World

CHANGE = """
query ($id: ID!, $from: AsOf!, $to: AsOf, $filter: PipelineChangeFilter) {
  pipelineChange(pipelineId: $id, from: $from, to: $to, filter: $filter) { fromCursor toCursor
    start { count values { currency value } } end { count values { currency value } }
    steps { kind count values { currency value }
      leads(first: 100) { totalCount nodes { cursor leadId title value currency lead { id } } } } } }
"""

BOARD = """
query ($id: ID!, $asOf: AsOf!) { boardAsOf(pipelineId: $id, asOf: $asOf) { stages {
    leads(first: 100) { nodes { leadId value currency closed expectedCloseDate owner { id } } } } } }
"""

Sums = Mapping[str, Decimal]


def sums(values: list[Mapping[str, str]]) -> dict[str, Decimal]:
    """Amounts by currency, without those that come to nothing."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in values:
        found[one["currency"]] += Decimal(one["value"])
    return {currency: value for currency, value in found.items() if value}


async def changed(world: World, pipeline: str, **given: Any) -> Any:
    """What changed of a pipeline."""
    return (await world.ask(CHANGE, {"id": world.ids.get(pipeline, pipeline), **given}))["pipelineChange"]


async def open_leads(world: World, pipeline: str, moment: Any, wanted: Mapping[str, Any]) -> list[Any]:
    """The open leads of the board as of a moment, found by reading all of it."""
    found = (await world.ask(BOARD, {"id": pipeline, "asOf": moment}))["boardAsOf"]
    days = wanted.get("expectedCloseDate", {})
    return [
        lead
        for stage in found["stages"]
        for lead in stage["leads"]["nodes"]
        if not lead["closed"]
        and ("ownerIds" not in wanted or (lead["owner"] or {}).get("id") in wanted["ownerIds"])
        and (not days or days["from"] <= (lead["expectedCloseDate"] or "") <= days["to"])
    ]


OF_LEADS = (
    *("createLead", "updateLead", "assignLead", "moveLead", "qualifyLead", "disqualifyLead", "reopenLead"),
    *("convertLead", "mergeLeads", "deleteLead", "updateStage", "deleteStage", "addStage"),
)
"""What happens to what is counted, and to the stages that it is in."""


@pytest.mark.parametrize("seed", range(6))
async def test_the_steps_add_up(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two cursors, for all leads and for some of them: the start and all steps are the end, to the cent, in
    each currency; both ends are the boards of then; and each step is the sum of the leads behind it."""
    draw = random.Random(seed)
    monkeypatch.setattr(lives, "CHANGES", {name: lives.CHANGES[name] for name in OF_LEADS})
    await live(world, draw, 120)
    org_id, head = organisation_id(world.organisation), await world.head()
    pipelines = [world["Sales"], world["Sales"], world["Sales"], world["Renewals"], world["Empty"]]
    filters: list[dict[str, Any]] = [
        {},
        {"ownerIds": [world["rita"]]},
        {"expectedCloseDate": {"from": "2031-01-01", "to": "2031-12-31"}},
        {"ownerIds": [world["mia"], world["rita"]], "expectedCloseDate": {"from": "2031-01-01", "to": "2031-12-31"}},
    ]
    kinds = set()
    for _ in range(40):
        first, last = sorted(draw.randrange(head + 1) for _ in range(2))
        pipeline, wanted = draw.choice(pipelines), draw.choice(filters)
        ends = [{"cursor": encode_cursor(org_id, number)} for number in (first, last)]
        found = await changed(world, pipeline, **{"from": ends[0], "to": ends[1], "filter": wanted})
        assert [found["fromCursor"], found["toCursor"]] == [end["cursor"] for end in ends]
        steps = [value for step in found["steps"] for value in step["values"]]
        assert sums([*found["start"]["values"], *steps]) == sums(found["end"]["values"])
        for end, moment in (("start", ends[0]), ("end", ends[1])):
            board = await open_leads(world, pipeline, moment, wanted)
            assert found[end]["count"] == len(board)
            assert sums(found[end]["values"]) == sums([lead for lead in board if lead["value"] is not None])
        for step in found["steps"]:
            nodes = step["leads"]["nodes"]
            assert step["leads"]["totalCount"] == len(nodes)
            assert step["count"] == len({node["leadId"] for node in nodes})
            assert sums(step["values"]) == sums([node for node in nodes if node["value"] is not None])
            kinds.add(step["kind"])
    assert len(kinds) > 5


async def steps_of(world: World, before: str, pipeline: str = "Sales", **wanted: Any) -> dict[str, Any]:
    """The steps since a cursor: kind, leads and amounts."""
    found = await changed(world, pipeline, **{"from": {"cursor": before}, "filter": wanted or None})
    return {
        step["kind"]: {
            "leads": [(node["title"], node["value"], node["currency"]) for node in step["leads"]["nodes"]],
            "values": {value["currency"]: value["value"] for value in step["values"]},
        }
        for step in found["steps"]
    }


def one(title: str, value: str | None, currency: str | None) -> dict[str, Any]:
    """A step of one lead."""
    values = {} if value is None or currency is None else {currency: value}
    return {"leads": [(title, value, currency)], "values": values}


CAUSES: Mapping[str, tuple[list[tuple[str, dict[str, Any]]], dict[str, Any]]] = {
    "new": (
        [("createLead", {"title": "Gus", "stageId": "New", "value": "5", "currency": "USD"})],
        {"NEW": one("Gus", "5.00", "USD")},
    ),
    "new, without a value": ([("createLead", {"title": "Gus", "stageId": "New"})], {"NEW": one("Gus", None, None)}),
    "new, and lost at once": (
        [("createLead", {"title": "Gus", "stageId": "Lost", "lostReason": "Price", "value": "5"})],
        {},
    ),
    "reopened": ([("moveLead", {"leadId": "Eve", "stageId": "New"})], {"REOPENED": one("Eve", "500.00", "USD")}),
    "won": ([("moveLead", {"leadId": "Bob", "stageId": "Won"})], {"WON": one("Bob", "-250.50", "USD")}),
    "disqualified": ([("disqualifyLead", {"leadId": "Ada", "reason": "x"})], {"LOST": one("Ada", "-1000.00", "EUR")}),
    "deleted": ([("deleteLead", {"leadId": "Bob"})], {"REMOVED": one("Bob", "-250.50", "USD")}),
    "worth more": (
        [("updateLead", {"leadId": "Bob", "value": "300"})],
        {"VALUE_UP": one("Bob", "49.50", "USD")},
    ),
    "worth less": ([("updateLead", {"leadId": "Bob", "value": "0.50"})], {"VALUE_DOWN": one("Bob", "-250.00", "USD")}),
    "no value any more": (
        [("updateLead", {"leadId": "Bob", "value": None})],
        {"VALUE_DOWN": one("Bob", "-250.50", "USD")},
    ),
    "another currency": (
        [("updateLead", {"leadId": "Bob", "currency": "EUR"})],
        {"VALUE_UP": one("Bob", "250.50", "EUR"), "VALUE_DOWN": one("Bob", "-250.50", "USD")},
    ),
    "to another pipeline": (
        [("moveLead", {"leadId": "Bob", "stageId": "Due"})],
        {"MOVED_OUT": one("Bob", "-250.50", "USD")},
    ),
    "from another pipeline": (
        [("updateLead", {"leadId": "Fay", "externalId": None}), ("moveLead", {"leadId": "Fay", "stageId": "New"})],
        {"MOVED_IN": one("Fay", "40.00", "USD")},
    ),
    "moved in the pipeline": ([("moveLead", {"leadId": "Bob", "stageId": "Offer"})], {}),
    "renamed and assigned": ([("updateLead", {"leadId": "Bob", "title": "Bobby", "ownerId": "mia"})], {}),
}


@pytest.mark.parametrize("cause", CAUSES)
async def test_each_difference_has_one_cause(world: World, cause: str) -> None:
    """Each change of a lead is in the step that says why, with its amount; what changes no sum is in none."""
    changes, expected = CAUSES[cause]
    before = (await world.ask("{ cursor }"))["cursor"]
    for mutation, given in changes:
        named = {key: world.ids.get(value, value) if key != "title" else value for key, value in given.items()}
        await world.change(mutation, named)
    assert await steps_of(world, before) == expected


async def test_a_lead_is_in_one_chain_of_causes(world: World) -> None:
    """Put off after its value rose, pulled in again at another value, and won: each step has its own part."""
    may = {"expectedCloseDate": {"from": "2031-05-01", "to": "2031-05-31"}}
    await world.change("updateLead", {"leadId": world["Bob"], "expectedCloseDate": "2031-05-10", "value": "100"})
    before = (await world.ask("{ cursor }"))["cursor"]
    for given in ({"value": "150"}, {"expectedCloseDate": "2031-06-01"}, {"value": "170"}):
        await world.change("updateLead", {"leadId": world["Bob"], **given})
    await world.change("updateLead", {"leadId": world["Bob"], "expectedCloseDate": "2031-05-31"})
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Won"]})
    assert await steps_of(world, before, **may) == {
        "PULLED_IN": one("Bob", "170.00", "USD"),
        "VALUE_UP": one("Bob", "50.00", "USD"),
        "PUSHED_OUT": one("Bob", "-150.00", "USD"),
        "WON": one("Bob", "-170.00", "USD"),
    }


async def test_owners_come_and_go(world: World) -> None:
    """For one owner, an assignment is a step."""
    before = (await world.ask("{ cursor }"))["cursor"]
    await world.change("assignLead", {"leadId": world["Bob"], "memberId": world["mia"]})
    assert await steps_of(world, before, ownerIds=[world["rita"]]) == {"ASSIGNED_OUT": one("Bob", "-250.50", "USD")}
    assert await steps_of(world, before, ownerIds=[world["mia"]]) == {"ASSIGNED_IN": one("Bob", "250.50", "USD")}
    assert await steps_of(world, before, ownerIds=[world["mia"], world["rita"]]) == {}


async def test_converted_and_merged_leads(world: World) -> None:
    """A conversion takes the lead away; a merge takes away the one, and the other takes what it lacks."""
    stages = [{"name": "Begun"}]
    made = await world.change(
        "createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": stages}, "pipeline { id }"
    )
    before = (await world.ask("{ cursor }"))["cursor"]
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.change("convertLead", {"leadId": world["Ada"]})
    await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Bob"]})
    assert await steps_of(world, before) == {
        "VALUE_UP": one("Cleo", "250.50", "USD"),
        "REMOVED": one("Bob", "-250.50", "USD"),
        "CONVERTED": one("Ada", "-1000.00", "EUR"),
    }
    assert await steps_of(world, before, made["pipeline"]["id"]) == {"NEW": one("Ada", "1000.00", "EUR")}


async def test_the_leads_of_a_step_are_paged(world: World) -> None:
    """Page by page, each change of the step once, in the order of events."""
    before = (await world.ask("{ cursor }"))["cursor"]
    for value in range(1, 6):
        await world.change("updateLead", {"leadId": world["Bob"], "value": str(1000 * value)})
    query = """query ($id: ID!, $from: AsOf!, $after: Cursor) { pipelineChange(pipelineId: $id, from: $from) { steps {
        kind count leads(first: 2, after: $after) { nodes { cursor value } pageInfo { hasNextPage endCursor } } } } }"""
    given = {"id": world["Sales"], "from": {"cursor": before}}
    found: list[Any] = []
    after = None
    more = True
    while more:
        (step,) = (await world.ask(query, {**given, "after": after}))["pipelineChange"]["steps"]
        assert (step["kind"], step["count"]) == ("VALUE_UP", 1)
        found += step["leads"]["nodes"]
        after, more = step["leads"]["pageInfo"]["endCursor"], step["leads"]["pageInfo"]["hasNextPage"]
    org_id, head = organisation_id(world.organisation), await world.head()
    assert [(node["value"], node["cursor"]) for node in found] == [
        (value, encode_cursor(org_id, head - 4 + nth))
        for nth, value in enumerate(["749.50", "1000.00", "1000.00", "1000.00", "1000.00"])
    ]


async def refused(world: World, **given: Any) -> list[str]:
    """The messages with which it is refused."""
    with pytest.raises(RequestError) as found:
        await world.api(CHANGE, {"id": world["Sales"], **given}, organisation=world.organisation)
    return [error.message for error in found.value.errors]


async def test_what_is_wrong_is_refused_together(world: World, strangers: World) -> None:
    """Both moments at once; a start after the end; ids of others are no leads of mine."""
    theirs = {"cursor": (await strangers.ask("{ cursor }"))["cursor"]}
    assert await refused(world, **{"from": theirs, "to": {"at": "2999-01-01T00:00:00Z"}}) == [
        "from.cursor: this cursor belongs to another organisation. Query `cursor` for one of yours.",
        "to.at: this instant lies in the future. Send one that has passed.",
    ]
    org_id = organisation_id(world.organisation)
    later, earlier = ({"cursor": encode_cursor(org_id, number)} for number in (5, 4))
    assert await refused(world, **{"from": later, "to": earlier}) == [
        "from: this moment is after `to`. Send the earlier one as `from`."
    ]
    assert await refused(world, **{"from": later, "filter": {"ownerIds": [world["Ada"]]}}) == [
        f"filter.ownerIds: {world['Ada']!r} is the id of a Lead; send the id of a Member, 'member_…'."
    ]
    found = await world.ask(CHANGE, {"id": strangers["Sales"], "from": later})
    assert found == {"pipelineChange": None}
    ours = await changed(world, "Sales", **{"from": earlier, "filter": {"ownerIds": [strangers["rita"]]}})
    assert (ours["start"]["count"], ours["end"]["count"], ours["steps"]) == (0, 0, [])
