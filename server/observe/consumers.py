"""Metrics of the consumers of the event log."""

from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge

from engine.background.behind import Lag


class ConsumerMetrics:
    """How far each consumer is behind, and whether it fails."""

    def __init__(self, gauge: Callable[..., Gauge], counter: Callable[..., Counter]) -> None:
        """Makes them with what the process makes its metrics with."""
        consumer = ("consumer",)
        self.consumer_events = gauge(
            "consumer_events_behind",
            "Events that a consumer of the event log has still to handle, in the organisation where they are most.",
            "livemax",
            consumer,
        )
        self.consumer_seconds = gauge(
            "consumer_seconds_behind",
            "Age of the oldest event that a consumer has still to handle.",
            "livemax",
            consumer,
        )
        self.consumers_failing = gauge(
            "consumers_failing",
            "Organisations in which a consumer has failed five times in a row or more.",
            "livemax",
            consumer,
        )
        self.consumers_expired = gauge(
            "consumers_expired",
            "Organisations in which a consumer stands still because events that it had not read were pruned.",
            "livemax",
            consumer,
        )
        self.consumer_failures = counter("consumer_failures", "Batches of a consumer that have failed.", consumer)

    def lagged(self, lags: Mapping[str, Lag]) -> None:
        """Update how far consumers of the event log are behind."""
        for name, lag in lags.items():
            self.consumer_events.labels(name).set(lag.events)
            self.consumer_seconds.labels(name).set(lag.seconds)
            self.consumers_failing.labels(name).set(lag.failing)
            self.consumers_expired.labels(name).set(lag.expired)
            self.consumer_failures.labels(name).inc(lag.failures)
