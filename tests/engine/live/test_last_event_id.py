"""The last event that a client has seen, as its transport reports it, decides where a subscription resumes."""

from contextlib import aclosing
from typing import Any

import orjson
import pytest

from engine.errors import RequestError
from tests.support.fixtures.live import SUBSCRIPTION, Board


async def received(
    board: Board, count: int, seen: str | None, query: str = SUBSCRIPTION, **variables: Any
) -> list[str]:
    """The cursors of the first events, each of which equals the cursor in its body."""
    prepared = board.engine.documents.prepare(query)
    found = []
    async with aclosing(board.engine.subscribe(prepared, variables, board.caller, seen)) as results:
        for _ in range(count):
            body, cursor = await anext(results)
            ((_, event),) = orjson.loads(body)["data"].items()
            assert event["cursor"] == cursor
            found.append(cursor or "")
    return found


@pytest.fixture
async def moved(make_board: Any) -> tuple[Board, list[str]]:
    """A board with three moves, and the cursors before the first and after each."""
    board = await make_board()
    cursors = [await board.cursor()]
    for stage in ("Talking", "Offer", "Deal"):
        await board.move(board.leads[0], stage)
        cursors.append(await board.cursor())
    return board, cursors


async def test_what_was_seen_last_wins_over_after(moved: tuple[Board, list[str]]) -> None:
    """A client that reconnects by itself sends its first operation again: the newer of `after` and the last seen
    counts."""
    board, cursors = moved
    assert await received(board, 3, None, after=cursors[0]) == cursors[1:]
    assert await received(board, 2, cursors[1], after=cursors[0]) == cursors[2:]


@pytest.mark.parametrize(
    "query",
    [
        "subscription { stageChanged { cursor } }",
        "subscription { events { cursor } }",
        "subscription ($pipelineId: ID!) { boardChanged(pipelineId: $pipelineId) { cursor } }",
    ],
)
async def test_an_operation_without_after_goes_on(moved: tuple[Board, list[str]], query: str) -> None:
    """Every subscription can be resumed, whether or not its document mentions `after`."""
    board, cursors = moved
    variables = {"pipelineId": board.pipeline} if "$pipelineId" in query else {}
    assert await received(board, 2, cursors[1], query, **variables) == cursors[2:]


async def test_a_cursor_of_no_use_is_refused(moved: tuple[Board, list[str]], make_board: Any) -> None:
    """Nonsense and another organisation's cursor are refused as they are in `after`, even if `after` itself is good."""
    board, cursors = moved
    stranger = await make_board("strangers")
    for seen, words in (("7", "not an event cursor"), (await stranger.cursor(), "another organisation")):
        with pytest.raises(RequestError, match=words) as refused:
            await received(board, 1, seen, after=cursors[0])
        assert refused.value.code == "BAD_USER_INPUT"
