"""The subscription `stageChanged`: every stage change once, in commit order, from any cursor."""

import asyncio
from base64 import b64decode
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.errors import RequestError
from engine.live import shared_stream as streams
from engine.live.selection import encode_cursor
from models import Role, organisation_id


def number(cursor: str) -> int:
    """The number inside a cursor."""
    return int.from_bytes(b64decode(cursor)[16:])


async def test_a_move_arrives(make_board: Any) -> None:
    """A subscriber gets a move as it happens, with the lead, both stages and a cursor."""
    board = await make_board()
    async with board.listening() as listener:
        await board.move(board.leads[0], "Talking")
        (event,) = await listener.until(1)
    assert event["lead"] == {"id": board.leads[0]}
    assert listener.steps() == [("New", "Talking")]
    assert event["cursor"] == await board.cursor()


async def test_every_distinct_move_arrives_once_and_in_order(make_board: Any) -> None:
    """Twenty moves, most of them at once, reach a subscriber in the order of their numbers, without a gap."""
    board = await make_board(leads=10)
    async with board.listening() as listener:
        for stage in ("Talking", "Offer"):
            await asyncio.gather(*(board.move(lead, stage) for lead in board.leads))
        events = await listener.until(20)
    assert [number(event["cursor"]) for event in events] == list(range(1, 21))


async def test_after_replays_and_goes_live_without_a_gap_or_a_double(make_board: Any) -> None:
    """What happened since the cursor comes first, and moves made meanwhile follow, each of them once."""
    board = await make_board(leads=3)
    start = await board.cursor()
    for stage in ("Talking", "Offer", "Deal"):
        await board.move(board.leads[0], stage)
    async with board.listening(after=start) as listener:
        moving = asyncio.gather(*(board.move(lead, "Offer") for lead in board.leads[1:]))
        events = await listener.until(5)
        await moving
    assert [number(event["cursor"]) for event in events] == [1, 2, 3, 4, 5]
    async with board.listening(after=events[2]["cursor"]) as resumed:
        assert await resumed.until(2) == events[3:]


async def test_a_long_replay_is_paged(make_board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay longer than a page is complete and in order, while more moves happen."""
    monkeypatch.setattr(streams, "PAGE", 7)
    board = await make_board(leads=1)
    start = await board.cursor()
    for nth in range(40):
        await board.move(board.leads[0], ("Talking", "Offer")[nth % 2])
    async with board.listening(after=start) as first, board.listening() as second:
        await board.move(board.leads[0], "Deal")
        events = await first.until(41)
        assert await second.until(1) == events[-1:]
    assert [number(event["cursor"]) for event in events] == list(range(1, 42))


async def test_a_slow_subscriber_misses_nothing(make_board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber whose queue overflows reads the rest from the table at its own pace; the others do not wait for
    it."""
    monkeypatch.setattr(streams, "QUEUE", 3)
    board = await make_board(leads=30)
    prepared = board.engine.documents.prepare("subscription { stageChanged { cursor lead { id } } }")
    slow = board.engine.subscribe(prepared, {}, board.caller)
    first = asyncio.ensure_future(anext(slow))
    async with board.listening() as quick:
        while not first.done():
            await board.move(board.leads[0], "Talking")
            await board.move(board.leads[0], "New")
        begun = number(await board.cursor())
        await asyncio.gather(*(board.move(lead, "Talking") for lead in board.leads))
        await quick.until(begun + 30)
    cursors = [number(orjson.loads(first.result().body)["data"]["stageChanged"]["cursor"])]
    while cursors[-1] < begun + 30:
        cursors.append(number(orjson.loads((await anext(slow)).body)["data"]["stageChanged"]["cursor"]))
    await slow.aclose()
    assert cursors == list(range(cursors[0], begun + 31))


@pytest.mark.parametrize("kind", ["pipelineId", "leadId", "ownerId"])
async def test_filters_deliver_only_what_matches(make_board: Any, kind: str) -> None:
    """A filter by pipeline, lead or owner delivers only what matches it, live and in a replay alike."""
    board = await make_board(leads=2)
    wanted = {"pipelineId": board.pipeline, "leadId": board.leads[0], "ownerId": board.members[0]}[kind]
    start = await board.cursor()
    async with board.listening(**{kind: wanted}) as listener:
        await board.move(board.leads[1], "Offer")
        await board.move(board.leads[0], "Talking")
        events = await listener.until(2 if kind == "pipelineId" else 1)
    assert events[-1]["lead"] == {"id": board.leads[0]}
    async with board.listening(after=start, **{kind: wanted}) as replayed:
        assert await replayed.until(len(events)) == events


async def test_a_reorder_within_a_stage_is_no_stage_change(make_board: Any) -> None:
    """Only a move into another stage is delivered; a new place in the same stage is not."""
    board = await make_board(leads=2)
    async with board.listening() as listener:
        await board.move(board.leads[0], "New", afterLeadId=board.leads[1])
        await board.move(board.leads[0], "Talking")
        await listener.until(1)
    assert listener.steps() == [("New", "Talking")]


async def test_another_organisation_hears_nothing(make_board: Any) -> None:
    """Moves reach only subscribers of their own organisation, whatever ids the others ask for."""
    board, strangers = await make_board("demo"), await make_board("strangers")
    async with strangers.listening() as listener, strangers.listening(leadId=board.leads[0]) as curious:
        await board.move(board.leads[0], "Talking")
        await strangers.move(strangers.leads[0], "Offer")
        await listener.until(1)
        assert curious.events == []
    assert listener.steps() == [("New", "Offer")]


async def test_a_refused_move_is_not_delivered(make_board: Any) -> None:
    """A conflict changes nothing, so no event is sent and the log does not grow."""
    board = await make_board()
    before = await board.cursor()
    async with board.listening() as listener:
        payload = await board.move(board.leads[0], "Talking", expectedVersion=9)
        assert [error["code"] for error in payload["userErrors"]] == ["CONFLICT"]
        assert await board.cursor() == before
        await board.move(board.leads[0], "Offer")
        await listener.until(1)
    assert listener.steps() == [("New", "Offer")]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"after": "nonsense"}, "not an event cursor"),
        ({"after": encode_cursor(organisation_id("strangers"), 0)}, "another organisation"),
        ({"after": encode_cursor(organisation_id("demo"), 99)}, "ahead of the event log"),
        ({"leadId": "stage_01a20acb-6f30-7a44-ada8-8d78c3702463"}, "id of a Stage"),
        ({"leadId": "x"}, "not an id"),
        ({"ownerId": "\0"}, "not an id"),
    ],
)
async def test_what_cannot_be_followed_is_refused(make_board: Any, variables: dict[str, str], words: str) -> None:
    """A cursor that is none, a stranger's or not yet reached, and wrong ids, are refused before anything is sent."""
    board = await make_board()
    async with board.listening(**variables) as listener:
        with pytest.raises(RequestError) as refused:
            await listener.until(1)
    assert refused.value.code == "BAD_USER_INPUT"
    assert words in refused.value.errors[0].message


