"""Changes of webhooks: their inputs and payloads."""

import strawberry

import models
from engine.change.fields import each
from engine.publish.enums import publish
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.event_types import EventType
from models.rules.roles import Role
from models.tables.webhook import WebhookOrdering
from resolvers.changes.webhooks import delivery, replaying, secrets
from resolvers.changes.webhooks import webhooks as webhook_changes
from resolvers.changes.webhooks.delivery import EnableFrom
from resolvers.changes.webhooks.documents import DEFAULT_SELECTION
from resolvers.changes.webhooks.rows import expect_cursor
from schema.filters.condition import Condition
from schema.types.events.webhook import Webhook

EXPECTED_VERSION = "Refuse with CONFLICT unless the webhook is at this version."

URL = (
    "The URL that requests are sent to: https://, and on the public internet. Redirects are not followed. "
    "It is not contacted before there is something to send."
)

SELECTION = (
    "The fields of an `Event` to send, in braces, as in a subscription: "
    "`{ id type lead { title } ... on StageChanged { toStage { name } } }`. Up to 20,000 characters, without variables."
)

SECRET = (
    "The secret that requests are signed with: `whsec_` and then 24 to 64 random bytes in base64. Without it, one is "
    "made."
)

ORDERING = "Which events wait while one cannot be delivered."

ROLE = "The role with which events are read: the webhook is sent what that role sees."

CONDITION = "Only events of leads that matched this condition when it happened, as in the subscription `events`."

PIPELINE = "Only events of leads that enter, leave or are in this pipeline."

TYPES = "Only events of these types."

NOW = "The webhook as it is now."

SHOWN_ONCE = (
    "The secret, which is shown only now: the receiver verifies signatures with it. Null when the mutation was "
    "refused, or was sent again with its idempotency key."
)


@strawberry.input(description="A new webhook.")
class CreateWebhookInput(ChangeInput):
    url: str = strawberry.field(description=URL)
    types: list[EventType] | None = optional(f"{TYPES} Without it, all.")
    pipeline_id: strawberry.ID | None = optional(PIPELINE, id="pipeline")
    condition: Condition | None = optional(CONDITION)
    selection: str = strawberry.field(description=SELECTION, default=DEFAULT_SELECTION)
    ordering: WebhookOrdering = strawberry.field(description=ORDERING, default=WebhookOrdering.PER_RECORD)
    role: Role = strawberry.field(description=ROLE, default=Role.VIEWER)
    secret: str | None = optional(SECRET)
    from_cursor: str | None = optional("Send what happened after this cursor. Without it, what happens from now on.")


@strawberry.type(description="Result of `createWebhook`.")
class CreateWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)
    secret: str | None = outcome(SHOWN_ONCE)


@strawberry.input(description="Fields of a webhook to update. Omitted fields stay as they are.")
class UpdateWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook to update.")
    url: str | None = optional(f"{URL} It cannot be null.")
    types: list[EventType] | None = optional(f"{TYPES} Null, or an empty list, for all.")
    pipeline_id: strawberry.ID | None = optional(f"{PIPELINE} Null for everything.", id="pipeline")
    condition: Condition | None = optional(f"{CONDITION} Null for everything.")
    selection: str | None = optional(f"{SELECTION} It cannot be null.")
    ordering: WebhookOrdering | None = optional(f"{ORDERING} It cannot be null.")
    role: Role | None = optional(f"{ROLE} It cannot be null.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updateWebhook`.")
class UpdateWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.input(description="Which webhook to delete.")
class DeleteWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook to delete, with its secrets and what waits for it.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deleteWebhook`.")
class DeleteWebhookPayload(Payload):
    deleted_webhook_id: strawberry.ID | None = outcome(
        "The id of the deleted webhook; null when the mutation was refused."
    )
    webhook: Webhook | None = ref(models.Webhook, "The webhook as it is, when the mutation was refused.")


@strawberry.input(description="Which webhook to pause.")
class PauseWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook to pause.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `pauseWebhook`.")
class PauseWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


publish(
    EnableFrom,
    "Where a webhook that is enabled goes on.",
    name="EnableWebhookFrom",
    WHERE_IT_STOPPED="With the events that it has not received.",
    NOW="With what happens from now on. What it has not received is not sent any more.",
)


@strawberry.input(description="Which webhook to enable.")
class EnableWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook to enable.")
    start_from: EnableFrom = strawberry.field(description="Where it goes on.", default=EnableFrom.WHERE_IT_STOPPED)
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `enableWebhook`.")
class EnableWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.input(description="Which webhook to test.")
class TestWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook to send a test request to.")


@strawberry.type(description="Result of `testWebhook`.")
class TestWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.input(description="Which webhook to give a new secret.")
class RotateWebhookSecretInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook that gets a new secret.")
    secret: str | None = optional(SECRET)
    keep_old_for_hours: int = strawberry.field(
        description="Hours for which requests are signed with the old secret, too: 0 to 168.", default=24
    )


@strawberry.type(description="Result of `rotateWebhookSecret`.")
class RotateWebhookSecretPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)
    secret: str | None = outcome(SHOWN_ONCE)


@strawberry.input(description="From where to send a webhook's events again.")
class ReplayWebhookInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook that is sent events again.")
    from_cursor: str = strawberry.field(
        description="Everything after this cursor is sent again, with the same ids and the header "
        "`webhook-replay: true`."
    )


@strawberry.type(description="Result of `replayWebhook`.")
class ReplayWebhookPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.input(description="Which delivery to send now.")
class RetryDeliveryInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook that the event waits for.")
    event_id: strawberry.ID = strawberry.field(description="The id of the event that waits, as `waiting` shows it.")


@strawberry.type(description="Result of `retryDelivery`.")
class RetryDeliveryPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.input(description="Which delivery to leave out.")
class SkipDeliveryInput(ChangeInput):
    webhook_id: strawberry.ID = id_of("webhook", "The webhook that the event waits for.")
    event_id: strawberry.ID = strawberry.field(description="The id of the event that waits, as `waiting` shows it.")


@strawberry.type(description="Result of `skipDelivery`.")
class SkipDeliveryPayload(Payload):
    webhook: Webhook | None = ref(models.Webhook, NOW)


@strawberry.type(description="The mutations of webhooks.")
class WebhookMutations:
    create_webhook: CreateWebhookPayload | None = change(
        webhook_changes.create_webhook,
        CreateWebhookInput,
        "Create a webhook. Its secret is in the payload, once.",
        role=Role.ADMIN,
        checks=webhook_changes.check_new,
    )
    update_webhook: UpdateWebhookPayload | None = change(
        webhook_changes.update_webhook,
        UpdateWebhookInput,
        "Update a webhook.",
        role=Role.ADMIN,
        checks=webhook_changes.FIELDS.check,
    )
    delete_webhook: DeleteWebhookPayload | None = change(
        webhook_changes.delete_webhook, DeleteWebhookInput, "Delete a webhook.", role=Role.ADMIN
    )
    pause_webhook: PauseWebhookPayload | None = change(
        delivery.pause_webhook, PauseWebhookInput, "Pause a webhook: it keeps its place.", role=Role.ADMIN
    )
    enable_webhook: EnableWebhookPayload | None = change(
        delivery.enable_webhook, EnableWebhookInput, "Send to a paused or disabled webhook again.", role=Role.ADMIN
    )
    test_webhook: TestWebhookPayload | None = change(
        delivery.test_webhook,
        TestWebhookInput,
        "Send a signed request of type `webhook.test`, also to a paused webhook; `attempts` shows the outcome.",
        role=Role.ADMIN,
    )
    rotate_webhook_secret: RotateWebhookSecretPayload | None = change(
        secrets.rotate_webhook_secret,
        RotateWebhookSecretInput,
        "Give a webhook a new secret, which is in the payload, once. For a while, requests are signed with both.",
        role=Role.ADMIN,
        checks=secrets.check_rotation,
    )
    replay_webhook: ReplayWebhookPayload | None = change(
        replaying.replay_webhook,
        ReplayWebhookInput,
        "Send events to a webhook again.",
        role=Role.ADMIN,
        checks=each(from_cursor=expect_cursor),
    )
    retry_delivery: RetryDeliveryPayload | None = change(
        replaying.retry_delivery, RetryDeliveryInput, "Send an event that waits now.", role=Role.ADMIN
    )
    skip_delivery: SkipDeliveryPayload | None = change(
        replaying.skip_delivery, SkipDeliveryInput, "Leave out an event that waits.", role=Role.ADMIN
    )
