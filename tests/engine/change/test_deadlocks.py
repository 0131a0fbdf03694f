"""A change that PostgreSQL breaks off for the sake of another is tried again, and in the end may be sent again."""

from typing import Any

import asyncpg
import pytest

from engine.change import transaction
from tests.support.world import World

DEADLOCK = asyncpg.DeadlockDetectedError("deadlock detected")
TURN = asyncpg.SerializationError("could not serialize access")


class Meeting:
    """Meets others for so many attempts, and notes how long each next one waits at most."""

    def __init__(self, failures: list[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures = failures
        self.perform = transaction._perform
        self.pauses: list[float] = []
        monkeypatch.setattr(transaction, "_perform", self.meet)
        monkeypatch.setattr(transaction.random, "uniform", self.draw)

    async def meet(self, *given: Any) -> Any:
        shown = await self.perform(*given)  # all is done by then, and rolled back
        if self.failures:
            raise self.failures.pop(0)
        return shown

    def draw(self, least: float, most: float) -> float:
        assert least == 0
        self.pauses.append(most)
        return 0


async def test_a_change_that_meets_others_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times, after pauses of a random length that doubles; it is done once."""
    meeting = Meeting([DEADLOCK, TURN, DEADLOCK, TURN], monkeypatch)
    head = await world.head()
    await world.change("createLead", {"title": "Once", "stageId": world["New"]})
    assert meeting.pauses == [0.02, 0.04, 0.08, 0.16]
    assert [event[0] for event in await world.recorded(head)] == ["lead.created"]


@pytest.mark.parametrize("failure", [DEADLOCK, TURN])
async def test_the_last_attempt_says_that_it_may_be_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """It is nobody's mistake: the code is SERVICE_UNAVAILABLE, nothing has changed and nothing was emitted."""
    meeting = Meeting([failure] * 5, monkeypatch)
    head = await world.head()
    body = await world.attempt("createLead", {"title": "Never", "stageId": world["New"]}, "lead { id }")
    (error,) = body["errors"]
    assert (error["extensions"], error["path"]) == ({"code": "SERVICE_UNAVAILABLE"}, ["result"])
    assert "nothing has changed. Send this again" in error["message"]
    assert (len(meeting.pauses), meeting.failures) == (4, [])
    assert await world.recorded(head) == []
    assert await world.database.pool.fetchval("SELECT count(*) FROM lead WHERE title = 'Never'") == 0
