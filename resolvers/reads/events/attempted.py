"""Attempts to deliver to a webhook, as they are written down: a stream of its own, with numbers of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, bindparam, func, literal_column, text

from engine.caller import Caller
from engine.live.followed import Followed
from engine.live.known import Named
from engine.live.selection import EventSelection
from engine.read.json_text import Expression
from engine.read.rows import ORG, Rows, Same, rows
from engine.read.slots import Args, Slot
from models.database import Statement
from models.rules.ids import parse_id
from models.tables.webhook import AttemptLog, Webhook, WebhookAttempt
from resolvers.reads.events.subscriptions import cursor_of

ATTEMPTS = Followed(
    news=Statement(
        text(
            """
            SELECT number, at AS occurred_at, webhook_id FROM webhook_attempt
            WHERE org_id = :org_id AND number > :position ORDER BY number LIMIT :size
            """
        ).bindparams(ORG, bindparam("position", type_=BigInteger()), bindparam("size", type_=Integer()))
    ),
    present=Statement(text("SELECT head FROM attempt_log WHERE org_id = :org_id").bindparams(ORG)),
    heads=Statement(
        text("SELECT org_id, head FROM attempt_log WHERE org_id = ANY(:org_ids)").bindparams(
            bindparam("org_ids", type_=ARRAY(Uuid()))
        )
    ),
    gapless=False,
    bounds=Statement(text("SELECT tail, head FROM attempt_log WHERE org_id = :org_id").bindparams(ORG)),
)
"""Attempts in the order of their numbers. Numbers are missing of webhooks that were deleted."""


@dataclass(frozen=True)
class WebhookAttempts(EventSelection):
    """The attempts of a webhook after a cursor."""

    webhook_id: Slot
    after: Slot | None
    log: ClassVar[Followed | None] = ATTEMPTS

    def named(self, variables: Mapping[str, Any]) -> Named:
        """The webhook."""
        return {"webhookId": ("webhook", _id(self.webhook_id.get(variables)))}

    def rows(self) -> Rows:
        """The attempts, after the parameter `after` and up to the parameter `to`."""
        found = rows(WebhookAttempt)
        attempt = found.entity
        between = (
            attempt.number > bindparam("after", type_=BigInteger()),
            attempt.number <= bindparam("to", type_=BigInteger()),
        )
        found = found.where(*between, attempt.webhook_id == self.webhook_id.bind(Uuid(), _id))
        return found.ordered(attempt.number.asc()).limited(bindparam("size", type_=Integer()))

    def matcher(self, variables: Mapping[str, Any], caller: Caller) -> Callable[[Mapping[str, Any]], bool]:
        """Whether an attempt is one of the webhook's."""
        wanted = _id(self.webhook_id.get(variables))
        return lambda attempt: attempt["webhook_id"] == wanted


def _id(text: str) -> UUID:
    return parse_id("webhook", text)


def attempted(root: Any, args: Args) -> WebhookAttempts:
    """The attempts to deliver to a webhook, as they are written down."""
    return WebhookAttempts(args["webhook_id"], args.get("after"))


def attempt(attempt: Any, args: Args) -> Same:
    """The attempt itself."""
    return Same(attempt)


def webhook(attempt: Any, args: Args) -> Rows:
    """The webhook, as it is now."""
    return rows(Webhook, attempt.webhook_id)


def place(webhook: Any, args: Args) -> Expression:
    """The cursor of the last attempt that this snapshot includes."""
    last = rows(AttemptLog).value(lambda log: log.head)
    return cursor_of(func.coalesce(last, literal_column("0")))
