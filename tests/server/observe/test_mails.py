"""Metrics of mail: what became of it, what waits, and whether the server can be reached."""

from resolvers.reactions.mail.lane import MailOutcome
from server.observe.metrics import Metrics


def test_what_becomes_of_mail_is_counted() -> None:
    """By outcome and channel; what waits is as of the last look."""
    metrics = Metrics()

    def found(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"dealboard_{name}", labels)

    for late in (3.0, 70.0):
        metrics.mail.mailed(MailOutcome.SENT, "DIGEST", late)
    metrics.mail.mailed(MailOutcome.UNCERTAIN, "IMMEDIATE", 0.5)
    assert found("mails_total", outcome="sent", channel="DIGEST") == 2
    assert found("mails_total", outcome="uncertain", channel="IMMEDIATE") == 1
    assert found("mail_late_seconds_bucket", le="5.0") == 2
    assert found("mail_late_seconds_count") == 3
    metrics.mail.waiting(40, 12.5)
    metrics.mail.waiting(2, 0.25)
    assert (found("mails_waiting"), found("mails_oldest_waiting_seconds")) == (2, 0.25)
    metrics.mail.unreachable()
    assert found("mail_server_unreachable_total") == 1
