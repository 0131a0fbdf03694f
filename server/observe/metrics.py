"""Metrics for Prometheus, at /metrics: what a process has done, and its current state.

With `--workers`, any worker answers for all of them: each writes its figures to files that the others can read, in the
folder that PROMETHEUS_MULTIPROC_DIR names (https://prometheus.github.io/client_python/multiprocess/). Gauges are then
updated every second.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from engine.live.feed import Feed
from engine.operations import OK
from engine.plan_cache import Watch
from models.database import Database, Row
from server.observe.consumers import ConsumerMetrics
from server.observe.leased_runs import LeasedRunMetrics
from server.observe.mails import MailMetrics
from server.observe.sending import attempts_of

SHARED = "PROMETHEUS_MULTIPROC_DIR"

EVERY = 1.0
"""Seconds between updates of the gauges, with several workers."""

MOST_NAMES = 200
"""Operations that are counted by name. Clients choose the names: a new one takes the place of the one that has not been
used for longest. Only operations that succeed have one; what fails under another name is counted as `other`."""

MOST_SHARED_NAMES = 2_000
"""The same with several workers, whose files keep every name for as long as they run: later ones are `other`."""

OTHERS = "other"

UNNAMED = ("none", "anonymous")
"""Names of what has none: refused before it was known, or sent without one."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The bounds of the buckets of durations."""

CHARACTERS = (1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000)
"""The bounds of the buckets of lengths."""


