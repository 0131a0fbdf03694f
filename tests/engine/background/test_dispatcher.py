"""The dispatcher: which batches are made, when, in whose turn, and what it costs while there is nothing to do."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from uuid import UUID

import pytest

from engine.background import behind, dispatcher
from engine.background.behind import Lag
from engine.background.consumers import BATCH, Consumer
from engine.background.dispatcher import LANES, dispatching
from engine.engine import Engine
from engine.live.feed import Feed
from models import organisation_id
from models.database import Connection, Database, Row
from resolvers.changes.organisation.access import resume, suspend
from resolvers.domain import CRM
from tests.support.consuming import RECORDING, add_events, add_organisation, handled, recorded_events, until, until_so
from tests.support.sql.counting import Counting
from tests.support.world import World

COUNT = "SELECT count(*) = $1 FROM handled"
NEVER = 3600.0


@pytest.fixture
async def table(database: Database) -> AsyncIterator[None]:
    """The table in which events are written down."""
    async with recorded_events(database):
        yield


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[Feed]:
    """Wake-ups within this process."""
    async with Feed.open(database, CRM, poll_seconds=NEVER) as feed:
        yield feed


@pytest.mark.usefixtures("table")
async def test_changes_are_handled_as_they_happen(world: World, engine: Engine) -> None:
    """A wake-up is enough: the next look would be in an hour."""
    org_id, database = organisation_id(world.organisation), world.database
    async with dispatching(database, [RECORDING], engine.feed, NEVER):
        await until(database, "SELECT count(*) = (SELECT head FROM event_log) FROM handled")
        for stage in ("Talking", "Offer", "New") * 3:
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]})
        await until(database, "SELECT count(*) = (SELECT head FROM event_log) FROM handled")
    assert await handled(database, org_id) == list(range(1, await world.head() + 1))


@pytest.mark.usefixtures("table")
async def test_nobody_waits_for_more_than_a_turn(database: Database, feed: Feed) -> None:
    """An organisation with 10,000 events to handle delays another's first one by a batch of each lane at most."""
    large, small = organisation_id("a large one"), organisation_id("a small one")
    for key, org_id in (("a large one", large), ("a small one", small)):
        await add_organisation(database, key, org_id, "1 minute")
    await add_events(database, large, 10_000)
    turns: list[UUID] = []

    async def record(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        turns.append(org_id)
        if len(turns) == 1:
            await add_events(database, small, 1)
            await feed.wake(small)
            await until(database, "SELECT true FROM consumer WHERE org_id = $1", small)
            await until_so(lambda: (small, "recording") in waiting.queued)
        return await RECORDING.make(connection, org_id, events)

    waiting = dispatcher.Dispatcher(database, [Consumer("recording", record)], feed.wake)
    feed.woken = waiting.woken
    tasks = [asyncio.create_task(task) for task in (waiting.gather(), waiting.look(NEVER), waiting.take_turns())]
    await until(database, COUNT, 10_001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert turns.index(small) <= 2
    assert len(turns) == 10_000 / BATCH + 1
    assert await handled(database, large) == list(range(1, 10_001))


@pytest.mark.usefixtures("table")
async def test_what_happens_during_a_rest_is_one_batch(
    database: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes a lot rests after a batch; others do not wait for it, and nothing waits for the next look."""
    monkeypatch.setattr(dispatcher, "REST", float("inf"))
    monkeypatch.setattr(dispatcher, "LONGEST_REST", NEVER)
    busy, other = organisation_id("busy"), organisation_id("other")
    for key, org_id in (("busy", busy), ("other", other)):
        await add_organisation(database, key, org_id, "1 minute")
        await add_events(database, org_id, 1)
    batches: list[tuple[UUID, int]] = []

    async def make(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        batches.append((org_id, len(events)))
        return await RECORDING.make(connection, org_id, events)

    async def happens(org_id: UUID) -> None:
        await add_events(database, org_id, 1)
        await feed.wake(org_id)

    ours = dispatcher.Dispatcher(database, [Consumer("recording", make)], feed.wake)
    feed.woken = ours.woken
    tasks = [asyncio.create_task(task) for task in (ours.gather(), ours.look(NEVER), ours.take_turns())]
    await until_so(lambda: ours.rests.keys() == {busy, other})
    del ours.rests[other]
    for _ in range(3):
        await happens(busy)
    await happens(other)
    await until_so(lambda: batches[2:] == [(other, 1)])
    assert ours.named == {busy}
    ours.rests[busy] = 0.0
    ours.heard.set()
    await until_so(lambda: batches[3:] == [(busy, 3)])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("table")
async def test_what_happens_during_a_batch_is_not_forgotten(database: Database, feed: Feed) -> None:
    """It is not in the batch, and its wake-up has come while there was nothing to do about it."""
    org_id = organisation_id("acme")
    await add_organisation(database, "acme", org_id, "1 minute")
    await add_events(database, org_id, 1)
    batches: list[int] = []

    async def make(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        batches.append(len(events))
        if len(batches) == 1:
            await add_events(database, org_id, 2)
            await feed.wake(org_id)
            await until_so(lambda: org_id in ours.named and not ours.heard.is_set())
        return await RECORDING.make(connection, org_id, events)

    ours = dispatcher.Dispatcher(database, [Consumer("recording", make)], feed.wake)
    feed.woken = ours.woken
    tasks = [asyncio.create_task(task) for task in (ours.gather(), ours.look(NEVER), ours.take_turns())]
    await until(database, COUNT, 3)
    assert batches == [1, 2]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("table")
async def test_one_that_hangs_or_fails_stops_nobody_else(database: Database, feed: Feed) -> None:
    """The organisations that fail and that hang are found again; the others are handled meanwhile."""
    ids = {key: organisation_id(key) for key in ("failing", "hanging", "one", "two", "three")}
    for key, org_id in ids.items():
        await add_organisation(database, key, org_id, "1 minute")
        await add_events(database, org_id, 1)
    hang = asyncio.Event()

    async def make(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        if org_id == ids["failing"]:
            raise ValueError
        if org_id == ids["hanging"]:
            await hang.wait()
        return await RECORDING.make(connection, org_id, events)

    lags: list[Mapping[str, Lag]] = []
    async with dispatching(database, [Consumer("recording", make)], feed, 0.05, lags.append):
        await until(database, COUNT, 3)
        await until(database, "SELECT failures >= 1 FROM consumer WHERE org_id = $1", ids["failing"])
        hang.set()
        await until(database, COUNT, 4)
        await until_so(lambda: any(lag["recording"].failures for lag in lags))
    assert {lag["recording"].events for lag in lags} <= {0, 1}
    assert await handled(database, ids["failing"]) == []


@pytest.mark.usefixtures("table")
async def test_two_processes_handle_each_event_once(database: Database, postgres_url: str) -> None:
    """Also while PostgreSQL ends their connections again and again."""
    keys = ["one", "two", "three"]
    for key in keys:
        await add_organisation(database, key, organisation_id(key), "1 minute")
    async with AsyncExitStack() as stack:
        for _ in range(2):
            other = await stack.enter_async_context(Database.open(postgres_url, max_size=4))
            feed = await stack.enter_async_context(Feed.open(other, CRM, poll_seconds=NEVER))
            await stack.enter_async_context(dispatching(other, [RECORDING], feed, 0.05))
        for _ in range(10):
            for key in keys:
                await add_events(database, organisation_id(key), 60)
            await database.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%handled%' AND pid <> pg_backend_pid()"
            )
        await until(database, COUNT, 1800)
    for key in keys:
        assert await handled(database, organisation_id(key)) == list(range(1, 601))


@pytest.mark.usefixtures("table")
async def test_looks_go_round_all_organisations(
    database: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page; each page is one statement, and a suspended organisation is passed over."""
    monkeypatch.setattr(behind, "PAGE", 500)
    keys = [f"organisation {nth}" for nth in range(1100)]
    await database.pool.executemany(
        "INSERT INTO organisation (id, key, name) VALUES ($1, $2, $2)", [(organisation_id(key), key) for key in keys]
    )
    await database.pool.execute("INSERT INTO event_log (org_id) SELECT id FROM organisation")
    out = organisation_id(keys[7])
    await suspend(database, out)
    for key in keys[::100]:
        await add_events(database, organisation_id(key), 2)
    await add_events(database, out, 1)
    async with dispatching(database, [RECORDING], feed, 0.01):
        await until(database, COUNT, 22)
        await resume(database, out)
        await until(database, COUNT, 23)
    assert await database.pool.fetchval("SELECT count(*) FROM consumer") == 1100


@pytest.mark.usefixtures("table")
async def test_idle_costs_one_statement_a_look(database: Database) -> None:
    """However many organisations there are: as many looks, as many statements."""
    for nth in range(40):
        await add_organisation(database, f"idle {nth}", organisation_id(f"idle {nth}"))
    counting = Counting(**{part.name: getattr(database, part.name) for part in fields(Database)})
    looks: list[Mapping[str, Lag]] = []
    async with (
        Feed.open(counting, CRM, poll_seconds=NEVER) as feed,
        dispatching(counting, [RECORDING], feed, 0.01, looks.append),
    ):
        await until(database, "SELECT count(*) = 40 FROM consumer")
        await until_so(lambda: counting.sent[-10:] == [behind.LOOK.sql] * 10)
        assert looks[-2:] == [{"recording": Lag()}] * 2


async def test_it_is_left_to_others(database: Database, feed: Feed) -> None:
    """With an interval of 0 nothing runs, and nothing without consumers."""
    before = len(asyncio.all_tasks())
    async with dispatching(database, [RECORDING], feed, 0), dispatching(database, [], feed, 1):
        assert len(asyncio.all_tasks()) == before


@pytest.mark.usefixtures("table")
async def test_a_process_that_stops_finishes_its_batch(
    database: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins no other; what takes too long is taken back."""
    org_id = organisation_id("acme")
    await add_organisation(database, "acme", org_id, "1 minute")
    await add_events(database, org_id, LANES * BATCH)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        done = await RECORDING.make(connection, org_id, events)
        begun.set()
        await go_on.wait()
        return done

    async with dispatching(database, [replace(RECORDING, make=slow)], feed, NEVER):
        await begun.wait()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert await handled(database, org_id) == list(range(1, BATCH + 1))
    begun.clear()
    go_on.clear()
    monkeypatch.setattr(dispatcher, "FAREWELL", 0.05)
    async with dispatching(database, [replace(RECORDING, make=slow)], feed, NEVER):
        await begun.wait()
    assert await handled(database, org_id) == list(range(1, BATCH + 1))
