"""Notifications of the caller."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import DateTime
from models.tables.notification import MailChannel, NotificationReason, Weekday
from resolvers.reads.events import subscriptions
from resolvers.reads.inbox import mail, notifications, notified
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.task import Task

publish(
    NotificationReason,
    "Why you are notified.",
    ASSIGNED="Somebody gave you a lead or a task.",
    MENTIONED="Somebody mentioned you in the text of an activity, or in the notes of a task.",
    STAGE_CHANGED_OF_YOURS="Somebody moved a lead of yours to another stage.",
    TASK_OVERDUE="A task of yours passed its deadline.",
    REMINDER="You are to be reminded of a task of yours.",
)

publish(
    MailChannel,
    "When mail about notifications comes, to the address of your member record.",
    IMMEDIATE="Within a minute or so, together with what comes soon after; in quiet hours, when they end.",
    DIGEST="With the next digest: one mail with all that is new and unread, and with your tasks of the day.",
    OFF="Never.",
)
publish(
    Weekday,
    "A day of the week.",
    **{day.name: f"{day.name.capitalize()}." for day in Weekday},
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


@strawberry.type(description="The address at which calendar programs read your tasks. It was shown when it was made.")
class CalendarFeed:
    created_at: DateTime = column("created_at", "When the address was made.")


@strawberry.type(description="Whether you are notified for a reason, and when mail about it comes.")
class NotificationSetting:
    reason: NotificationReason = column("reason", "The reason.")
    in_app: bool = column("in_app", "Whether you get such notifications at all.")
    mail: MailChannel | None = column(
        "mail",
        "When you get mail about them; null when you have not chosen: then IMMEDIATE for what is given to you,"
        " mentions and reminders, and DIGEST for all else.",
    )


@strawberry.type(description="When mail about your notifications comes, in your time zone: as chosen, or by default.")
class MailSettings:
    sent: bool = read(
        mail.sent, "Whether this server sends mail at all: it does where its operator has set an SMTP server."
    )
    digest_times: list[str] = read(mail.chosen("digest_times"), "When digests come, such as 08:00.")
    digest_weekdays: list[Weekday] = read(mail.chosen("digest_weekdays"), "The days on which digests come.")
    quiet_from: str | None = read(mail.chosen("quiet_from"), "When quiet hours begin; null when there are none.")
    quiet_until: str | None = read(
        mail.chosen("quiet_until"), "When quiet hours end: mail that is not a digest waits until then."
    )
    all_day_reminder_at: str = read(
        mail.chosen("all_day_reminder_at"),
        "When you are reminded of tasks that are due on a day and have no `remindAt`.",
    )
