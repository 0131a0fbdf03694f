"""Two servers on one database and one Redis: together they grant what the limit says, also while Redis is down."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from bench.redis_server import redis_server
from server.process.postgres import embedded
from tests.support.servers.served import Served, serving

LIMIT = 60


@contextmanager
def two(folder: Path, **settings: str) -> Iterator[list[Served]]:
    """Two servers, at each of which a member has 60 units a minute."""
    with ExitStack() as stack:
        url = stack.enter_context(embedded(folder / "shared"))
        given = {"DEALBOARD_DATABASE_URL": url, "DEALBOARD_MEMBER_RATE": str(LIMIT), **settings}
        yield [stack.enter_context(serving(folder / name, **given)) for name in ("one", "other")]


def statuses(servers: list[Served], requests: int) -> Counter[int]:
    """The statuses of so many requests, each for 1 unit, sent to the servers in turn."""
    found: Counter[int] = Counter()
    with httpx2.Client(timeout=20) as client:
        for nth in range(requests):
            server = servers[nth % len(servers)]
            answer = client.post(server.url, json={"query": "{ __typename }"}, headers=server.headers)
            found[answer.status_code] += 1
    return found


def test_servers_share_one_limit_over_redis(tmp_path: Path) -> None:
    """As much is granted as by one server, besides what is answered within two rounds of settling; and when Redis is
    killed, requests are answered as before."""
    with redis_server() as redis, two(tmp_path, DEALBOARD_EVENTS_URL=redis.url) as servers:
        began = time.monotonic()
        found = statuses(servers, 200)
        assert set(found) == {200, 429}
        assert LIMIT <= found[200] <= LIMIT + (time.monotonic() - began) * LIMIT / 60 + 30
        redis.stop()
        began = time.monotonic()
        found = statuses(servers, 50)
        assert set(found) <= {200, 429}
        assert found[200] <= 2 * (time.monotonic() - began) * LIMIT / 60 + 4


def test_without_redis_each_server_counts_for_itself(tmp_path: Path) -> None:
    """Two servers grant twice as much."""
    with two(tmp_path) as servers:
        found = statuses(servers, 200)
        assert set(found) == {200, 429}
        assert found[200] >= 2 * LIMIT
