"""Rates that several processes share over Redis.

Each process decides by its own copy of a bucket, so that no operation waits for Redis. What it takes is settled behind
it: the buckets that were taken from are sent to Redis together, and what Redis answers becomes the copy. A bucket may
owe: what processes grant between two rounds, without knowing of each other, is paid back by waiting longer.

Without Redis each process goes on with its own copies. When Redis is back, a bucket holds the least that anyone knows.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.bounds.rates import Rate, Rates

log = logging.getLogger("dealboard.rates")

GATHERING = 0.02
"""Seconds between two rounds. What is spent in between is settled together; the first one never waits."""

PATIENCE = 2.0
"""Seconds in which Redis has to answer."""

PAUSE = 1.0
"""Most seconds before it is tried again, minus a random part, so that processes do not reconnect at once."""

PER_ROUND = 200
"""Buckets that are settled by one script, during which Redis does nothing else."""

SETTLE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local levels = {}
for i, key in ipairs(KEYS) do
  local limit, most, spent = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local level = limit
  local kept = redis.call('GET', key)
  if kept then
    local left, at = string.match(kept, '(%S+) (%S+)')
    level = left + (now - at) * limit / 60
  end
  level = math.min(level, limit, most) - spent
  local full = math.ceil((limit - level) * 60000 / limit) + 1000
  redis.call('SET', key, string.format('%.6f %.6f', level, now), 'PX', full)
  levels[i] = string.format('%.6f', level)
end
return levels
"""
"""For each bucket: refill it, lower it to `most`, take what was spent, and keep it until it is full again."""

Key = tuple[Rate, Hashable]
Line = tuple[Rate, Hashable, float, float]
"""A bucket, the most that it may hold, and what was spent of it."""


class RedisRates:
    """Settles what a process spends with the Redis at `url`."""

    def __init__(self, rates: Rates, url: str) -> None:
        self.rates = rates
        self.pool: Any = ConnectionPool.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=PATIENCE, socket_keepalive=True
        )
        self.unsettled: dict[Key, float] = {}
        self.due = asyncio.Event()
        self.away = False

    def spend(self, rate: Rate, spender: Hashable, cost: int) -> None:
        """Remember what was spent for the next round."""
        key = (rate, spender)
        self.unsettled[key] = self.unsettled.get(key, 0) + cost
        self.due.set()

    async def run(self) -> None:
        """Settle for as long as Redis answers, then try again; until cancelled."""
        while True:
            connection = self.pool.make_connection()
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.connect()
                await self._share(connection)
            except Exception as failure:
                if not self.away:
                    log.warning(
                        "rate limits are not shared, each process counts for itself until Redis answers: %s: %s",
                        type(failure).__name__,
                        failure,
                    )
                self.away = True
            finally:
                self.rates.spent = None
                with suppress(Exception):
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1))

    async def _share(self, connection: Any) -> None:
        now = self.rates.clock()
        known: list[Line] = []
        for rate in self.rates.limited:
            for spender, bucket in rate.buckets.items():
                rate.refill(bucket, now)
                if bucket.level < rate.limit:
                    known.append((rate, spender, bucket.level, 0.0))
        self.unsettled = {}
        self.rates.spent = self.spend
        await self._settle(connection, known)
        if self.away:
            log.info("rate limits are shared again")
        self.away = False
        while True:
            await self.due.wait()
            self.due.clear()
            spent, self.unsettled = self.unsettled, {}
            await self._settle(connection, [(*key, key[0].limit, units) for key, units in spent.items()])
            await asyncio.sleep(GATHERING)

    async def _settle(self, connection: Any, lines: Sequence[Line]) -> None:
        for first in range(0, len(lines), PER_ROUND):
            some = lines[first : first + PER_ROUND]
            names = [_name(rate, spender) for rate, spender, _, _ in some]
            values = [value for rate, _, most, spent in some for value in (rate.limit, repr(most), repr(spent))]
            async with asyncio.timeout(PATIENCE):
                await connection.send_command("EVAL", SETTLE, len(names), *names, *values)
                levels = await connection.read_response()
            now = self.rates.clock()
            for (rate, spender, _, _), level in zip(some, levels, strict=True):
                bucket = rate.buckets.get(spender)
                if bucket is not None:
                    bucket.level = float(level) - self.unsettled.get((rate, spender), 0)
                    bucket.at = now


@asynccontextmanager
async def sharing(rates: Rates, url: str | None) -> AsyncIterator[None]:
    """Share the rates with the other processes while the block runs, if `url` is one of Redis and there is a limit."""
    if url is None or not url.startswith("redis") or not rates.limited:
        yield
        return
    task = asyncio.create_task(RedisRates(rates, url).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _name(rate: Rate, spender: Hashable) -> str:
    """The key in Redis, of one length and without the subject of anyone's tokens."""
    return f"dealboard:rate:{rate.kind}:{blake2b(repr(spender).encode(), digest_size=16).hexdigest()}"
