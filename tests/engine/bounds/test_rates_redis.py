"""Rates over Redis: processes share the buckets, never wait for it, and go on without it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from bench.redis_server import RedisServer, redis_server
from engine.bounds import rates_redis
from engine.bounds.rates import Rates
from engine.bounds.rates_redis import RedisRates, sharing
from engine.caller import Caller
from engine.errors import RequestError
from models import Role

LIMIT = 6_000


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for the tests of this file."""
    with redis_server() as server:
        yield server


@pytest.fixture
def ann() -> Caller:
    """A member of an organisation without a bucket."""
    return Caller(uuid4().hex, "ann", Role.ADMIN)


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 (Redis is another process)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def processes(url: str, count: int = 2) -> AsyncIterator[list[Rates]]:
    """The rates of so many processes, all connected."""
    async with AsyncExitStack() as stack:
        found = [Rates(LIMIT, LIMIT) for _ in range(count)]
        for rates in found:
            await stack.enter_async_context(sharing(rates, url))
        await until(lambda: all(rates.spent for rates in found))
        yield found


def remaining(rates: Rates, caller: Caller) -> int:
    return int(rates.left(caller)["member"]["remaining"])


def granted(rates: Rates, caller: Caller, cost: int) -> bool:
    try:
        rates.charge(caller, cost)
    except RequestError:
        return False
    return True


def wait(rates: Rates, caller: Caller, cost: int) -> int:
    """The seconds to wait with which an operation is refused."""
    with pytest.raises(RequestError) as refused:
        rates.charge(caller, cost)
    seconds: int = (refused.value.errors[0].extensions or {})["retryAfter"]
    return seconds


async def test_what_one_process_grants_another_counts(redis: RedisServer, ann: Caller) -> None:
    """Ten processes together grant what one would, and what they grant before they hear of each other is owed."""
    clock = asyncio.get_running_loop().time
    async with processes(redis.url, 10) as every:
        started, total = clock(), 0
        for turn in range(200):
            total += sum(100 for rates in every if granted(rates, ann, 100))
            if turn % 10 == 0:
                await asyncio.sleep(0.05)
        # Ten turns are 10,000 units, of which the processes hear in one or two rounds. Alone they would grant 60,000.
        assert LIMIT <= total <= 25_000
        for rates in every:
            await until(lambda rates=rates: abs(total - used(rates, ann, clock() - started)) < 200)  # type: ignore[misc]
            assert not granted(rates, ann, 1_000)


def used(rates: Rates, caller: Caller, elapsed: float) -> float:
    """The units that were used since the bucket was full, as a process knows."""
    return (wait(rates, caller, LIMIT) + elapsed) * LIMIT / 60


async def test_an_overdraft_is_paid_back(redis: RedisServer, ann: Caller) -> None:
    """What two processes granted at the same moment is owed, and both wait for it."""
    async with processes(redis.url) as (one, other):
        assert granted(one, ann, LIMIT)
        assert granted(other, ann, LIMIT)
        for rates in (one, other):
            await until(lambda rates=rates: wait(rates, ann, LIMIT) > 60)  # type: ignore[misc]
            assert 110 <= wait(rates, ann, LIMIT) <= 120


async def test_a_new_process_learns_of_it_at_its_first_grant(redis: RedisServer, ann: Caller) -> None:
    """The first operation is granted without waiting for Redis, and the next ones are not."""
    async with processes(redis.url, 1) as (one,):
        assert granted(one, ann, LIMIT)
        await until(lambda: len(one.limited[0].buckets) == 1)
        async with processes(redis.url, 1) as (other,):
            await asyncio.wait_for(settled(one, ann), 20)
            assert granted(other, ann, 10)
            await until(lambda: remaining(other, ann) < 100)
            assert not granted(other, ann, 1_000)


async def settled(rates: Rates, caller: Caller) -> None:
    """Wait until what was spent is in Redis: a full bucket of another member goes the same way, later."""
    marker = Caller(caller.organisation + "'s marker", "ann", Role.ADMIN)
    bucket = None
    rates.charge(marker, 1)
    at = rates.limited[0].buckets[marker.organisation].at
    while bucket is None or bucket.at == at:
        bucket = rates.limited[0].buckets[marker.organisation]
        await asyncio.sleep(0.005)


