"""One member's slow queries take their share of the pool and no more: others are answered meanwhile."""

import asyncio

from httpx2 import ASGITransport, AsyncClient

from models.database import Database
from server.app import create_app
from tests.support.servers.stand_in import bearer, settings

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
SLOW = {"query": "{ pipelines { id } }"}
QUICK = {"query": "{ cursor }"}
CHANGE = {"query": 'mutation { createCustomer(input: {name: "Acme"}) { customer { name } userErrors { code } } }'}
REFUSED = 'dealboard_bounds_hit_total{bound="read_share"}'


async def test_others_are_answered_while_one_member_asks_for_too_much(database: Database) -> None:
    """Of thirty slow queries four run, and 26 are refused with 429; colleagues, strangers and changes do not wait."""
    app = create_app(settings(pool_size=10, share_wait=0.1, overdue_interval=0, metrics_token="m" * 32), database)
    ann, ben = bearer(sub="ann", role="admin"), bearer(sub="ben")
    stranger = bearer(sub="eva", org_id="strangers", role="admin")
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://api.example") as client,
        asyncio.timeout(60),
    ):
        for headers in (ann, ben, stranger):
            assert (await client.post("/graphql", json=QUICK, headers=headers)).status_code == 200
        async with database.acquire() as holder, holder.transaction():
            await holder.execute("LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(client.post("/graphql", json=SLOW, headers=ann)) for _ in range(30)]
            finished = asyncio.as_completed(asked)
            refused = [await next(finished) for _ in range(26)]
            assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
            assert await database.pool.fetchval(WAITING) == 4
            for headers in (ben, stranger):
                assert (await client.post("/graphql", json=QUICK, headers=headers)).json()["data"]["cursor"]
            changed = await client.post("/graphql", json=CHANGE, headers=stranger)
            assert changed.json()["data"]["createCustomer"] == {"customer": {"name": "Acme"}, "userErrors": []}
        (error,) = refused[0].json()["errors"]
        assert error["extensions"] == {"code": "RATE_LIMITED"}
        assert error["message"].startswith("You have 4 operations running")
        assert [(await last).json() for last in finished] == [{"data": {"pipelines": []}}] * 4
        assert f"{REFUSED} 26.0" in (await client.get("/metrics", headers={"authorization": f"Bearer {'m' * 32}"})).text
