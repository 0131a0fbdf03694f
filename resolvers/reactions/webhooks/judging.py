"""What an answer means: for the event that was sent, for those that wait, and for the endpoint."""

from datetime import datetime, timedelta

from models.tables.base import utc_now
from models.tables.webhook import DisabledReason, WebhookOrdering
from resolvers.reactions.webhooks.attempts import WebhookOutcome
from resolvers.reactions.webhooks.messages import Message
from resolvers.reactions.webhooks.queue import SendingQueue
from resolvers.reactions.webhooks.standing import Standing, retry_after
from resolvers.reactions.webhooks.storing import Written


def judge(queue: SendingQueue, standing: Standing, written: Written, message: Message, outcome: WebhookOutcome) -> None:
    """Put a message that was sent to where it belongs now, and add what is to be written."""
    now = utc_now()
    if outcome.disables:
        written.disabled = DisabledReason.REQUESTED
    if outcome.delivered:
        _delivered(queue, standing, written, message, now)
        return
    if outcome.aborts:
        standing.delivered()  # the endpoint answers, and knows what it does not want
        message.attempts += 1
        _give_up(queue, written, message, now)
        return
    was_open = standing.is_open
    standing.failed(now, outcome.asked, throttled=outcome.throttled)
    if not (outcome.throttled or was_open or outcome.gone):
        _failed(queue, standing, written, message, outcome, now)
    elif not message.stored:
        queue.again(message)  # the endpoint has a fault, not the event: it waits where it is, and loses no attempt
    if outcome.gone:
        written.disabled = DisabledReason.GONE
    elif standing.is_hopeless(now):
        written.disabled = DisabledReason.FAILING
    elif standing.warning(now):
        written.warned = True


def _delivered(queue: SendingQueue, standing: Standing, written: Written, message: Message, now: datetime) -> None:
    if standing.delivered():
        written.hurried = True
        for other in queue.waiting.values():
            other.due_at = now
    if message.stored:
        queue.ends(message, now)
        written.ends(message)


def _failed(
    queue: SendingQueue,
    standing: Standing,
    written: Written,
    message: Message,
    outcome: WebhookOutcome,
    now: datetime,
) -> None:
    message.attempts += 1
    seconds = retry_after(message.attempts, outcome.asked)
    queue.store(message, now + timedelta(seconds=seconds or 0))
    if seconds is None:
        _give_up(queue, written, message, now)
        return
    if queue.ordering == WebhookOrdering.STRICT:
        standing.resume_at = message.due_at  # all others wait for it
    written.waits(message)


def _give_up(queue: SendingQueue, written: Written, message: Message, now: datetime) -> None:
    """Keep a message that is not tried again: it holds up nothing any more."""
    message.given_up = True
    queue.store(message, now)
    queue.ends(message, now)
    written.waits(message)
