"""Addresses for operators.

/healthz (/livez of `dealboard work`) reports that the process is alive, /readyz whether it can do its work, and
/metrics its figures.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.engine import Engine
from engine.errors import Code, encode_errors, error
from models.database import UNREACHABLE, Database
from models.migrate import is_current
from server.auth.loopback import comes_from_here
from server.observe.metrics import Metrics
from server.settings import Settings
from server.transport.refusals import NotAllowed, NotAuthenticated
from server.transport.service import Service

log = logging.getLogger("dealboard.health")

PATIENCE = 3.0
"""Seconds in which the database must answer."""


@dataclass
class Probe:
    """Whether the database answers and its tables are current. Concurrent requests share one check.

    It opens no connection of its own. A check that gets no answer in time goes on, and the next request waits for the
    same one: neither a database that hangs nor a pool that is exhausted is asked for more and more connections.
    """

    database: Database
    asking: asyncio.Task[tuple[bool, bool]] | None = None

    async def answers(self) -> tuple[bool, bool]:
        """Both, and False for both when there is no answer in time."""
        if self.asking is None or self.asking.done():
            self.asking = asyncio.create_task(self._ask())
        await asyncio.wait([self.asking], timeout=PATIENCE)
        return self.asking.result() if self.asking.done() else (False, False)

    async def _ask(self) -> tuple[bool, bool]:
        try:
            async with self.database.acquire() as connection:
                return True, await is_current(connection)
        except (*UNREACHABLE, asyncpg.PostgresError) as failure:
            log.warning("the database is not ready: %s: %s", type(failure).__name__, failure)
            return False, False


def health_routes(alive: str, database: Database, works: Callable[[], Mapping[str, bool]]) -> list[Route]:
    """The address that says that the process is `alive`, and /readyz, which also reports what else `works`. They need
    no token, and report only that."""
    probe = Probe(database)

    async def answer_alive(_: Request) -> Response:
        return _answer({"alive": True})

    async def readyz(_: Request) -> Response:
        answers, current = await probe.answers()
        return _answer({"database": answers, "migrations": current, **works()})

    return [Route(alive, answer_alive), Route("/readyz", readyz)]


def works_at(service: Service) -> Mapping[str, bool]:
    """What a server needs besides its database."""
    engine = getattr(service, "engine", None)
    return {
        "wakeups": isinstance(engine, Engine) and engine.feed.wakeups.connected,
        "serving": not service.connections.leaving,
    }


def look_at(service: Service, database: Database) -> None:
    """Update the gauges of /metrics."""
    engine = getattr(service, "engine", None)
    feed = engine.feed if isinstance(engine, Engine) else None
    service.calls.metrics.look(database, len(service.connections), feed)


def metrics_route(settings: Settings, figures: Metrics, look: Callable[[], None]) -> Route:
    """The address of the metrics. It requires the token of the settings; without one, it answers only this machine; and
    nobody where metrics are switched off."""
    token = settings.metrics_token
    wanted = f"Bearer {token}".encode()

    async def metrics(request: Request) -> Response:
        if not settings.metrics:
            off = error(Code.BAD_REQUEST, "Metrics are switched off on this server (setting DEALBOARD_METRICS).")
            return Response(encode_errors([off]), 404, media_type="application/json")
        given = request.headers.get("authorization", "").encode()
        if token is not None and not compare_digest(given, wanted):
            refused = NotAuthenticated("Send `Authorization: Bearer …` with the setting DEALBOARD_METRICS_TOKEN.")
            return Response(refused.body, 401, {"www-authenticate": "Bearer"}, "application/json")
        if token is None and not comes_from_here(request):
            refused_here = NotAllowed(
                "Without a token, metrics are only for the machine itself. Ask from there, or set"
                " DEALBOARD_METRICS_TOKEN and send it as `Authorization: Bearer …`."
            )
            return Response(refused_here.body, 403, media_type="application/json")
        look()
        text, media = await figures.text()
        return Response(text, 200, {"cache-control": "no-store"}, media)

    return Route("/metrics", metrics)


def _answer(found: dict[str, bool]) -> Response:
    status = 200 if all(found.values()) else 503
    return Response(orjson.dumps(found), status, {"cache-control": "no-store"}, "application/json")
