"""Webhooks: endpoints of other systems that events are sent to."""

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.enums import publish
from engine.publish.fields import column, connection, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import ConditionTree, DateTime
from models.event_types import EventType
from models.rules.roles import Role
from models.tables.webhook import DisabledReason, WebhookOrdering, WebhookStatus
from resolvers.reads.events import attempted, subscriptions, webhooks
from schema.types.pipeline import Pipeline

publish(
    WebhookStatus,
    "Whether events are sent to a webhook.",
    ACTIVE="Events are sent as they happen.",
    PAUSED="An admin has paused it. It keeps its place, and goes on there when it is enabled.",
    DISABLED="The server has stopped sending; `disabledReason` says why.",
)

publish(
    WebhookOrdering,
    "Which events wait while one cannot be delivered.",
    PER_RECORD="Later events of the same lead, or of the same record where there is no lead. Others go on.",
    STRICT="All later events: one is sent after the other.",
    NONE="None: events arrive in any order.",
)

publish(
    DisabledReason,
    "Why the server has disabled a webhook.",
    FAILING="Nothing could be delivered for five days, in at least 20 attempts.",
    GONE="It answered 410, which says that it is there no longer.",
    REQUESTED="It answered with the header `webhook-delivery: disable`.",
    CURSOR_EXPIRED="Events that it had not received are no longer kept. Enable it from now on.",
    SELECTION_INVALID="Its selection no longer fits this API. Update it, then enable the webhook.",
    SECRET_UNREADABLE="The operator has removed the key that its secret was sealed with. Rotate it, then enable it.",
)


@strawberry.type(
    description="A request that was sent to a webhook, and its outcome. Kept for 30 days; for a day if it succeeded."
)
class WebhookAttempt:
    event_id: strawberry.ID = read(webhooks.event_of_attempt, "The id of the event, which the request held.")
    type: str = column("type", f"The type of the event: `{EventType.LEAD_MOVED.value}`; `webhook.test` for a test.")
    at: DateTime = column("at", "When it was sent.")
    delivered: bool = column("delivered", "Whether it was answered with a status from 200 to 299.")
    status: int | None = column("status", "The status of the answer; null without one.")
    milliseconds: int = column("milliseconds", "How long it took.")
    error: str | None = column(
        "error",
        "Why it was not delivered, for programs: STATUS, TIMEOUT, NAME, CONNECTION, TLS, BROKEN or NOT_ALLOWED.",
    )
    message: str | None = column("message", "The same, for people.")
    response: str | None = column(
        "response",
        "The first 2,000 characters of the answer; null without one, and for a server that is not on the internet.",
    )


@strawberry.type(description="An event that could not be delivered to a webhook yet.")
class WebhookDelivery:
    event_id: strawberry.ID = read(webhooks.event_of_delivery, "The id of the event.")
    type: str = column("type", f"The type of the event: `{EventType.LEAD_MOVED.value}`.")
    attempts: int = column("attempts", "How often it was tried.")
    due_at: DateTime | None = read(webhooks.due_at, "When it is tried next; null when it is not tried again.")
    given_up: bool = read(webhooks.given_up, "Whether all its retries are used up. `retryDelivery` starts them again.")


@strawberry.type(
    description="An endpoint of another system that events are sent to, signed as Standard Webhooks "
    "(https://www.standardwebhooks.com) says: at least once, in the order that it asks for. Only admins see webhooks."
)
class Webhook(Node):
    id: strawberry.ID = id_field("webhook", "The webhook's id.")
    url: str = column("url", "The URL that requests are sent to.")
    types: list[EventType] = column("types", "The types of events that are sent; an empty list for all.")
    pipeline: Pipeline | None = to_one(
        models.Pipeline, "pipeline_id", "The pipeline whose leads it is about; null for everything."
    )
    condition: ConditionTree | None = read(
        webhooks.condition, "The condition that leads matched right after what is sent of them; null for everything."
    )
    selection: str = column("selection", "The fields of each event that are sent, as `data` of the request.")
    ordering: WebhookOrdering = column("ordering", "Which events wait while one cannot be delivered.")
    role: Role = column("role", "The role with which events are read: it is sent what that role sees.")
    status: WebhookStatus = column("status", "Whether events are sent to it.")
    disabled_reason: DisabledReason | None = column(
        "disabled_reason", "Why the server has disabled it; null unless its status is DISABLED."
    )
    position: str = read(
        webhooks.position, "The place in the event log up to which everything was delivered, or waits for a retry."
    )
    behind: int = read(webhooks.behind, "How many events of the log come after its position.")
    failing_since: DateTime | None = read(
        webhooks.failing_since, "Since when nothing could be delivered; null when the last request was."
    )
    secret_hint: str | None = read(webhooks.secret_hint, "The last characters of its newest secret.")
    public_key: str | None = read(
        webhooks.public_key,
        "The public key of its newest secret: `whpk_` and then an Ed25519 key in base64. With it, a receiver verifies "
        "the `v1a` signatures, and needs no secret.",
    )
    attempts: Connection[WebhookAttempt] = connection(webhooks.attempts, "The requests that were sent, newest first.")
    attempt_cursor: str = read(
        attempted.place, "The place of the last attempt: subscribe to `deliveryAttempted` after it to miss none."
    )
    waiting: Connection[WebhookDelivery] = connection(
        webhooks.waiting, "What could not be delivered yet, oldest first."
    )
    created_at: DateTime = column("created_at", "When the webhook was created.")
    updated_at: DateTime = column("updated_at", "When the webhook last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.type(description="A request to a webhook, as it is written down.")
class DeliveryAttempted:
    cursor: str = read(subscriptions.cursor, "Its place: subscribe `after` it to continue from here.")
    attempt: WebhookAttempt = read(attempted.attempt, "The request, and its outcome.")
    webhook: Webhook = read(attempted.webhook, "The webhook, as it is now.")
