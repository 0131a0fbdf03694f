"""Metrics of what is sent to webhooks."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from resolvers.reactions.webhooks.attempts import Attempted

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)


def attempts_of(registry: CollectorRegistry | None) -> tuple[Counter, Histogram, Attempted]:
    """The metrics of requests to webhooks, and what observes each request."""
    outcomes = Counter(
        "dealboard_webhook_attempts",
        "Requests to webhooks, by outcome: delivered, or the kind of the error; status is another answer than 2xx.",
        ("outcome",),
        registry=registry,
    )
    seconds = Histogram(
        "dealboard_webhook_attempt_seconds", "Time of a request to a webhook.", registry=registry, buckets=SECONDS
    )

    def attempted(outcome: str, taken: float) -> None:
        outcomes.labels(outcome).inc()
        seconds.observe(taken)

    return outcomes, seconds, attempted
