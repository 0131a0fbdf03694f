"""Work that waits for a worker: it is done once, in fair turns, and tried again; leases end and are given back."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import pytest

from engine.background.leased import hands, kinds
from engine.background.leased.asking import WorkAsked, ask
from engine.background.leased.kinds import GiveUp, Later, TryAgain, WorkKind
from engine.background.leased.leased_run import DONE, LeasedRun, RunLost, end
from engine.background.leased.statements import TAKE_RUNS
from engine.background.leased.takers import LANES, Takers, taking
from engine.engine import Engine
from models import organisation_id
from models.database import Database
from models.tables.base import utc_now
from tests.support.consuming import add_organisation, until, until_so
from tests.support.servers.leased import GREETING, asked, greetings

ACME, GLOBEX = organisation_id("acme"), organisation_id("globex")
STATES = "SELECT count(*) = $1 FROM run WHERE state = $2"

Do = Callable[[LeasedRun], Awaitable[Later | None]]


async def nothing(run: LeasedRun) -> None:
    """Do nothing."""


@pytest.fixture
async def organisations(database: Database) -> None:
    """Two of them, which have just begun."""
    await add_organisation(database, "acme", ACME)
    await add_organisation(database, "globex", GLOBEX)


@asynccontextmanager
async def doing(engine: Engine, *kinds: WorkKind, seen: list[tuple[str, str]] | None = None) -> AsyncIterator[Takers]:
    """A process that does work of these kinds."""
    observe = [] if seen is None else seen
    async with taking(
        engine.database, kinds, engine.feed, 0.05, lambda kind, outcome: observe.append((kind, outcome))
    ) as takers:
        assert takers is not None
        yield takers


async def taken(database: Database, kind: WorkKind, org_id: UUID = ACME, most: int = 10) -> list[LeasedRun]:
    """Take what is due of a lane, as a process that does nothing with it."""
    async with database.acquire() as connection:
        for lane in await LANES.all(connection, kinds=[kind.name], most=10):
            if lane["org_id"] == org_id and lane["seconds"] <= 0:
                place = {"last_turn": lane["last_turn"], "changes": lane["changes"]}
                given = {"org_id": org_id, "kind": kind.name, "at_most": kind.at_most, "most": most, **place}
                rows = await TAKE_RUNS.all(connection, **given)
                return [LeasedRun.of(database, _nobody, kind, org_id, row) for row in rows]
    return []


async def _nobody(_: UUID) -> None:
    """Wake nobody."""


@pytest.mark.usefixtures("organisations")
async def test_work_is_done_once(database: Database, engine: Engine) -> None:
    """By any number of processes; what is asked for again by the same key is nothing new."""
    names = [f"name {nth}" for nth in range(300)]
    async with greetings(database), AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(doing(engine, GREETING))
        assert await asked(database, ACME, names[:200]) == 200
        assert await asked(database, ACME, names) == 100
        assert await asked(database, GLOBEX, names) == 300
        await until(database, STATES, 600, "FINISHED")
        assert await asked(database, ACME, names) == 0
        found = await database.pool.fetch("SELECT org_id, name, attempt FROM greeted ORDER BY name, org_id")
    assert Counter(row["org_id"] for row in found) == {ACME: 300, GLOBEX: 300}
    assert len({tuple(row) for row in found}) == 600
    assert {row["attempt"] for row in found} == {1}
    assert await database.pool.fetch("SELECT 1 FROM run WHERE due_at IS NOT NULL OR done <> 1 OR version <> 2") == []


@pytest.mark.usefixtures("organisations")
async def test_what_is_taken_back_is_not_asked_for(database: Database) -> None:
    """Work is asked for in the transaction that it follows from."""
    with suppress(ZeroDivisionError):
        async with database.transaction(60) as connection:
            assert await ask(connection, ACME, [WorkAsked("greeting", "tests", "Ada")]) == 1
            raise ZeroDivisionError
    assert await database.pool.fetchval("SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM lane)") == 0


@pytest.mark.usefixtures("organisations")
async def test_not_more_than_allowed_at_once(database: Database, engine: Engine) -> None:
    """In an organisation, over all processes; another one has its own."""
    at_once: Counter[UUID] = Counter()
    most: defaultdict[UUID, int] = defaultdict(int)

    async def counted(run: LeasedRun) -> None:
        at_once[run.org_id] += 1
        most[run.org_id] = max(most[run.org_id], at_once[run.org_id])
        async with database.acquire() as connection:
            await connection.execute("SELECT pg_sleep(0.01)")
        at_once[run.org_id] -= 1

    kind = WorkKind("counted", counted, at_most=3)
    for org_id in (ACME, GLOBEX):
        await asked(database, org_id, [str(nth) for nth in range(40)], "counted")
    async with doing(engine, kind), doing(engine, kind), doing(engine, kind):
        await until(database, STATES, 80, "FINISHED")
    assert most == {ACME: 3, GLOBEX: 3}


@pytest.mark.usefixtures("organisations")
async def test_turns_are_fair(database: Database, engine: Engine) -> None:
    """One that asks for little is not behind one that has asked for much before."""
    order: list[UUID] = []

    async def noted(run: LeasedRun) -> None:
        order.append(run.org_id)
        async with database.acquire() as connection:
            await connection.execute("SELECT pg_sleep(0.001)")

    await asked(database, ACME, [str(nth) for nth in range(2_000)], "noted")
    async with doing(engine, WorkKind("noted", noted, at_most=20)):
        await until(database, "SELECT count(*) >= 40 FROM run WHERE state = 'FINISHED'")
        before = len(order)
        await asked(database, GLOBEX, [str(nth) for nth in range(10)], "noted")
        await until(database, "SELECT count(*) = 10 FROM run WHERE org_id = $1 AND state = 'FINISHED'", GLOBEX)
        after = order.index(GLOBEX) - before
    assert after < 200
    assert await database.pool.fetchval("SELECT count(*) > 500 FROM run WHERE state = 'WAITING'")


@pytest.mark.usefixtures("organisations")
async def test_a_late_worker_writes_nothing(database: Database) -> None:
    """When its lease has ended and another one has the run, its transactions are refused, and so is its end."""
    await asked(database, ACME, ["Ada"])
    (late,) = await taken(database, GREETING)
    assert await taken(database, GREETING) == []
    await database.pool.execute("UPDATE run SET due_at = now() - interval '1 ms'; UPDATE lane SET next_due = now()")
    (other,) = await taken(database, GREETING)
    assert (late.attempt, other.attempt, other.failures) == (1, 2, 1)
    with pytest.raises(RunLost):
        async with late.transaction():
            pytest.fail("It has been let in.")
    async with database.acquire() as connection:
        assert await end(connection, ACME, GREETING, [(late, DONE)]) == set()
        assert await end(connection, ACME, GREETING, [(other, DONE)]) == {other.id}
        assert await end(connection, ACME, GREETING, [(other, DONE)]) == set()
    assert await database.pool.fetchval("SELECT state FROM run") == "FINISHED"


@pytest.mark.usefixtures("organisations")
async def test_what_fails_is_tried_again_and_given_up(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as its kind says; the message of what was not expected is not kept."""
    monkeypatch.setattr(kinds, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(kinds, "LONGEST_PAUSE", 0.01)
    seen: list[tuple[str, str]] = []

    async def failing(run: LeasedRun) -> None:
        if run.key == "gone":
            raise GiveUp("There is nobody of this name.")
        if run.key == "busy":
            raise TryAgain("Everybody is busy.")
        if run.key == "late":
            await asyncio.Event().wait()
        if run.failures < 2 or run.key == "broken":
            raise ValueError("a secret of a customer")

    await asked(database, ACME, ["gone", "busy", "broken", "mended", "late"], "failing")
    async with doing(engine, WorkKind("failing", failing, failures=3, seconds=0.2), seen=seen):
        await until(database, "SELECT count(*) = 5 FROM run WHERE finished_at IS NOT NULL")
    found = await database.pool.fetch("SELECT key, state, failures, error, attempt FROM run ORDER BY key")
    assert [tuple(row) for row in found] == [
        ("broken", "FAILED", 3, "ValueError", 3),
        ("busy", "FAILED", 3, "Everybody is busy.", 3),
        ("gone", "FAILED", 1, "There is nobody of this name.", 1),
        ("late", "FAILED", 3, "TimeoutError", 3),
        ("mended", "FINISHED", 0, None, 3),
    ]
    outcomes = {"retried": 8, "failed": 4, "finished": 1}
    assert Counter(outcome for _, outcome in seen) == outcomes


def test_pauses_grow_and_are_spread() -> None:
    """Each is about three times the one before, up to an hour, or what was asked for."""
    for failures, about in ((1, 1), (2, 3), (3, 9), (7, 729), (8, 2_187), (9, 3_600), (99, 3_600)):
        found = [kinds.pause_after(failures) for _ in range(50)]
        assert all(0.8 * about <= seconds <= 1.2 * about for seconds in found)
        assert len(set(found)) > 1
    assert 60 <= kinds.pause_after(1, 60) <= 60
    assert kinds.pause_after(1, 1e9) == 3_600


@pytest.mark.usefixtures("organisations")
async def test_work_goes_on_later(database: Database, engine: Engine) -> None:
    """With what it is given then, in any process, and it has not failed."""

    async def counting(run: LeasedRun) -> Later | None:
        step = run.given.get("step", 0)
        return Later(0.01, {"step": step + 1}) if step < 5 else None

    await asked(database, ACME, ["Ada"], "counting")
    async with doing(engine, WorkKind("counting", counting, failures=1)):
        await until(database, STATES, 1, "FINISHED")
    found = await database.pool.fetchrow("SELECT input, attempt, failures FROM run")
    assert found is not None
    assert tuple(found) == ('{"step": 5}', 6, 0)


@pytest.mark.usefixtures("organisations")
async def test_leases_are_given_back_at_the_end(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process that stops does not finish in time, another one takes at once; it has not failed."""
    monkeypatch.setattr(hands, "FAREWELL", 0.05)
    seen: list[tuple[str, str]] = []
    begun = asyncio.Event()

    async def hanging(run: LeasedRun) -> None:
        begun.set()
        await asyncio.Event().wait()

    await asked(database, ACME, ["Ada"], "greeting")
    async with doing(engine, WorkKind("greeting", hanging), seen=seen):
        await begun.wait()
    assert seen == [("greeting", "given_back")]
    assert await database.pool.fetchval("SELECT state = 'WAITING' AND due_at <= now() AND failures = 0 FROM run")
    async with doing(engine, WorkKind("greeting", nothing)):
        await until(database, STATES, 1, "FINISHED")


@pytest.mark.usefixtures("organisations")
async def test_leases_are_renewed(database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While work goes on; what was lost meanwhile is stopped, and what a suspended organisation waits for, too."""
    monkeypatch.setattr(hands, "RENEWED", 0.02)
    stopped: list[str] = []

    async def hanging(run: LeasedRun) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(run.key)

    seen: list[tuple[str, str]] = []
    kind = WorkKind("greeting", hanging)
    await asked(database, ACME, ["Ada"])
    await asked(database, GLOBEX, ["Bob"])
    async with doing(engine, kind, seen=seen):
        await until(database, STATES, 2, "RUNNING")
        await database.pool.execute("UPDATE run SET due_at = now() + interval '1 second'")
        await until(database, "SELECT count(*) = 2 FROM run WHERE due_at > now() + interval '20 seconds'")
        await database.pool.execute("UPDATE run SET attempt = 9, due_at = now() + '1 hour' WHERE org_id = $1", ACME)
        await until_so(lambda: stopped == ["Ada"])
        await database.pool.execute("UPDATE organisation SET suspended_at = now() WHERE id = $1", GLOBEX)
        await until_so(lambda: stopped == ["Ada", "Bob"])
    assert seen == [("greeting", "lost"), ("greeting", "given_back")]
    waits = "SELECT state = 'WAITING' AND failures = 0 FROM run WHERE org_id = $1"
    assert await database.pool.fetchval(waits, GLOBEX)


@pytest.mark.usefixtures("organisations")
async def test_a_suspended_organisation_waits(database: Database, engine: Engine) -> None:
    """Its work stands until it is resumed; that of others goes on."""
    await database.pool.execute("UPDATE organisation SET suspended_at = now() WHERE id = $1", ACME)
    await asked(database, ACME, ["Ada"])
    await asked(database, GLOBEX, ["Bob"])
    async with doing(engine, WorkKind("greeting", nothing)):
        await until(database, STATES, 1, "FINISHED")
        assert await database.pool.fetchval("SELECT state FROM run WHERE org_id = $1", ACME) == "WAITING"
        await database.pool.execute("UPDATE organisation SET suspended_at = NULL")
        await until(database, STATES, 2, "FINISHED")


@pytest.mark.usefixtures("organisations")
async def test_what_need_not_be_kept_is_deleted(database: Database, engine: Engine) -> None:
    """And may be asked for again."""
    async with doing(engine, WorkKind("greeting", nothing, keeps=False)):
        for _ in range(3):
            assert await asked(database, ACME, ["Ada"]) == 1
            await until(database, "SELECT count(*) = 0 FROM run")


@pytest.mark.usefixtures("organisations")
async def test_work_is_done_when_it_is_due(database: Database, engine: Engine) -> None:
    """Not before, and what is due sooner comes first, although it was asked for later."""
    order: list[tuple[str, bool]] = []

    async def noted(run: LeasedRun) -> None:
        async with database.acquire() as connection:
            due = "SELECT created_at + make_interval(secs => $2) <= clock_timestamp() FROM run WHERE id = $1"
            order.append((run.key, await connection.fetchval(due, run.id, run.given["seconds"])))

    now = utc_now()
    async with database.transaction(60) as connection:
        for name, seconds in (("last", 0.4), ("first", 0.2)):
            due_at = now + timedelta(seconds=seconds)
            await ask(connection, ACME, [WorkAsked("noted", "tests", name, {"seconds": seconds - 0.1}, due_at)])
    async with doing(engine, WorkKind("noted", noted)):
        await until(database, STATES, 2, "FINISHED")
    assert order == [("first", True), ("last", True)]


@pytest.mark.usefixtures("organisations")
async def test_the_database_loses_its_connections(database: Database, engine: Engine) -> None:
    """Again and again while work is done: it goes on, and what was written is written once."""
    async with greetings(database):
        async with doing(engine, GREETING), doing(engine, GREETING):
            for turn in range(5):
                await asked(database, ACME, [f"{turn} {nth}" for nth in range(40)])
                await database.pool.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'dealboard' AND pid <> pg_backend_pid() AND query LIKE '%run%'"
                )
            # The lease of a statement whose answer was lost would end after thirty seconds.
            await database.pool.execute("UPDATE run SET due_at = now() WHERE state = 'RUNNING'")
            await database.pool.execute("UPDATE lane SET next_due = now(), changes = changes + 1")
            await until(database, STATES, 200, "FINISHED")
        names = await database.pool.fetch("SELECT name FROM greeted")
    assert len(names) == len({row["name"] for row in names}) == 200
