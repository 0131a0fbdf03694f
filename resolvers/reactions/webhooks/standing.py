"""What an endpoint's answers mean for it: when to try again, when to wait, and when to give up. Pure rules.

A failed event has retries of its own, as Standard Webhooks spaces them. After five failures in a row the circuit is
open: one event is tried now and then, and the others wait. The endpoint is disabled when nothing has been delivered for
five days. Sources: Standard Webhooks 1.0, "Operational considerations".
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds between the attempts of one event; the first is made at once."""

PROBES = (5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0)
"""Seconds between the attempts while the circuit is open; the last one repeats."""

OPEN_AFTER = 5
"""Failures in a row that open the circuit."""

SPREAD = 0.2
"""The part by which each wait is longer or shorter, so that those of many endpoints do not come at once."""

LONGEST_ASKED = 3_600.0
"""Seconds that an endpoint can ask for with `Retry-After`."""

THROTTLING = frozenset({429, 502, 504})
"""Statuses that say that the endpoint is busy: nothing is sent to it for a while, and no event has failed."""

GONE = 410

DISABLED_AFTER = timedelta(days=5)
DISABLED_ATTEMPTS = 20

WARNINGS = (timedelta(days=1), timedelta(days=3))
"""How long nothing could be delivered when the log reports it."""


def spread(seconds: float) -> float:
    """A wait of about so many seconds."""
    return seconds * random.uniform(1 - SPREAD, 1 + SPREAD)


def retry_after(attempts: int, asked: float | None = None) -> float | None:
    """Seconds until an event is tried again that has failed so many times; None when it is given up."""
    if attempts > len(STEPS):
        return None
    return max(spread(STEPS[attempts - 1]), min(asked or 0.0, LONGEST_ASKED))


@dataclass
class Standing:
    """How an endpoint has answered lately."""

    failures: int = 0
    failing_since: datetime | None = None
    warned: int = 0
    resume_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open: one attempt at a time, and only when it is due."""
        return self.failures >= OPEN_AFTER

    def is_resting(self, now: datetime) -> bool:
        """Whether nothing is sent now."""
        return self.resume_at is not None and now < self.resume_at

    def delivered(self) -> bool:
        """An event was delivered; returns whether the circuit closes with that."""
        was_open = self.is_open
        self.failures, self.failing_since, self.warned, self.resume_at = 0, None, 0, None
        return was_open

    def failed(self, now: datetime, asked: float | None = None, *, throttled: bool = False) -> None:
        """An event was not delivered. `asked` are the seconds that the endpoint asks to be left alone for."""
        self.failures += 1
        self.failing_since = self.failing_since or now
        wait = min(asked or 0.0, LONGEST_ASKED) if throttled else 0.0
        if throttled or self.is_open:
            nth = max(0, self.failures - OPEN_AFTER) if not throttled else self.failures - 1
            wait = max(wait, spread(PROBES[min(nth, len(PROBES) - 1)]))
        if wait:
            self.resume_at = now + timedelta(seconds=wait)

    def warning(self, now: datetime) -> bool:
        """Whether the log is to report now that nothing is delivered; it does so once for each warning."""
        due = sum(self.failing_since is not None and now - self.failing_since >= after for after in WARNINGS)
        if due <= self.warned:
            return False
        self.warned = due
        return True

    def is_hopeless(self, now: datetime) -> bool:
        """Whether the endpoint is to be disabled."""
        since = self.failing_since
        return since is not None and now - since >= DISABLED_AFTER and self.failures >= DISABLED_ATTEMPTS
