"""Clients of the whole application, over the real engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from httpx2 import ASGITransport, AsyncClient

from models.database import Database
from server.app import create_app
from tests.support.servers.stand_in import bearer, settings


@asynccontextmanager
async def asking(database: Database, **given: Any) -> AsyncIterator[AsyncClient]:
    """A client of the application with these settings."""
    app = create_app(settings(**given), database)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(
            transport=ASGITransport(app), base_url="http://api.example", headers=bearer(role="admin")
        ) as client,
    ):
        yield client
