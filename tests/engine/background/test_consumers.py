"""Consumers of the event log: each event is handled once and in order, whatever fails or is killed between."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from engine.background import consumers as consuming
from engine.background.consumers import Consumer, Progress, consume, start
from engine.background.positions import NoSuchConsumer, NotInLog, positions, replay
from engine.live import retention
from engine.live.retention import prune
from models import organisation_id
from models.database import Connection, Database, Row
from models.tables.base import utc_now
from resolvers.changes.organisation.access import resume, suspend
from resolvers.changes.pruned_events import PRUNE
from tests.support.consuming import RECORDING, add_events, add_organisation, handled, recorded_events

ACME = organisation_id("acme")
POSITION = "SELECT position FROM consumer WHERE org_id = $1"


async def nobody(_: UUID) -> None:
    """Wake nobody."""


@pytest.fixture
async def acme(database: Database) -> AsyncIterator[Database]:
    """An organisation of yesterday whose log holds three events, and its consumer, which starts after them."""
    async with recorded_events(database):
        await add_organisation(database, "acme", ACME)
        await add_events(database, ACME, 3)
        await start(database, ACME, "recording")
        yield database


async def once(database: Database, consumer: Consumer = RECORDING) -> Progress:
    """Make the next batch."""
    return await consume(database, consumer, ACME, nobody)


def failing_at(number: int) -> Consumer:
    """A consumer that fails at one event, after it has written."""

    async def make(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        await RECORDING.make(connection, org_id, events)
        if any(event["number"] == number for event in events):
            raise ValueError("a value of a customer")
        return False

    return Consumer("recording", make)


async def test_old_events_are_left_alone_and_new_ones_come_in_order(acme: Database) -> None:
    """A consumer that is new to an organisation starts at the end of its log, and goes on batch by batch."""
    await add_events(acme, ACME, 1100)
    assert [await once(acme) for _ in range(4)] == [
        Progress.MORE,
        Progress.MORE,
        Progress.CAUGHT_UP,
        Progress.CAUGHT_UP,
    ]
    assert await handled(acme, ACME) == list(range(4, 1104))
    assert await acme.pool.fetchval(POSITION, ACME) == 1103


async def test_a_young_organisation_is_handled_from_its_first_event(database: Database) -> None:
    """Its consumers are created after its first changes, which count."""
    async with recorded_events(database):
        await add_organisation(database, "acme", ACME, "9 minutes")
        await add_events(database, ACME, 2)
        await start(database, ACME, "recording")
        await start(database, ACME, "recording")
        await once(database)
        assert await handled(database, ACME) == [1, 2]


async def test_an_event_has_all_its_columns(acme: Database) -> None:
    """Consumers decide by whatever an event holds."""
    seen: list[Row] = []

    async def look(_: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        assert org_id == ACME
        seen.extend(events)
        return False

    await add_events(acme, ACME, 1)
    await once(acme, Consumer("recording", look))
    stored = await acme.pool.fetchrow("SELECT * FROM event WHERE number = 4")
    assert {name: seen[0][name] for name in dict(stored)} == dict(stored)


async def test_many_at_once_handle_each_event_once(acme: Database) -> None:
    """Who finds the row locked goes away; nobody waits."""
    await add_events(acme, ACME, 3000)
    while await acme.pool.fetchval(POSITION, ACME) < 3003:
        await asyncio.gather(*(once(acme) for _ in range(8)))
    assert await handled(acme, ACME) == list(range(4, 3004))


async def test_what_fails_takes_everything_back(acme: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then batches become smaller, until all before the event at fault is handled and only that one stands still."""
    monkeypatch.setattr(consuming, "FIRST_PAUSE", 0.0)
    await add_events(acme, ACME, 40)
    poisoned = failing_at(30)
    assert await once(acme, poisoned) is Progress.FAILED
    assert await handled(acme, ACME) == []
    for _ in range(60):
        await once(acme, poisoned)
    assert await handled(acme, ACME) == list(range(4, 30))
    found = (await positions(acme, ACME))[0]
    assert (found["position"], found["behind"], found["state"]) == (29, 14, "RUNNING")
    assert found["failures"] >= consuming.MANY_FAILURES
    assert found["error"] == "ValueError"
    while await once(acme) is not Progress.CAUGHT_UP:
        pass
    assert await handled(acme, ACME) == list(range(4, 44))
    assert (await positions(acme, ACME))[0]["failures"] == 0


