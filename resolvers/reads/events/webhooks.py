"""Reading webhooks: what they are sent, how far they are, what waits for them, and what was sent."""

from typing import Any

from sqlalchemy import BigInteger, Uuid, case, cast
from sqlalchemy.dialects.postgresql import JSONB

from engine.read.json_text import Expression, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.event import EventLog
from models.tables.webhook import Webhook, WebhookAttempt, WebhookDelivery, WebhookSecret, WebhookState
from resolvers.reads.events.subscriptions import cursor_of

ATTEMPTS = {"NEWEST": Order(lambda attempt: attempt.id)}

WAITING = {"OLDEST": Order(lambda delivery: delivery.id)}


def webhooks(root: Any, args: Args) -> Rows:
    """The webhooks of the organisation, oldest first."""
    found = rows(Webhook)
    return found.ordered(found.entity.id.asc())


def webhook(root: Any, args: Args) -> Rows:
    """The webhook with this id."""
    return rows(Webhook, args["id"].bind(Uuid(), lambda text: parse_id("webhook", text)))


def condition(webhook: Any, args: Args) -> Expression:
    """The condition, as a tree."""
    return cast(webhook.condition, JSONB())


def _state(webhook: Any) -> Rows:
    found = rows(WebhookState)
    return found.where(found.entity.webhook_id == webhook.id)


def position(webhook: Any, args: Args) -> Expression:
    """The cursor up to which everything is delivered, or waits."""
    return cursor_of(_state(webhook).value(lambda state: state.position))


def behind(webhook: Any, args: Args) -> Expression:
    """How many events of the log come after it."""
    head: Any = rows(EventLog).value(lambda log: log.head)
    return cast(head - _state(webhook).value(lambda state: state.position), BigInteger)


def failing_since(webhook: Any, args: Args) -> Expression:
    """Since when nothing could be delivered."""
    return _state(webhook).value(lambda state: state.failing_since)


def _newest_secret(webhook: Any) -> Rows:
    found = rows(WebhookSecret)
    return found.where(found.entity.webhook_id == webhook.id).ordered(found.entity.id.desc()).first()


def secret_hint(webhook: Any, args: Args) -> Expression:
    """The end of the newest secret."""
    return _newest_secret(webhook).value(lambda row: row.hint)


def public_key(webhook: Any, args: Args) -> Expression:
    """The public key of the newest secret."""
    return _newest_secret(webhook).value(lambda row: row.public_key)


def attempts(webhook: Any, args: Args) -> Page:
    """The requests that were sent to a webhook, newest first."""
    found = rows(WebhookAttempt)
    return page(found.where(found.entity.webhook_id == webhook.id), args, ATTEMPTS, ("NEWEST", Direction.DESC))


def waiting(webhook: Any, args: Args) -> Page:
    """What could not be delivered yet, oldest first."""
    found = rows(WebhookDelivery)
    return page(found.where(found.entity.webhook_id == webhook.id), args, WAITING, ("OLDEST", Direction.ASC))


def event_of_attempt(attempt: Any, args: Args) -> Expression:
    """The public id of the event."""
    return typed_id("event", attempt.event_id)


def event_of_delivery(delivery: Any, args: Args) -> Expression:
    """The public id of the event."""
    return typed_id("event", delivery.id)


def given_up(delivery: Any, args: Args) -> Expression:
    """Whether its retries are used up."""
    found: Expression = delivery.given_up_at.is_not(None)
    return found


def due_at(delivery: Any, args: Args) -> Expression:
    """When it is tried next; null when it is not tried again."""
    return case((delivery.given_up_at.is_(None), delivery.due_at))