async def test_without_redis_each_process_counts_for_itself(
    redis: RedisServer, ann: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing fails or waits while Redis is down, it is logged once, and afterwards the processes share again."""
    caplog.set_level(logging.INFO, "dealboard.rates")
    async with processes(redis.url) as (one, other):
        redis.stop()
        assert granted(one, ann, 2_000)
        assert granted(other, ann, 10)  # each notices when it next settles
        await until(lambda: not one.spent and not other.spent)
        assert granted(one, ann, 2_000)
        assert not granted(one, ann, 4_000)
        assert granted(other, ann, 1_000)
        redis.start()
        await until(lambda: bool(one.spent and other.spent))
        assert granted(other, ann, 1)
        await until(lambda: remaining(other, ann) < 4_000)  # the least that anyone knows
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2, warnings
    assert all(text.startswith("rate limits are not shared") for text in warnings)
    assert [record.message for record in caplog.records if record.levelno == logging.INFO] == [
        "rate limits are shared again"
    ] * 2


async def test_a_process_starts_without_redis(
    ann: Caller, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts for itself, tries again and again, and says so once."""
    monkeypatch.setattr(rates_redis, "PAUSE", 0.01)
    tries: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(1)
        writer.close()

    rates = Rates(LIMIT, LIMIT)
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with sharing(rates, f"redis://127.0.0.1:{port}"):
            await until(lambda: len(tries) > 3)
            assert granted(rates, ann, LIMIT)
            assert not granted(rates, ann, 1_000)
    assert rates.spent is None
    assert len(caplog.records) == 1


class LateRedis:
    """A connection that answers its first script after `meanwhile`, and no other."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self.answered = 0

    async def connect(self) -> None:
        """Nothing has to be reached."""

    async def disconnect(self, nowait: bool) -> None:
        """Nothing was reached."""

    async def send_command(self, *words: object) -> None:
        """Take the script."""

    async def read_response(self) -> list[bytes]:
        """What is left of the bucket of the organisation and of the member."""
        self.answered += 1
        if self.answered > 1:
            await asyncio.Event().wait()
        self.meanwhile()
        return [b"5000", b"5000"]


async def test_what_is_spent_before_redis_answers_counts(ann: Caller) -> None:
    """The answer does not know of it yet."""
    rates = Rates(LIMIT, LIMIT, clock=lambda: 0.0)
    redis = RedisRates(rates, "redis://127.0.0.1:1")
    connection = LateRedis(lambda: rates.charge(ann, 100))
    redis.pool = SimpleNamespace(make_connection=lambda: connection)
    task = asyncio.create_task(redis.run())
    await until(lambda: rates.spent is not None)
    rates.charge(ann, 500)
    await until(lambda: connection.answered == 2)
    assert remaining(rates, ann) == 4_900
    task.cancel()


async def test_redis_keeps_nothing_of_full_buckets_and_no_names(redis: RedisServer, ann: Caller) -> None:
    """Each key expires when its bucket is full again, and does not hold the subject of a token."""
    async with processes(redis.url, 1) as (one,), Redis.from_url(redis.url) as client:
        await client.flushall()
        assert granted(one, ann, 100)
        await asyncio.wait_for(settled(one, ann), 20)
        keys = await client.keys("*")
        assert len(keys) == 4
        assert all(key.startswith(b"dealboard:rate:") and b"ann" not in key for key in keys)
        lives = sorted([await client.pttl(key) for key in keys])
        assert 0 < lives[0] <= lives[-1] <= 2_000


@pytest.mark.parametrize("url", [None, "postgresql://127.0.0.1:1/db"])
async def test_only_redis_shares(url: str | None) -> None:
    """Without Redis nothing is started."""
    rates = Rates(LIMIT, LIMIT)
    before = asyncio.all_tasks()
    async with sharing(rates, url):
        assert asyncio.all_tasks() == before
