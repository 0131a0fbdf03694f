"""What a session writes: where it is, what waits, and what was tried, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from engine.change.events import Cause, append
from engine.change.records import instant
from models.database import Connection, Database
from models.tables.base import new_id, utc_now
from models.tables.event import ActorKind, NewEvent
from models.tables.webhook import DisabledReason, WebhookStatus
from models.timeouts import BACKGROUND
from models.webhook_events import WebhookDisabled, WebhookFailing
from resolvers.reactions.webhooks import statements
from resolvers.reactions.webhooks.attempts import WebhookOutcome
from resolvers.reactions.webhooks.messages import Message
from resolvers.reactions.webhooks.standing import Standing


class LeaseLost(Exception):
    """Another process sends to the webhook, or it is to start elsewhere, or it was deleted. Nothing was written."""


@dataclass
class Written:
    """What is to be written since the last time."""

    stored: dict[UUID, Message] = field(default_factory=dict)
    deferred: dict[UUID, Message] = field(default_factory=dict)
    done: set[UUID] = field(default_factory=set)
    tried: list[tuple[Message, WebhookOutcome]] = field(default_factory=list)
    hurried: bool = False
    warned: bool = False
    tested: UUID | None = None
    disabled: DisabledReason | None = None

    def waits(self, message: Message) -> None:
        """A message waits for its next attempt, or is given up."""
        into = self.deferred if message.stored and message.event_id not in self.stored else self.stored
        into[message.event_id] = message.snapshot()
        message.stored = True

    def ends(self, message: Message) -> None:
        """A message that waits is delivered."""
        self.stored.pop(message.event_id, None)
        self.deferred.pop(message.event_id, None)
        self.done.add(message.event_id)


@dataclass(frozen=True)
class WebhookLease:
    """The right to send to a webhook, and to write how far it is."""

    org_id: UUID
    webhook_id: UUID
    number: int


async def write(
    database: Database,
    lease: WebhookLease,
    what: Written,
    standing: Standing,
    position: int,
    *,
    released: bool,
) -> bool:
    """Write it, and give the lease back if it is `released`; returns whether events were added to the log.

    Raises `LeaseLost`.
    """
    whose = {"org_id": lease.org_id, "webhook_id": lease.webhook_id}
    async with database.transaction(BACKGROUND) as connection:
        events = await _events(connection, lease, what, standing)
        found = await statements.PROGRESS.first(
            connection,
            **whose,
            lease=lease.number,
            position=position,
            failures=standing.failures,
            failing_since=standing.failing_since,
            warned=standing.warned,
            resume_at=standing.resume_at,
            tested=what.tested,
            released=released,
        )
        if found is None:
            raise LeaseLost
        if what.done:
            await statements.DONE.run(connection, **whose, ids=list(what.done))
        if what.stored:
            await statements.STORE.run(connection, **whose, **_stored(list(what.stored.values())))
        if what.deferred:
            await statements.DEFER.run(connection, **whose, **_waiting(list(what.deferred.values())))
        if what.hurried:
            await statements.HURRY.run(connection, **whose)
        if released or what.done or what.hurried or what.stored or what.deferred:
            await statements.NEXT_RETRY.run(connection, **whose)
        if what.tried:
            await statements.LOG.run(connection, **whose, **_tried(what.tried))
        if events:
            await append(connection, lease.org_id, events, Cause(ActorKind.SYSTEM))
    return bool(events)


async def _events(connection: Connection, lease: WebhookLease, what: Written, standing: Standing) -> Sequence[NewEvent]:
    events: list[NewEvent] = []
    if what.warned and standing.failing_since is not None:
        since = instant(standing.failing_since)
        events.append(NewEvent(WebhookFailing(since=since), record_id=lease.webhook_id))
    if what.disabled is not None:
        found = await statements.DISABLE.first(
            connection, org_id=lease.org_id, id=lease.webhook_id, reason=what.disabled
        )
        if found is not None:
            changes = {"status": [str(WebhookStatus.ACTIVE), str(WebhookStatus.DISABLED)]}
            events.append(
                NewEvent(WebhookDisabled(reason=str(what.disabled), changes=changes), record_id=lease.webhook_id)
            )
    return events


def _waiting(messages: Sequence[Message]) -> dict[str, list[object]]:
    now = utc_now()
    return {
        "ids": [one.event_id for one in messages],
        "attempts": [one.attempts for one in messages],
        "due_ats": [one.due_at or now for one in messages],
        "given_up_ats": [now if one.given_up else None for one in messages],
    }


def _stored(messages: Sequence[Message]) -> dict[str, list[object]]:
    return {
        **_waiting(messages),
        "numbers": [one.number for one in messages],
        "types": [one.type for one in messages],
        "records": [one.record for one in messages],
        "bodies": [one.body for one in messages],
    }


def _tried(tried: Sequence[tuple[Message, WebhookOutcome]]) -> dict[str, list[object]]:
    return {
        "ids": [new_id(outcome.at) for _, outcome in tried],
        "event_ids": [message.event_id for message, _ in tried],
        "types": [message.type for message, _ in tried],
        "delivereds": [outcome.delivered for _, outcome in tried],
        "statuses": [outcome.status for _, outcome in tried],
        "times": [round(1000 * outcome.seconds) for _, outcome in tried],
        "errors": [outcome.error for _, outcome in tried],
        "messages": [outcome.message for _, outcome in tried],
        "responses": [outcome.response for _, outcome in tried],
        "ats": [outcome.at for _, outcome in tried],
    }
