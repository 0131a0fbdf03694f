"""For who watches over the process: /healthz says that it is alive, /readyz that requests may be sent to it."""

import asyncio

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models.database import UNREACHABLE, Database
from models.migrate import is_current
from schema.engine import Engine
from server.service import Service

PATIENCE = 3.0
"""Seconds in which the database must answer."""


def health_routes(service: Service, database: Database) -> list[Route]:
    """The two addresses. They need no token, and tell no more than what works."""

    async def healthz(_: Request) -> Response:
        return _answer({"alive": True})

    async def readyz(_: Request) -> Response:
        answers, current = False, False
        try:
            async with asyncio.timeout(PATIENCE):
                answers = await database.pool.fetchval("SELECT true")
                current = await is_current(database.url)
        except (*UNREACHABLE, TimeoutError):
            """Whatever was not found out is not ready."""
        engine = getattr(service, "engine", None)
        return _answer(
            {
                "database": answers,
                "migrations": current,
                "wakeups": isinstance(engine, Engine) and engine.feed.wakeups.connected,
                "serving": not service.connections.leaving,
            }
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _answer(found: dict[str, bool]) -> Response:
    status = 200 if all(found.values()) else 503
    return Response(orjson.dumps(found), status, {"cache-control": "no-store"}, "application/json")
