"""One request to a webhook, and its outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

from engine.outgoing.http import GuardedHttp, Received, SendFailed
from engine.outgoing.signing import signed
from engine.outgoing.target import TargetRefused
from models.tables.base import utc_now
from resolvers.reactions.webhooks.messages import TEST, Message
from resolvers.reactions.webhooks.standing import GONE, THROTTLING

SHOWN = 2_000
"""Characters of an answer that are kept."""

DISABLE, ABORT = "disable", "abort-message"
"""What an answer asks for with `webhook-delivery`, as Svix has it: nothing more, or this message not again."""

HEADERS = {"content-type": "application/json", "user-agent": "Dealboard-Webhooks/1"}

Attempted = Callable[[str, float], None]
"""Observes each request: its outcome, `delivered` or the kind of its error, and the seconds it took."""


@dataclass(frozen=True)
class WebhookOutcome:
    """The outcome of a request: no status without an answer, and no error if it was delivered."""

    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None
    message: str | None = None
    response: str | None = None
    asked: float | None = None
    wish: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.error is None

    @property
    def throttled(self) -> bool:
        """Whether the endpoint is only busy."""
        return self.status in THROTTLING

    @property
    def gone(self) -> bool:
        """Whether the endpoint says that it is there no longer."""
        return self.status == GONE

    @property
    def disables(self) -> bool:
        """Whether the endpoint wants nothing more."""
        return self.wish == DISABLE

    @property
    def aborts(self) -> bool:
        """Whether the endpoint does not want this message again."""
        return self.wish == ABORT and not self.delivered


@dataclass(frozen=True)
class SigningKey:
    """A key that requests are signed with, until it expires."""

    key: bytes
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where requests of a webhook go, and what they are signed with."""

    webhook_id: UUID
    url: str
    keys: Sequence[SigningKey]
    replay_to: int = 0

    def message_id(self, message: Message) -> str:
        """The id by which the receiver recognises a message: the same in each retry and each replay."""
        prefix = "test" if message.type == TEST else "event"
        return f"{prefix}_{message.event_id.hex}_{self.webhook_id.hex}"


async def attempt(http: GuardedHttp, endpoint: Endpoint, message: Message, observe: Attempted) -> WebhookOutcome:
    """Send a message once."""
    now, began = utc_now(), perf_counter()
    keys = [one.key for one in endpoint.keys if one.expires_at is None or one.expires_at > now]
    headers = {**HEADERS, **signed(keys, endpoint.message_id(message), int(now.timestamp()), message.body)}
    if message.type != TEST and message.number <= endpoint.replay_to:
        headers["webhook-replay"] = "true"
    try:
        outcome = _read(now, await http.post(endpoint.url, headers, message.body))
    except TargetRefused as wrong:
        outcome = WebhookOutcome(now, perf_counter() - began, error="NOT_ALLOWED", message=str(wrong))
    except SendFailed as failed:
        outcome = WebhookOutcome(now, perf_counter() - began, error=failed.kind, message=failed.message)
    observe((outcome.error or "delivered").lower(), outcome.seconds)
    return outcome


def _read(at: datetime, answer: Received) -> WebhookOutcome:
    shown = answer.body.decode("utf-8", "replace").replace("\0", "\ufffd")[:SHOWN] or None
    wish = answer.headers.get("webhook-delivery", "").strip().lower()
    if 200 <= answer.status < 300:
        return WebhookOutcome(at, answer.seconds, answer.status, response=shown, wish=wish)
    text = f"It answered with the status {answer.status}."
    return WebhookOutcome(at, answer.seconds, answer.status, "STATUS", text, shown, answer.retry_after, wish)
