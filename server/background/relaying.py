"""Running the relay: publishing the event log to the broker of the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from engine.background.behind import Report
from engine.background.dispatcher import dispatching
from engine.background.relay import relay
from engine.background.relay_nats import open_nats
from engine.live.feed import Feed
from models.database import Database
from resolvers.reactions.relayed import message
from server.background.settings import BackgroundSettings
from server.settings import WrongSettings


@asynccontextmanager
async def relaying(settings: BackgroundSettings, database: Database, feed: Feed, report: Report) -> AsyncIterator[None]:
    """Publish the event log to the broker of the settings, if there is one. Raises `WrongSettings` without the extra.

    It has a dispatcher of its own, so that no other consumer waits for a broker that hangs.
    """
    if settings.relay_url is None or settings.consumer_interval == 0:
        yield
        return
    if find_spec("nats") is None:
        raise WrongSettings("DEALBOARD_RELAY_URL: install its dependencies with `pip install dealboard[nats]`.")
    async with open_nats(settings.relay_url) as broker:
        consumers = (relay(broker, message),)
        async with dispatching(database, consumers, feed, settings.consumer_interval, report):
            yield