async def test_pauses_grow_and_many_failures_are_logged(acme: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that failed is not taken before its pause is over, by whichever process."""
    await add_events(acme, ACME, 1)
    pauses = []
    for _ in range(12):
        assert await once(acme, failing_at(4)) is Progress.FAILED
        assert await once(acme) is Progress.NOT_TAKEN
        pauses.append(await acme.pool.fetchval("SELECT round(extract(epoch FROM retry_at - now()))::int FROM consumer"))
        await acme.pool.execute("UPDATE consumer SET retry_at = now() - interval '1 second'")
    assert pauses == [pytest.approx(min(2**nth, 300), abs=2) for nth in range(12)]
    assert [record.message for record in caplog.records if "stands still" in record.message] == [
        f"the consumer recording of the organisation {ACME} has failed 5 times in a row and stands still. It is tried"
        " again every 300 seconds, and nothing is left out. `dealboard consumers` shows the event and the error."
    ]


async def test_positions_of_a_suspended_organisation_stand(acme: Database) -> None:
    """They go on where they were when it is resumed."""
    await add_events(acme, ACME, 2)
    await suspend(acme, ACME)
    assert await once(acme) is Progress.NOT_TAKEN
    await resume(acme, ACME)
    assert await once(acme) is Progress.CAUGHT_UP
    assert await handled(acme, ACME) == [4, 5]


async def test_subscribers_are_woken_after_the_commit(acme: Database) -> None:
    """Only when the consumer says that it has written what they want to know of."""
    woken: list[int] = []

    async def wake(org_id: UUID) -> None:
        woken.append(await acme.pool.fetchval(POSITION, org_id))

    async def telling(_: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
        return len(events) == 1

    for count in (2, 1):
        await add_events(acme, ACME, count)
        await consume(acme, Consumer("recording", telling), ACME, wake)
    assert woken == [6]


async def test_a_position_is_set_back(acme: Database) -> None:
    """What follows is made again; a place outside of the log is refused."""
    await add_events(acme, ACME, 2)
    await once(acme)
    await replay(acme, ACME, "recording", 1)
    await once(acme)
    assert await handled(acme, ACME) == [4, 5, 2, 3, 4, 5]
    for wrong in (-1, 6):
        with pytest.raises(NotInLog) as refused:
            await replay(acme, ACME, "recording", wrong)
        assert (refused.value.bounds.tail, refused.value.bounds.head) == (1, 5)
    with pytest.raises(NoSuchConsumer):
        await replay(acme, ACME, "recordings", 1)
    assert await acme.pool.fetchval(POSITION, ACME) == 5


async def age(database: Database, last: int, days: int) -> None:
    """Make the events up to this number so many days old."""
    await database.pool.execute(
        "UPDATE event SET occurred_at = now() - make_interval(days => $2) WHERE number <= $1", last, days
    )


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruning goes on in batches of two events, without pauses."""
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "BETWEEN", 0)


@pytest.mark.usefixtures("small_batches")
async def test_nothing_is_pruned_that_was_not_read(acme: Database) -> None:
    """The log is kept from the slowest consumer on, and pruned once that has gone on."""
    tail = "SELECT tail FROM event_log WHERE org_id = $1"
    await add_events(acme, ACME, 5)
    await age(acme, 8, 100)
    before, limit = utc_now() - timedelta(days=90), utc_now() - timedelta(days=120)
    await prune(acme, before, PRUNE[True], limit)
    assert await acme.pool.fetchval(tail, ACME) == 4
    await once(acme)
    assert await handled(acme, ACME) == [4, 5, 6, 7, 8]
    await prune(acme, before, PRUNE[True], limit)
    assert await acme.pool.fetchval(tail, ACME) == 8


@pytest.mark.usefixtures("small_batches")
async def test_beyond_the_limit_a_consumer_expires_and_says_so(
    acme: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands still and skips nothing by itself; an operator lets it go on where the log begins."""
    await add_events(acme, ACME, 5)
    await age(acme, 6, 130)
    await prune(acme, utc_now() - timedelta(days=90), PRUNE[True], utc_now() - timedelta(days=120))
    messages = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert [message[:14] for message in messages] == ["CURSOR_EXPIRED"]
    assert await once(acme) is Progress.NOT_TAKEN
    found = (await positions(acme, None))[0]
    assert (found["key"], found["state"], found["position"]) == ("acme", "EXPIRED", 3)
    with pytest.raises(NotInLog):
        await replay(acme, ACME, "recording", 3)
    await replay(acme, ACME, "recording", 6)
    await once(acme)
    assert await handled(acme, ACME) == [7, 8]
    assert await positions(acme, None) == []


async def test_a_gap_is_never_passed_over(acme: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A position that was set back while events were pruned is noticed before anything is made of what is left."""
    await add_events(acme, ACME, 5)
    await acme.pool.execute("UPDATE event_log SET tail = 6 WHERE org_id = $1", ACME)
    assert await once(acme) is Progress.EXPIRED
    assert await handled(acme, ACME) == []
    assert await acme.pool.fetchval("SELECT state FROM consumer") == "EXPIRED"
    assert "--to 5" in caplog.records[-1].message
