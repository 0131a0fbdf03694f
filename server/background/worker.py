"""`dealboard work`: a process that does what runs beside requests, and serves none. Any number of them can run."""

import asyncio
import signal
from collections.abc import Callable

from engine.domain import Domain
from resolvers.domain import CRM
from server.app import start_engine
from server.background.probes import answering_probes, probe_listener
from server.background.settings import BackgroundSettings
from server.observe.logs import configure
from server.observe.metrics import Metrics
from server.outgoing import OutgoingSettings
from server.process.runtime import connect, open_migrated
from server.settings import Settings

INTERVALS = {
    name: field.default
    for settings in (BackgroundSettings, OutgoingSettings)
    for name, field in settings.model_fields.items()
    if name.endswith("_interval")
}
"""The defaults of the intervals, whose 0 leaves the work to other processes."""


async def work(settings: Settings, announce: Callable[[str | None], None], domain: Domain = CRM) -> None:
    """Work until a signal comes; then no batch is begun, and those at hand are finished or taken back.

    Intervals of 0, which leave the work to others, count as their defaults. `announce` gets the address of the probes,
    if there is one. Raises `WrongSettings`.
    """
    configure(settings)
    chosen = settings.model_copy(
        update={name: default for name, default in INTERVALS.items() if not getattr(settings, name)}
    )
    metrics, stop = Metrics(), asyncio.Event()
    loop = asyncio.get_running_loop()
    with probe_listener(settings) as listener:
        async with open_migrated(settings) as url, connect(settings, url, metrics) as database:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            async with (
                start_engine(chosen, database, metrics, domain=domain) as engine,
                answering_probes(settings, listener, engine, metrics, stop.is_set) as address,
            ):
                announce(address)
                await stop.wait()