async def test_a_snapshot_and_the_events_after_it_are_the_state(make_board: Any) -> None:
    """Cursor and board of one query, plus every event after that cursor, give the board as it is in the end."""
    board = await make_board(leads=12)
    query = "query ($id: ID!) { cursor pipeline(id: $id) { stages { name leads(first: 100) { nodes { id } } } } }"

    def places(data: dict[str, Any]) -> dict[str, str]:
        return {lead["id"]: stage["name"] for stage in data["pipeline"]["stages"] for lead in stage["leads"]["nodes"]}

    async def wander(lead: str) -> None:
        for stage in ("Talking", "Offer", "Deal", "New", "Offer"):
            await board.move(lead, stage)

    moving = asyncio.gather(*(wander(lead) for lead in board.leads))
    snapshot = await board.ask(query, {"id": board.pipeline})
    while number(snapshot["cursor"]) < 5:
        snapshot = await board.ask(query, {"id": board.pipeline})
    await moving
    final = await board.ask(query, {"id": board.pipeline})
    state = places(snapshot)
    async with board.listening(after=snapshot["cursor"]) as listener:
        for event in await listener.until(number(final["cursor"]) - number(snapshot["cursor"])):
            assert state[event["lead"]["id"]] == event["fromStage"]["name"]
            state[event["lead"]["id"]] = event["toStage"]["name"]
    assert state == places(final)


async def test_readers_end_with_their_last_subscriber(make_board: Any) -> None:
    """Nothing runs on for an organisation that nobody listens to."""
    board = await make_board()
    async with board.listening() as one, board.listening() as two:
        await board.move(board.leads[0], "Talking")
        await one.until(1)
        await two.until(1)
        (reader,) = board.engine.feed.readers.values()
        assert len(reader.streams) == 1
    assert board.engine.feed.readers == {}


async def test_a_viewer_may_listen(make_board: Any) -> None:
    """Live changes need no more than the role of a viewer."""
    board = await make_board()
    async with board.listening(Caller("demo", "onlooker", Role.VIEWER)) as listener:
        await board.move(board.leads[0], "Talking")
        await listener.until(1)
