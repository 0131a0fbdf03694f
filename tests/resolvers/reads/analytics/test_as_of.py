"""`boardAsOf` and `Pipeline.asOf`: the board as it was, equal to what was read then."""

import asyncio
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.caller import Caller
from engine.change.records import instant
from engine.engine import Engine
from engine.errors import RequestError
from engine.live.selection import decode_cursor, encode_cursor
from models import Role, organisation_id
from tests.support.lives import live
from tests.support.world import World

LEAD = "title value currency probability weightedValue expectedCloseDate owner { id }"
TOTALS = "totals { count values { currency count value weightedValue } }"

NOW = f"""
{{ cursor pipelines {{ id stages {{ id name kind probability position {TOTALS}
    leads(first: 100) {{ nodes {{ id closedAt {LEAD} }} }} }} }} }}
"""

THEN = f"""
query ($id: ID!, $asOf: AsOf!) {{ boardAsOf(pipelineId: $id, asOf: $asOf) {{ cursor stages {{
    stage {{ id }} name kind probability position {TOTALS}
    leads(first: 100) {{ nodes {{ leadId closed {LEAD} }} }} }} }} }}
"""

Board = dict[str, Any]


def as_read(stages: list[dict[str, Any]]) -> list[Board]:
    """Stages as both ways of reading show them; the order of cards in a column is not part of the past."""
    return [
        {
            **{key: stage[key] for key in ("name", "kind", "probability", "position", "totals")},
            "id": stage["id"] if "id" in stage else stage["stage"]["id"],
            "leads": sorted(map(a_lead, stage["leads"]["nodes"]), key=lambda lead: str(lead["id"])),
        }
        for stage in stages
    ]


def a_lead(found: Mapping[str, Any]) -> dict[str, Any]:
    """A lead as both ways of reading show it."""
    kept = {key: value for key, value in found.items() if key not in ("id", "leadId", "closed", "closedAt")}
    closed = found["closed"] if "closed" in found else found["closedAt"] is not None
    return {**kept, "id": found.get("id", found.get("leadId")), "closed": closed}


async def board_then(world: World, pipeline: str, moment: Mapping[str, Any]) -> tuple[str, list[Board]]:
    """The board of a pipeline as of a moment, and the cursor that the answer names."""
    found = (await world.ask(THEN, {"id": pipeline, "asOf": moment}))["boardAsOf"]
    return found["cursor"], as_read(found["stages"])


async def read_boards(world: World) -> tuple[str, dict[str, list[Board]]]:
    """All boards as they are now, and the cursor that they are as of."""
    found = await world.ask(NOW)
    return found["cursor"], {pipeline["id"]: as_read(pipeline["stages"]) for pipeline in found["pipelines"]}


@pytest.mark.parametrize("seed", range(4))
async def test_boards_are_as_they_were_read(world: World, strangers: World, seed: int) -> None:
    """Boards that were read while others changed everything are the same as of the cursors that they named."""
    writers = [asyncio.create_task(live(world, random.Random(10 * seed + nth), 40)) for nth in range(3)]
    read = []
    while not all(writer.done() for writer in writers):
        read.append(await read_boards(world))
        await asyncio.sleep(0.01)
    await asyncio.gather(*writers)
    read.append(await read_boards(world))
    moments = {cursor for cursor, _ in read}
    assert len(moments) > 20
    for cursor, boards in read:
        for pipeline, board in boards.items():
            assert await board_then(world, pipeline, {"cursor": cursor}) == (cursor, board)


async def test_an_instant_is_the_last_event_before_it(world: World) -> None:
    """Each event's instant names its change, and so does any instant before the next one."""
    await live(world, random.Random(5), 30)
    events = await world.events()
    last = {event["occurred_at"]: event["number"] for event in events}
    instants = sorted(last)
    org_id = organisation_id(world.organisation)
    for at, next_at in zip(instants, [*instants[1:], datetime.now(UTC)], strict=True):
        for moment in (at, next_at - timedelta(microseconds=1)):
            cursor, _ = await board_then(world, world["Sales"], {"at": moment.isoformat()})
            assert cursor == encode_cursor(org_id, last[at])


MANY = """
INSERT INTO event (org_id, number, id, type, occurred_at)
SELECT $1, $2 + n, gen_random_uuid(), 'lead.moved', now() - make_interval(secs => 3000 - n)
FROM generate_series(1, 2000) AS n
"""


