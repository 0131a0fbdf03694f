"""Notifications of the caller."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import DateTime
from models.tables.notification import NotificationReason
from resolvers.reads.events import subscriptions
from resolvers.reads.inbox import notifications, notified
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.task import Task

publish(
    NotificationReason,
    "Why you are notified.",
    ASSIGNED="Somebody gave you a lead or a task.",
    STAGE_CHANGED_OF_YOURS="Somebody moved a lead of yours to another stage.",
    TASK_OVERDUE="A task of yours passed its deadline.",
    REMINDER="You are to be reminded of a task of yours.",
)


@strawberry.type(
    description="Something for you to know: what others did with what is yours, and what is due. Only you see it. What"
    " comes at once, or within five minutes for the same reason and record, is one notification that counts."
)
class Notification:
    id: strawberry.ID = read(notifications.id, "The notification's id. `node` does not find it.")
    cursor: str = read(
        subscriptions.cursor, "Its place: subscribe to `notified` after it, or mark everything up to it as read."
    )
    reason: NotificationReason = column("reason", "Why you are notified.")
    count: int = column("count", "How often it happened, or to how many records: “3 leads were given to you”.")
    lead: Lead | None = to_one(
        models.Lead,
        "lead_id",
        "The lead it is about, or the lead of the task; null for several, for none, or when it has been deleted.",
    )
    task: Task | None = to_one(
        models.Task, "task_id", "The task it is about; null for several, for none, or when it has been deleted."
    )
    actor: Member | None = to_one(
        models.Member, "actor_id", "The member who did it; null when nobody did, or several members did."
    )
    muted: bool = read(notifications.muted, "Whether you have muted the lead or the task.")
    happened_at: DateTime = column("happened_at", "When it happened first.")
    updated_at: DateTime = column("updated_at", "When it was made, or last joined by another one.")
    read_at: DateTime | None = column("read_at", "When you marked it as read; null while it is unread.")


@strawberry.type(description="A notification, as it is made or joined by another one.")
class Notified:
    cursor: str = read(subscriptions.cursor, "Its place: subscribe `after` it to continue from here.")
    notification: Notification = read(notified.notification, "The notification.")
    unread_count: int = read(notifications.unread_count, "How many unread notifications you have now.")


@strawberry.type(description="Whether you are notified for a reason.")
class NotificationSetting:
    reason: NotificationReason = column("reason", "The reason.")
    in_app: bool = column("in_app", "Whether you get such notifications.")
