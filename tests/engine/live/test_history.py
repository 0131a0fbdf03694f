"""How long events are kept, and the error that a subscriber gets who resumes from a deleted one."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.errors import RequestError
from engine.live import retention as history
from engine.live import shared_stream as streams
from engine.live.retention import prune
from models import organisation_id
from models.database import Database
from models.tables.base import utc_now
from resolvers.changes.pruned_events import PRUNE

OLD = utc_now() - timedelta(days=90)


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings with three events a batch, and no pauses."""
    monkeypatch.setattr(history, "BATCH", 3)
    monkeypatch.setattr(history, "BETWEEN", 0)


async def age(database: Database, last: int, days: int = 100) -> None:
    """Make the events up to this number so many days old."""
    await database.pool.execute(
        "UPDATE event SET occurred_at = now() - make_interval(days => $2) WHERE number <= $1", last, days
    )


async def numbers(database: Database) -> list[int]:
    """The numbers of the events that are stored."""
    return [row["number"] for row in await database.pool.fetch("SELECT number FROM event ORDER BY number")]


async def tail(database: Database) -> int:
    """The oldest number that a subscriber can resume from."""
    found: int = await database.pool.fetchval("SELECT tail FROM event_log WHERE org_id = $1", organisation_id("demo"))
    return found


async def test_the_change_log_is_kept_for_ever(make_board: Any, database: Database) -> None:
    """All changes stay in the log, also those of a deleted lead, though subscribers can no longer resume from them."""
    board = await make_board(leads=2)
    first, second = board.leads
    await board.move(first, "Talking")  # 1
    await board.move(second, "Talking")  # 2
    await board.move(second, "Talking", afterLeadId=first)  # 3: a place within the column
    await board.ask("mutation ($id: ID!) { deleteLead(input: {leadId: $id}) { userErrors { code } } }", {"id": first})
    await board.move(second, "Offer")  # 5
    await age(database, 4)
    await prune(database, OLD, PRUNE[True])
    assert (await numbers(database), await tail(database)) == ([1, 2, 4, 5], 5)
    asked = await board.ask("{ changeLog(first: 10) { nodes { mutation } } }")
    assert [node["mutation"] for node in asked["changeLog"]["nodes"]] == [
        "moveLead",
        "deleteLead",
        "moveLead",
        "moveLead",
    ]


async def test_old_events_go_and_timelines_stay(make_board: Any, database: Database) -> None:
    """Where the change log is not kept, only the events in timelines of existing leads stay; they go with their
    lead."""
    board = await make_board(leads=3)
    kept, dropped, other = board.leads
    await board.move(kept, "Talking")  # 1
    await board.move(dropped, "Talking")  # 2
    await board.move(dropped, "Talking", afterLeadId=kept)  # 3: a place within the column
    await board.ask("mutation ($id: ID!) { deleteLead(input: {leadId: $id}) { userErrors { code } } }", {"id": dropped})
    await board.move(kept, "Offer")  # 5
    await age(database, 2)
    await prune(database, OLD, PRUNE[False])
    assert (await numbers(database), await tail(database)) == ([1, 3, 4, 5], 3)
    await board.move(other, "Talking")  # 6
    await age(database, 5)
    await prune(database, OLD, PRUNE[False])
    assert (await numbers(database), await tail(database)) == ([1, 5, 6], 6)


async def test_a_timeline_goes_with_its_lead_even_if_it_had_been_kept(make_board: Any, database: Database) -> None:
    """Events that stayed because their lead existed are deleted once its deletion is too old as well."""
    board = await make_board(leads=2)
    for stage in ("Talking", "Offer", "Talking"):
        await board.move(board.leads[0], stage)  # 1 to 3
    await board.move(board.leads[1], "Offer")  # 4
    await age(database, 4)
    await prune(database, OLD, PRUNE[False])
    assert await numbers(database) == [1, 2, 3, 4]
    await board.ask(
        "mutation ($id: ID!) { deleteLead(input: {leadId: $id}) { userErrors { code } } }", {"id": board.leads[0]}
    )  # 5
    await board.move(board.leads[1], "Talking")  # 6
    await age(database, 5)
    await prune(database, OLD, PRUNE[False])
    assert await numbers(database) == [4, 6]


async def test_the_last_event_stays_and_numbers_go_on(make_board: Any, database: Database) -> None:
    """The last event is kept however old it is: a subscriber who has seen it is up to date, and the next event follows
    it."""
    board = await make_board()
    for stage in ("Talking", "Offer"):
        await board.move(board.leads[0], stage)
    cursor = await board.cursor()
    await age(database, 2)
    await prune(database, utc_now(), PRUNE[True])
    await prune(database, utc_now(), PRUNE[True])
    assert await tail(database) == 2
    async with board.listening(after=cursor) as listener:
        await board.move(board.leads[0], "Deal")
        await listener.until(1)