async def test_an_instant_is_found_by_halving(world: World, engine: Engine) -> None:
    """Of some two thousand events, eleven or twelve are looked at."""
    org_id, head = organisation_id(world.organisation), await world.head()
    await world.sql("UPDATE event SET occurred_at = occurred_at - interval '1 day'")
    await world.sql(MANY, org_id, head)
    await world.sql("UPDATE event_log SET head = head + 2000")
    query = "query ($id: ID!, $asOf: AsOf!) { boardAsOf(pipelineId: $id, asOf: $asOf) { cursor } }"
    for nth in (1, 700, 2000):
        moment = {"at": (await world.events(head + nth - 1))[0]["occurred_at"].isoformat()}
        given = {"id": world["Sales"], "asOf": moment}
        assert await world.ask(query, given) == {"boardAsOf": {"cursor": encode_cursor(org_id, head + nth)}}
        caller = Caller(world.organisation, "tester", Role.ADMIN)
        plan = await engine.explain(engine.documents.prepare(query), given, caller)
        (steps,) = re.findall(r"Recursive Union .*actual time=\S+ rows=(\d+)", plan)
        assert 10 < int(steps) < 15


async def test_an_instant_between_events_that_are_left(world: World) -> None:
    """Places within a column are deleted with their age, and leave gaps that nothing is lost by."""
    for stage in ("Talking", "New", "Talking"):
        await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]})
        for _ in range(3):
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]})
    await world.sql("DELETE FROM event WHERE type = 'lead.moved'")
    for event in await world.events():
        cursor, board = await board_then(world, world["Sales"], {"at": event["occurred_at"].isoformat()})
        last = max(one["number"] for one in await world.events() if one["occurred_at"] <= event["occurred_at"])
        exact = encode_cursor(organisation_id(world.organisation), last)
        assert (await board_then(world, world["Sales"], {"cursor": exact}))[1] == board
        assert decode_cursor(cursor)[1] >= last


DELETED = """
query ($id: ID!, $asOf: AsOf!) { pipeline(id: $id) { asOf(asOf: $asOf) { stages { name stage { name deleted }
    leads { nodes { leadId title exists outcome lead { title } } } } } } }
"""