class Metrics:
    """The figures of this process."""

    def __init__(self) -> None:
        self.shared = os.environ.get(SHARED)
        self.registry = CollectorRegistry()
        if self.shared:
            MultiProcessCollector(self.registry, self.shared)  # type: ignore[no-untyped-call]
        own = None if self.shared else self.registry
        self.names: OrderedDict[str, None] = OrderedDict()
        self.counted: dict[tuple[str, str, str], tuple[Counter, Histogram | None]] = {}

        def gauge(name: str, text: str, mode: str = "livesum", labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"dealboard_{name}", text, labels, registry=own, multiprocess_mode=mode)  # type: ignore[arg-type]

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"dealboard_{name}", text, labels, registry=own)

        def histogram(
            name: str, text: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = SECONDS
        ) -> Histogram:
            return Histogram(f"dealboard_{name}", text, labels, registry=own, buckets=buckets)

        kinds = ("operation", "kind")
        self.operations = counter(
            "operations", "Operations that have ended, by the code of their first error, or OK.", (*kinds, "code")
        )
        self.durations = histogram("operation_seconds", "Time to answer a query or a mutation.", kinds)
        self.bounds = counter(
            "bounds_hit",
            "Operations that hit a bound, by the kind of work and the bound: its share, its timeout, the size of its"
            " answer, the line of large requests, or that its client disconnected; organisation_rate and member_rate:"
            " refused because the units of cost a minute were used up.",
            ("bound",),
        )
        self.statements = histogram(
            "statement_seconds", "Time of an SQL statement, including the way to PostgreSQL and back."
        )
        self.compiles = histogram("compile_seconds", "Time to compile an operation that is new to this process.")
        self.characters = histogram(
            "compiled_characters", "Characters of SQL of an operation; 0 when it was refused.", buckets=CHARACTERS
        )
        self.uncompiled = counter(
            "compile_refusals",
            "Operations that were refused before they were run, by bound: size, values, member or organisation.",
            ("bound",),
        )
        self.watch = Watch(self.compiled, lambda bound: self.uncompiled.labels(bound).inc())
        self.waits = histogram("pool_wait_seconds", "Time that an operation waited for a connection of the pool.")
        self.pool = gauge(
            "pool_connections", "Connections of the pool: idle, used, and the most there can be.", labels=("state",)
        )
        self.connections = gauge("connections", "Open sockets and streams.")
        self.cut = counter(
            "connections_cut",
            "Connections that were refused, or closed before a request was complete, by reason: address and total (too"
            " many connections), idle (made room for another), header_timeout, body_timeout, header_bytes, body_bytes,"
            " malformed, origin (a handshake of a foreign page), stopping.",
            ("reason",),
        )
        self.closed = counter("sockets_closed", "Sockets that the server closed, by close code.", ("code",))
        self.subscribers = gauge("subscribers", "Active subscriptions.")
        self.streams = gauge("streams", "Distinct subscriptions: each renders an event once for all its subscribers.")
        self.waiting = gauge("events_waiting", "Events in the queues of subscribers.")
        self.longest = gauge("events_waiting_longest", "Events in the longest queue of a subscriber.", "livemax")
        self.behind = gauge(
            "events_behind", "Events that the reader furthest behind has not read from its log.", "livemax"
        )
        self.deliveries = histogram(
            "event_delivery_seconds", "Time from an event to the queues of all its subscribers."
        )
        self.attempts, self.attempt_seconds, self.attempted = attempts_of(own)
        self.wakeups = gauge("wakeups_connected", "Whether wake-ups from other processes arrive: 1 or 0.", "livemin")
        self.reconnects = counter("wakeups_reconnects", "Reconnections of the line for wake-ups.")
        self.consumers = ConsumerMetrics(gauge, counter)
        self.lagged = self.consumers.lagged
        self.work = LeasedRunMetrics(gauge, counter)
        self.leased = self.work.observe, self.work.late
        self.mail = MailMetrics(gauge, counter, histogram)
        self._seen_reconnects = 0
        self.runs = gauge("runs", "Runs by the mutation that started them, and state.", "livemax", ("kind", "state"))
        self.oldest_run = gauge("runs_oldest_waiting_seconds", "Longest time without a batch of a run.", "livemax")
        self._run_counts: dict[tuple[str, str], int] = {}
        self.waited: Callable[[float], None] = self.waits.observe
        self.ran: Callable[[float], None] = self.statements.observe
        self.delivered: Callable[[float], None] = self.deliveries.observe

    def hit(self, bound: str) -> None:
        """Count an operation that hit a bound."""
        self.bounds.labels(bound).inc()

    def count_runs(self, found: Sequence[Row]) -> None:
        """Update the gauges of runs, from what `COUNTS` found."""
        self._run_counts = dict.fromkeys(self._run_counts, 0)
        self._run_counts |= {(row["kind"], row["state"]): row["runs"] for row in found}
        for labels, count in self._run_counts.items():
            self.runs.labels(*labels).set(count)
        self.oldest_run.set(max((row["seconds"] for row in found if row["state"] == "RUNNING"), default=0))

    def called(self, operation: str, kind: str, code: str, seconds: float) -> None:
        """Count an operation that has ended."""
        operation = self._counted(operation, succeeded=code == OK)
        key = operation, kind, code
        counted = self.counted.get(key)
        if counted is None:
            counted = self.counted[key] = self._series(*key)
        counted[0].inc()
        if counted[1] is not None:
            counted[1].observe(seconds)

    def compiled(self, seconds: float, characters: int) -> None:
        """Count an operation that was compiled, or was refused while it was."""
        self.compiles.observe(seconds)
        self.characters.observe(characters)

    def _series(self, operation: str, kind: str, code: str) -> tuple[Counter, Histogram | None]:
        timed = kind in ("query", "mutation")
        durations = self.durations.labels(operation, kind) if timed else None
        return self.operations.labels(operation, kind, code), durations

    def _counted(self, operation: str, succeeded: bool) -> str:
        """The name under which an operation is counted."""
        if operation in self.names:
            self.names.move_to_end(operation)
            return operation
        if operation in UNNAMED:
            return operation
        if not succeeded or (self.shared and len(self.names) >= MOST_SHARED_NAMES):
            return OTHERS
        if not self.shared and len(self.names) >= MOST_NAMES:
            oldest, _ = self.names.popitem(last=False)
            for metric in (self.operations, self.durations):
                metric.remove_by_labels({"operation": oldest})
            self.counted = {key: series for key, series in self.counted.items() if key[0] != oldest}
        self.names[operation] = None
        return operation

    def look(self, database: Database, connections: int, feed: Feed | None) -> None:
        """Update the gauges."""
        self.pool.labels("idle").set(idle := database.pool.get_idle_size() + len(database.spare.kept))
        self.pool.labels("used").set(database.pool.get_size() - idle)
        self.pool.labels("most").set(database.pool.get_max_size())
        self.connections.set(connections)
        if feed is None:
            return
        state = feed.state()
        self.subscribers.set(state.subscribers)
        self.streams.set(state.streams)
        self.waiting.set(state.waiting)
        self.longest.set(state.longest)
        self.behind.set(state.behind)
        self.wakeups.set(feed.wakeups.connected)
        self.reconnects.inc(feed.wakeups.reconnects - self._seen_reconnects)
        self._seen_reconnects = feed.wakeups.reconnects

    async def text(self) -> tuple[bytes, str]:
        """All figures and their media type. They are written in a thread: there can be thousands."""
        return await asyncio.to_thread(generate_latest, self.registry), CONTENT_TYPE_LATEST

    @asynccontextmanager
    async def looking(self, look: Callable[[], None]) -> AsyncIterator[None]:
        """With several workers, update the gauges every second, because any worker may answer."""
        task = asyncio.create_task(_every(EVERY, look)) if self.shared else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _every(seconds: float, look: Callable[[], None]) -> None:
    while True:
        look()
        await asyncio.sleep(seconds)
