"""`dealboard work`: a process that does what runs beside requests, and serves none. Any number of them can run."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from engine.background.leased.kinds import WorkKind
from engine.background.leased.takers import taking
from engine.domain import Domain
from engine.live.feed import Feed
from models.database import Database
from resolvers.domain import CRM
from server.app import start_engine
from server.background.beside_requests import make_wakeups
from server.background.probes import answering_probes, probe_listener
from server.background.settings import BackgroundSettings
from server.observe.logs import configure
from server.observe.metrics import Metrics
from server.outgoing import OutgoingSettings
from server.process.runtime import connect, open_migrated
from server.settings import Settings, WrongSettings

INTERVALS = {
    name: field.default
    for settings in (BackgroundSettings, OutgoingSettings)
    for name, field in settings.model_fields.items()
    if name.endswith("_interval")
}
"""The defaults of the intervals, whose 0 leaves the work to other processes."""


async def work(
    settings: Settings,
    announce: Callable[[str | None], None],
    domain: Domain = CRM,
    kinds: Collection[str] | None = None,
) -> None:
    """Work until a signal comes; then nothing is begun, and what is at hand is finished, taken back or given back.

    With `kinds`, only the runs of these kinds of work are worked on.
    Intervals of 0, which leave the work to others, count as their defaults. `announce` gets the address of the probes,
    if there is one. Raises `WrongSettings`.
    """
    configure(settings)
    wanted = [kind for kind in domain.kinds if kinds is None or kind.name in kinds]
    if unknown := set(kinds or ()) - {kind.name for kind in wanted}:
        known = ", ".join(sorted(kind.name for kind in domain.kinds)) or "there is none in this version"
        raise WrongSettings(f"--kinds: there is no kind of work {min(unknown)!r}. Name some of: {known}.")
    chosen = settings.model_copy(
        update={name: default for name, default in INTERVALS.items() if not getattr(settings, name)}
    )
    metrics, stop = Metrics(), asyncio.Event()
    loop = asyncio.get_running_loop()
    with probe_listener(settings) as listener:
        async with open_migrated(settings) as url, connect(settings, url, metrics) as database:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            doing = working_on(chosen, database, metrics, domain, wanted if kinds else None)
            # The probes answer until everything else has stopped.
            async with AsyncExitStack() as probed, doing as feed:
                probes = answering_probes(settings, listener, feed, metrics, stop.is_set)
                announce(await probed.enter_async_context(probes))
                await stop.wait()


@asynccontextmanager
async def working_on(
    settings: Settings, database: Database, metrics: Metrics, domain: Domain, kinds: Collection[WorkKind] | None
) -> AsyncIterator[Feed]:
    """Do everything in the background, or only work of these kinds; yields what hears of new events."""
    if kinds is None:
        async with start_engine(settings, database, metrics, domain=domain) as engine:
            yield engine.feed
        return
    wakeups = make_wakeups(settings.events_url or database.url)
    async with (
        Feed.open(database, domain, settings.event_poll_seconds, wakeups) as feed,
        taking(database, kinds, feed, settings.run_interval, *metrics.leased),
    ):
        yield feed