async def test_what_is_gone_is_there_as_of_then(world: World) -> None:
    """Deleted and merged leads, renamed and deleted stages: all as they were, with what became of them."""
    before = (await world.ask("{ cursor }"))["cursor"]
    await world.change("deleteLead", {"leadId": world["Cleo"]})
    await world.change("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]})
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada and Bob"})
    await world.change("updateStage", {"stageId": world["New"], "name": "Fresh"})
    await world.change("deleteStage", {"stageId": world["Offer"]})
    found = await world.ask(DELETED, {"id": world["Sales"], "asOf": {"cursor": before}})
    stages = found["pipeline"]["asOf"]["stages"]
    assert [(stage["name"], stage["stage"]) for stage in stages] == [
        ("New", {"name": "Fresh", "deleted": False}),
        ("Talking", {"name": "Talking", "deleted": False}),
        ("Offer", {"name": "Offer", "deleted": True}),
        ("Won", {"name": "Won", "deleted": False}),
        ("Lost", {"name": "Lost", "deleted": False}),
    ]
    leads = {lead["title"]: lead for lead in stages[0]["leads"]["nodes"]}
    assert leads == {
        "Cleo": {"leadId": world["Cleo"], "title": "Cleo", "exists": False, "outcome": None, "lead": None},
        "Bob": {"leadId": world["Bob"], "title": "Bob", "exists": False, "outcome": None, "lead": None},
        "Ada": leads["Ada"] | {"leadId": world["Ada"], "exists": True, "lead": {"title": "Ada and Bob"}},
    }


async def test_leads_are_paged(world: World) -> None:
    """Page by page, the column has each of its leads once, in the order of their creation."""
    query = """query ($id: ID!, $asOf: AsOf!, $after: Cursor) { pipeline(id: $id) { asOf(asOf: $asOf) { stages {
        leads(first: 1, after: $after) { totalCount nodes { title } pageInfo { endCursor hasNextPage } } } } } }"""
    given = {"id": world["Sales"], "asOf": {"cursor": (await world.ask("{ cursor }"))["cursor"]}}
    titles, after = [], None
    while True:
        stage = (await world.ask(query, {**given, "after": after}))["pipeline"]["asOf"]["stages"][0]["leads"]
        titles += [lead["title"] for lead in stage["nodes"]]
        assert stage["totalCount"] == 3
        if not stage["pageInfo"]["hasNextPage"]:
            break
        after = stage["pageInfo"]["endCursor"]
    assert titles == ["Cleo", "Bob", "Ada"]


async def refused(world: World, *moments: Mapping[str, Any], query: str | None = None) -> list[tuple[str, Any]]:
    """The messages with which these moments are refused, asked for together, each with its path."""
    fields = " ".join(f"b{nth}: asOf(asOf: $m{nth}) {{ cursor }}" for nth in range(len(moments)))
    variables = ", ".join(f"$m{nth}: AsOf!" for nth in range(len(moments)))
    text = query or f"query ($id: ID!, {variables}) {{ pipeline(id: $id) {{ {fields} }} }}"
    given = {"id": world["Sales"], **{f"m{nth}": moment for nth, moment in enumerate(moments)}}
    with pytest.raises(RequestError) as found:
        await world.api(text, given, organisation=world.organisation)
    return [(error.message, (error.extensions or {}).get("path")) for error in found.value.errors]


async def test_moments_that_nothing_is_known_of(world: World, strangers: World) -> None:
    """The future, what was before the log, another organisation's cursor and one of the future: all at once, each with
    what to send instead."""
    first = instant((await world.events())[0]["occurred_at"])
    org_id = organisation_id(world.organisation)
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    found = await refused(
        world,
        {"at": later},
        {"at": "2001-01-01T00:00:00Z"},
        {"cursor": (await strangers.ask("{ cursor }"))["cursor"]},
        {"cursor": encode_cursor(org_id, await world.head() + 1)},
    )
    assert found == [
        ("asOf.at: this instant lies in the future. Send one that has passed.", ["asOf", "at"]),
        (f"asOf.at: nothing is known of this instant. The past is known from {first}.", ["asOf", "at"]),
        (
            "asOf.cursor: this cursor belongs to another organisation. Query `cursor` for one of yours.",
            ["asOf", "cursor"],
        ),
        (
            "asOf.cursor: this is no cursor of an event that has happened. Send a cursor exactly as it came from this"
            " API.",
            ["asOf", "cursor"],
        ),
    ]


async def test_a_cursor_before_what_is_known(world: World) -> None:
    """Where the log is not kept, it says from when the past is known."""
    await world.sql("UPDATE event_log SET known_from = 3")
    events = await world.events()
    org_id = organisation_id(world.organisation)
    found = await refused(world, {"cursor": encode_cursor(org_id, 2)}, {"at": events[2]["occurred_at"].isoformat()})
    since = instant(next(event for event in events if event["number"] > 3)["occurred_at"])
    assert [message for message, _ in found] == [
        f"asOf.cursor: what was before this cursor is no longer known. The past is known from {since}.",
        f"asOf.at: nothing is known of this instant. The past is known from {since}.",
    ]
    cursor = encode_cursor(org_id, 3)
    assert (await board_then(world, world["Sales"], {"cursor": cursor}))[0] == cursor


@pytest.mark.parametrize("moment", [{}, {"cursor": None}, {"cursor": "x", "at": "2026-01-01T00:00:00Z"}])
async def test_a_moment_is_named_once(world: World, moment: Mapping[str, Any]) -> None:
    """A cursor or an instant, and not both."""
    assert len(await refused(world, moment)) == 1


async def test_pipelines_of_others(world: World, strangers: World) -> None:
    """Another organisation's pipeline is none."""
    cursor = (await world.ask("{ cursor }"))["cursor"]
    assert await world.ask(THEN, {"id": strangers["Sales"], "asOf": {"cursor": cursor}}) == {"boardAsOf": None}


async def test_the_board_of_a_pipeline(world: World) -> None:
    """`Pipeline.asOf` is the same board."""
    cursor = (await world.ask("{ cursor }"))["cursor"]
    fields = "{ cursor stages { name leads { nodes { title } } } }"
    query = f"""query ($id: ID!, $asOf: AsOf!) {{
        pipeline(id: $id) {{ asOf(asOf: $asOf) {fields} }} boardAsOf(pipelineId: $id, asOf: $asOf) {fields}
    }}"""
    found = await world.ask(query, {"id": world["Sales"], "asOf": {"cursor": cursor}})
    assert found["pipeline"]["asOf"] == found["boardAsOf"]
    assert found["boardAsOf"]["cursor"] == cursor


async def test_what_is_no_cursor(world: World) -> None:
    """Any other text is refused as it is for subscriptions."""
    assert await refused(world, {"cursor": "abc"}) == [
        (
            "asOf.cursor: this is not an event cursor. Send a cursor exactly as it came from this API.",
            ["asOf", "cursor"],
        )
    ]


async def test_payloads_show_null_for_what_is_not_known(world: World, strangers: World) -> None:
    """A change that was made is not refused for what its payload asks."""
    cursors = [(await one.ask("{ cursor }"))["cursor"] for one in (world, strangers)]
    fields = " ".join(f'b{nth}: asOf(asOf: {{cursor: "{cursor}"}}) {{ cursor }}' for nth, cursor in enumerate(cursors))
    made = await world.change(
        "updatePipeline", {"pipelineId": world["Sales"], "name": "Deals"}, f"pipeline {{ name {fields} }}"
    )
    assert made["pipeline"] == {"name": "Deals", "b0": {"cursor": cursors[0]}, "b1": None}
