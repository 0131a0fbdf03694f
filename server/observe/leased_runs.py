"""Metrics of work that waits for a worker."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge


class LeasedRunMetrics:
    """How attempts at work end, and how much is due."""

    def __init__(self, gauge: Callable[..., Gauge], counter: Callable[..., Counter]) -> None:
        """Makes them with what the process makes its metrics with."""
        self.attempts = counter(
            "work_attempts",
            "Attempts at work, by kind and outcome: finished, later (goes on when it is due), retried, failed (for"
            " good), lost (its lease had ended, or it was cancelled), given_back (the process stopped).",
            ("kind", "outcome"),
        )
        self.lanes = gauge("work_lanes_due", "Kinds of work in organisations with something due.", "livemax")
        self.oldest = gauge(
            "work_oldest_due_seconds", "Longest time for which work is due that nobody has taken.", "livemax"
        )

    def observe(self, kind: str, outcome: str) -> None:
        """Count an attempt that has ended."""
        self.attempts.labels(kind, outcome).inc()

    def late(self, due: int, seconds: float) -> None:
        """Update how much is due."""
        self.lanes.set(due)
        self.oldest.set(seconds)
