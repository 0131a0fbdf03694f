"""What a client has seen last, told by its transport, decides where a subscription goes on."""

from contextlib import aclosing
from typing import Any

import orjson
import pytest

from engine.errors import RequestError
from tests.support.fixtures.live import SUBSCRIPTION, Board


async def received(
    board: Board, count: int, seen: str | None, query: str = SUBSCRIPTION, **variables: Any
) -> list[str]:
    """The cursors of the first events, each of which is the cursor of its body, too."""
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
    """A board, and the cursors before the first of three moves and after each."""
    board = await make_board()
    cursors = [await board.cursor()]
    for stage in ("Talking", "Offer", "Deal"):
        await board.move(board.leads[0], stage)
        cursors.append(await board.cursor())
    return board, cursors


async def test_what_was_seen_last_wins_over_after(moved: tuple[Board, list[str]]) -> None:
    """A client that comes back by itself sends the operation as it was: what it has seen since is the newer of both."""
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
    """Every subscription can be gone on with, whether its document mentions `after` or not."""
    board, cursors = moved
    variables = {"pipelineId": board.pipeline} if "$pipelineId" in query else {}
    assert await received(board, 2, cursors[1], query, **variables) == cursors[2:]


async def test_a_cursor_of_no_use_is_refused(moved: tuple[Board, list[str]], make_board: Any) -> None:
    """Nonsense and another organisation's cursor are refused as in `after`, also where `after` is good."""
    board, cursors = moved
    stranger = await make_board("strangers")
    for seen, words in (("7", "not an event cursor"), (await stranger.cursor(), "another organisation")):
        with pytest.raises(RequestError, match=words) as refused:
            await received(board, 1, seen, after=cursors[0])
        assert refused.value.code == "BAD_USER_INPUT"
