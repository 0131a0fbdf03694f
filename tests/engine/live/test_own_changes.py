"""What a payload says of its change: its place in the log, the id that its events share, and the stages it touched."""

from contextlib import aclosing
from typing import Any

import orjson

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from tests.support.recipes import task
from tests.support.sql.counting import Counting
from tests.support.world import World

SHOW = "cursor changeId stages { name totals { count values { currency value } } }"
EVENTS = "subscription($after: String) { events(after: $after) { type cursor changeId } }"
VALUES = (("USD", "250.50"), ("EUR", "1000.00"), ("USD", "80.00"))
LOG = "{ changeLog(first: 5) { nodes { type cursor changeId } } }"


async def log(world: World) -> list[dict[str, Any]]:
    """The latest events, newest first."""
    found: list[dict[str, Any]] = (await world.ask(LOG))["changeLog"]["nodes"]
    return found


async def test_the_stages_of_a_move_have_their_new_totals(world: World) -> None:
    """First the one that the card left, then the one it entered."""
    made = await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]}, SHOW)
    bob, ada, dan = ({"currency": code, "value": value} for code, value in VALUES)
    assert made["stages"] == [
        {"name": "New", "totals": {"count": 2, "values": [bob]}},
        {"name": "Talking", "totals": {"count": 2, "values": [ada, dan]}},
    ]
    made = await world.change("updateLead", {"leadId": world["Ada"], "value": "1"}, SHOW)
    assert [(one["name"], one["totals"]["values"][0]["value"]) for one in made["stages"]] == [("Talking", "1.00")]
    made = await world.change("deleteLead", {"leadId": world["Ada"]}, SHOW)
    assert [(one["name"], one["totals"]["count"]) for one in made["stages"]] == [("Talking", 1)]
    made = await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"}, SHOW)
    assert made["stages"] is None


async def test_all_events_of_a_change_share_its_id(world: World) -> None:
    """And no other change has it, however soon it follows; the cursor is that of the last of them."""
    await task(world, "Call", leadId=world["Ada"])
    disqualified = await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"}, SHOW)
    renamed = await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"}, SHOW)
    last, lost, *rest = await log(world)
    assert (last["type"], last["changeId"], last["cursor"]) == ("LEAD_UPDATED", renamed["changeId"], renamed["cursor"])
    assert (lost["type"], lost["cursor"]) == ("LEAD_STAGE_CHANGED", disqualified["cursor"])
    before = [event for event in rest if event["changeId"] == disqualified["changeId"]]
    assert [event["type"] for event in before] == ["LEAD_DISQUALIFIED"]
    assert lost["changeId"] == disqualified["changeId"] != renamed["changeId"]


async def test_changes_at_one_instant_have_ids_of_their_own(world: World) -> None:
    """Where the clock was set back, each event occurs after the one before."""
    await world.sql("UPDATE event_log SET appended_at = appended_at + interval '1 hour'")
    ids = [
        (await world.change("updateLead", {"leadId": world["Bob"], "title": title}, "changeId"))["changeId"]
        for title in ("A", "B", "C")
    ]
    assert len(set(ids)) == 3
    assert [event["changeId"] for event in await log(world)][:3] == ids[::-1]


async def test_a_client_continues_after_its_own_change(world: World, engine: Engine) -> None:
    """What it subscribes after the cursor begins with the next change, which has another id than its own."""
    own = await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]}, SHOW)
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    prepared = engine.documents.prepare(EVENTS)
    async with aclosing(engine.subscribe(prepared, {"after": own["cursor"]}, caller)) as stream:
        other = await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"}, SHOW)
        event = orjson.loads((await anext(stream)).body)["data"]["events"]
    assert event == {"type": "LEAD_UPDATED", "cursor": other["cursor"], "changeId": other["changeId"]}
    assert event["changeId"] != own["changeId"]


async def test_a_change_of_nothing_has_none(world: World) -> None:
    """Nor has one that is refused; one that is sent again has those of the first."""
    for given in ({"title": "Bob"}, {"title": ""}):
        payload = (await world.attempt("updateLead", {"leadId": world["Bob"], **given}, SHOW))["data"]["result"]
        assert (payload["cursor"], payload["changeId"], payload["stages"]) == (None, None, None)
    given = {"leadId": world["Ada"], "stageId": world["Talking"], "idempotencyKey": "move"}
    first = await world.change("moveLead", given, SHOW)
    assert first["changeId"]
    assert await world.change("moveLead", given, SHOW) == first


async def test_they_cost_no_statement(world: World, engine: Engine) -> None:
    """A change takes as many statements with them as without."""
    engine.database = counting = Counting(world.database.pool, world.database.spare, world.database.url)
    taken = []
    for stage, show in (("Talking", "lead { id }"), ("New", "lead { id } cursor changeId")):
        counting.sent.clear()
        await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]}, show)
        taken.append(len(counting.sent))
    assert taken[0] == taken[1]
