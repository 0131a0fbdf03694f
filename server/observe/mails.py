"""Metrics of mail about notifications."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from resolvers.reactions.mail.lane import MailOutcome

LATE = (1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400)
"""The bounds of the buckets of how late mail is, in seconds."""


class MailMetrics:
    """What becomes of mail that is due, and how much of it waits."""

    def __init__(
        self, gauge: Callable[..., Gauge], counter: Callable[..., Counter], histogram: Callable[..., Histogram]
    ) -> None:
        """Makes them with what the process makes its metrics with."""
        self.mails = counter(
            "mails",
            "Mails that were due, by what became of them: sent; uncertain (the server did not answer after it was given"
            " the text; not sent again); refused; delayed (tried again); given_up; nothing_new; no_address (or the"
            " member has left); taken_over (by another process); failed.",
            ("outcome", "channel"),
        )
        self.late = histogram("mail_late_seconds", "Time from when a mail was due until it was claimed.", (), LATE)
        self.due = gauge("mails_waiting", "Mails that were due at the last look.", "livemax")
        self.oldest = gauge(
            "mails_oldest_waiting_seconds", "How long ago the first of them was due, at the last look.", "livemax"
        )
        self.lost = counter("mail_server_unreachable", "How often the mail server could not be reached.")

    def mailed(self, outcome: MailOutcome, channel: str, late: float) -> None:
        """Count a mail by what became of it."""
        self.mails.labels(outcome, channel).inc()
        self.late.observe(late)

    def waiting(self, mails: int, seconds: float) -> None:
        """Update how many mails are due."""
        self.due.set(mails)
        self.oldest.set(seconds)

    def unreachable(self) -> None:
        """Count a failure to reach the mail server."""
        self.lost.inc()
