"""Webhooks: how they are checked when they are changed, and the sending beside requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from engine.documents import Documents
from engine.engine import Engine
from engine.operations import NO_VARIABLES
from engine.outgoing.http import GuardedHttp, look_up
from engine.outgoing.outlet import Outlet
from engine.plan_cache import Plans
from resolvers.reactions.webhooks.attempts import Attempted
from resolvers.reactions.webhooks.delivering import delivering
from server.settings import Settings


def make_outlet(settings: Settings, documents: Documents, plans: Plans) -> Outlet:
    """How changes check and seal what is sent to other servers."""

    def check(text: str) -> None:
        plans.cost(documents.prepare(text), NO_VARIABLES)

    resolve = partial(look_up, guard=settings.guard)
    return Outlet(settings.guard, settings.sealer, resolve, check, mail=settings.mail is not None)


@asynccontextmanager
async def sending_webhooks(settings: Settings, engine: Engine, attempted: Attempted) -> AsyncIterator[None]:
    """Send to webhooks in the background, unless the settings leave it to other servers."""
    async with (
        GuardedHttp.open(settings.guard, deadline=settings.outgoing_timeout) as http,
        delivering(engine, http, settings.sealer, settings.webhook_interval, attempted),
    ):
        yield
