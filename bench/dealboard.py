"""Dealboard itself, as it is served."""

from datetime import timedelta
from typing import Any

from bench.server import POOL
from models.database import Database
from models.rules.roles import Role
from server.app import create_app as create_dealboard
from server.process.runtime import make_token
from server.settings import Settings, load_settings

SETTINGS = load_settings(
    jwt_secret="not a secret, as nothing but made-up data is behind it",
    pool_size=POOL,
    organisation_share=1,  # the one member of a measurement stands for many
    member_share=1,
    organisation_rate=0,
    member_rate=0,
    overdue_interval=0,  # which of the generated tasks are overdue depends on the day
)


def token(organisation: str) -> str:
    """A token of the first member, an admin."""
    return make_token(
        SETTINGS, organisation=organisation, subject="member-0", role=Role.ADMIN, lifetime=timedelta(days=1)
    )


def create_app(url: str) -> Any:
    """The application of server.app, with a database that is opened at startup."""
    return Opened(url, SETTINGS)


class Opened:
    """Opens the database within the lifespan of the application: uvicorn's loop has to own the connections."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        self.settings = settings
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the call on to the application."""
        if scope["type"] == "lifespan":
            async with Database.open(self.url, min_size=POOL, max_size=POOL) as database:
                self.app = create_dealboard(self.settings, database)
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)
