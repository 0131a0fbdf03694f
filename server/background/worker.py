"""`dealboard work`: a process that does what runs beside requests, and serves none. Any number of them can run."""

import asyncio
import signal
from collections.abc import Callable

from engine.domain import Domain
from engine.live.feed import Feed
from resolvers.domain import CRM
from server.background.beside_requests import beside_requests, make_wakeups
from server.background.settings import INTERVALS
from server.observe.logs import configure
from server.process.runtime import connect, open_migrated
from server.settings import Settings


async def work(settings: Settings, announce: Callable[[], None], domain: Domain = CRM) -> None:
    """Work until a signal comes; then no batch is begun, and those at hand are finished or taken back.

    Intervals of 0, which leave the work to others, count as their defaults. Raises `WrongSettings`.
    """
    configure(settings)
    chosen = settings.model_copy(
        update={name: default for name, default in INTERVALS.items() if not getattr(settings, name)}
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with open_migrated(settings) as url, connect(settings, url) as database:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        wakeups = make_wakeups(settings.events_url or url)
        async with (
            Feed.open(database, domain, settings.event_poll_seconds, wakeups) as feed,
            beside_requests(chosen, database, feed),
        ):
            announce()
            await stop.wait()