async def test_too_old_a_cursor_learns_how_to_begin_again(make_board: Any, database: Database) -> None:
    """A cursor whose next events were deleted is refused; the one before the oldest kept event is good."""
    board = await make_board()
    cursors = [await board.cursor()]
    for stage in ("Talking", "Offer", "Deal", "Offer"):
        await board.move(board.leads[0], stage)
        cursors.append(await board.cursor())
    await age(database, 2)
    await prune(database, OLD, PRUNE[True])
    async with board.listening(after=cursors[1]) as late, board.listening(after=cursors[2]) as good:
        with pytest.raises(RequestError) as refused:
            await late.until(1)
        assert [event["cursor"] for event in await good.until(2)] == cursors[3:]
    assert refused.value.code == "CURSOR_EXPIRED"
    assert "query `cursor`" in refused.value.errors[0].message


async def test_a_replay_that_pruning_overtakes_ends(
    make_board: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning ahead of a subscriber that replays is not skipped over: the subscription ends and says why."""
    monkeypatch.setattr(streams, "PAGE", 2)
    board = await make_board()
    start = await board.cursor()
    for nth in range(10):
        await board.move(board.leads[0], ("Talking", "Offer")[nth % 2])
    render = board.engine._render

    async def overtaken(*given: Any) -> Any:
        page = await render(*given)
        if given[3] == 2:  # after the first page
            await age(database, 6)
            await prune(database, OLD, PRUNE[True])
        return page

    monkeypatch.setattr(board.engine, "_render", overtaken)
    async with board.listening(after=start) as listener:
        with pytest.raises(RequestError) as ended:
            await listener.until(3)
    assert ended.value.code == "CURSOR_EXPIRED"
    assert len(listener.events) == 2


async def test_a_process_that_slept_too_long_says_so(make_board: Any, database: Database) -> None:
    """When the next event that a reader finds is not the next one of the log, its subscriptions end with an error."""
    board = await make_board()
    async with board.listening() as listener:
        await board.move(board.leads[0], "Talking")
        await listener.until(1)
        await database.pool.execute("UPDATE event_log SET head = head + 5, tail = head + 5")
        await board.move(board.leads[0], "Offer")
        with pytest.raises(RequestError) as ended:
            await listener.until(2)
    assert ended.value.code == "CURSOR_EXPIRED"


async def test_pruning_does_not_hold_up_changes(make_board: Any, database: Database) -> None:
    """While a batch is being deleted, changes of the same organisation commit."""
    board = await make_board()
    for lead in board.leads[:2]:
        await board.move(lead, "Talking")
    await board.move(board.leads[0], "Talking", afterLeadId=board.leads[1])  # 3: a place, which is deleted
    await board.move(board.leads[1], "Offer")
    await age(database, 3)
    async with database.acquire() as connection, asyncio.timeout(20):
        async with connection.transaction():
            await connection.execute("SELECT FROM event WHERE number = 3 FOR UPDATE")
            pruning = asyncio.create_task(prune(database, OLD, PRUNE[True]))
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                """The batch has not come to this event yet."""
            payload = await board.move(board.leads[1], "New")
            assert payload["userErrors"] == []
        await pruning
    assert (await numbers(database), await tail(database)) == ([1, 2, 4, 5], 4)


async def test_one_process_prunes_at_a_time(make_board: Any, database: Database) -> None:
    """A process does nothing while another one is pruning."""
    board = await make_board()
    for stage in ("Talking", "Offer"):
        await board.move(board.leads[0], stage)
    await age(database, 2)
    async with database.acquire() as other, other.transaction():
        await history.ALONE.value(other)
        await prune(database, OLD, PRUNE[True])
        assert await tail(database) == 1
    await prune(database, OLD, PRUNE[True])
    assert await tail(database) == 2


async def test_pruning_goes_on_in_the_background(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server prunes what is older than the setting says, and tries again after a failure."""
    tried: asyncio.Queue[timedelta] = asyncio.Queue()

    async def failing(_: Database, before: datetime, keep_change_log: bool, expired: datetime) -> None:
        assert keep_change_log
        assert before - expired == timedelta(days=7)
        tried.put_nowait(utc_now() - before)
        raise ConnectionRefusedError

    monkeypatch.setattr(history, "FAILED", 0)
    monkeypatch.setattr(history, "prune", failing)
    async with history.pruning(database, 30, PRUNE[True], consumer_days=7), asyncio.timeout(20):
        ages = [await tried.get() for _ in range(3)]
    assert {age.days for age in ages} == {30}
    forgotten: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    async def forget(*given: Any) -> None:
        forgotten.put_nowait(given)

    monkeypatch.setattr(history, "EVERY", 0)
    monkeypatch.setattr(history, "forget", forget)
    tried = asyncio.Queue()
    async with history.pruning(database, 0, PRUNE[True]), asyncio.timeout(20):
        for _ in range(3):
            await forgotten.get()
    assert tried.empty(), "0 keeps all events, and outcomes go all the same"
