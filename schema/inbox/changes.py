"""Changes of the caller's notifications and calendar feed: inputs and payloads."""

import strawberry

from engine.publish.fields import change, optional, outcome
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from models.tables.notification import MailChannel, NotificationReason, Weekday
from resolvers.changes.inbox import calendar_feeds, notification_settings, notifications
from schema.inbox.notification import MailSettings, NotificationSetting


@strawberry.input(description="The notifications to mark as read. Send one of both.")
class MarkNotificationsReadInput(ChangeInput):
    notification_ids: list[strawberry.ID] | None = optional("These notifications of yours, up to 100.")
    up_to: str | None = optional("All up to this cursor, such as that of the newest one that you have seen.")


@strawberry.type(description="Result of `markNotificationsRead`.")
class MarkNotificationsReadPayload(Payload):
    marked: int | None = outcome("How many were unread until now.")
    unread_count: int | None = outcome("How many unread notifications you have now.")


@strawberry.input(description="Whether you are notified for a reason, and when mail about it comes.")
class NotificationSettingInput:
    reason: NotificationReason = strawberry.field(description="The reason.")
    in_app: bool | None = optional(
        "Whether you get such notifications at all: without one, there is no mail about it. Null changes nothing."
    )
    mail: MailChannel | None = optional("When you get mail about such notifications. Null changes nothing.")


TIMES = "in your time zone, from 00:00 to 23:59, such as 08:30"


@strawberry.input(description="What you want to be notified of, and when mail comes. What is omitted stays as it is.")
class SetNotificationSettingsInput(ChangeInput):
    settings: list[NotificationSettingInput] | None = optional("What to change, by reason, each once.")
    digest_times: list[str] | None = optional(f"When digests come: 1 to 6 times {TIMES}. It cannot be null.")
    digest_weekdays: list[Weekday] | None = optional("The days on which digests come. It cannot be null.")
    quiet_from: str | None = optional(f"When quiet hours begin, {TIMES}; null for none. Send both ends.")
    quiet_until: str | None = optional(
        "When quiet hours end, on the next day if it is the earlier time: mail that is not a digest waits until then."
    )
    all_day_reminder_at: str | None = optional(
        f"When you are reminded of tasks that are due on a day and have no `remindAt`, {TIMES}. It cannot be null."
    )


@strawberry.type(description="Result of `setNotificationSettings`.")
class SetNotificationSettingsPayload(Payload):
    settings: list[NotificationSetting] | None = outcome("All that you have chosen by reason; all else is by default.")
    mail_settings: MailSettings | None = outcome("When mail comes.")


@strawberry.input(description="The record of which you want no notifications. Send one of both.")
class MuteRecordInput(ChangeInput):
    lead_id: strawberry.ID | None = optional("The lead, with its tasks.", id="lead")
    task_id: strawberry.ID | None = optional("The task.", id="task")


@strawberry.type(description="Result of `muteRecord`.")
class MuteRecordPayload(Payload):
    muted: bool | None = outcome("True: it is muted.")


@strawberry.input(description="The record of which you want notifications again. Send one of both.")
class UnmuteRecordInput(ChangeInput):
    lead_id: strawberry.ID | None = optional("The lead, with its tasks.", id="lead")
    task_id: strawberry.ID | None = optional("The task.", id="task")


@strawberry.type(description="Result of `unmuteRecord`.")
class UnmuteRecordPayload(Payload):
    muted: bool | None = outcome("False: it is not muted.")


PATH = (
    "The path of the feed on this server, `/calendar/….ics`. Anyone who has it reads your tasks, so it is shown once:"
    " null when the change is sent again with its idempotency key."
)


@strawberry.input(description="A calendar feed to create.")
class CreateCalendarFeedInput(ChangeInput):
    pass


@strawberry.type(description="Result of `createCalendarFeed`.")
class CreateCalendarFeedPayload(Payload):
    path: str | None = outcome(PATH)


@strawberry.input(description="A calendar feed to give another address.")
class RotateCalendarFeedInput(ChangeInput):
    pass


@strawberry.type(description="Result of `rotateCalendarFeed`.")
class RotateCalendarFeedPayload(Payload):
    path: str | None = outcome(PATH)


@strawberry.input(description="A calendar feed to delete.")
class DeleteCalendarFeedInput(ChangeInput):
    pass


@strawberry.type(description="Result of `deleteCalendarFeed`.")
class DeleteCalendarFeedPayload(Payload):
    deleted: bool | None = outcome("True: the address is no longer valid.")


@strawberry.type(description="The mutations of notifications.")
class NotificationMutations:
    mark_notifications_read: MarkNotificationsReadPayload | None = change(
        notifications.mark_notifications_read,
        MarkNotificationsReadInput,
        "Mark notifications of yours as read. Nobody else sees that.",
        role=Role.VIEWER,
        checks=notifications.tidy_marks,
    )
    set_notification_settings: SetNotificationSettingsPayload | None = change(
        notification_settings.set_notification_settings,
        SetNotificationSettingsInput,
        "Choose for which reasons you are notified, and when mail comes. Nobody else sees that.",
        role=Role.VIEWER,
        checks=notification_settings.tidy_settings,
    )
    mute_record: MuteRecordPayload | None = change(
        notifications.mute_record,
        MuteRecordInput,
        "Get no more notifications of a lead or a task. Nobody else sees that.",
        role=Role.VIEWER,
    )
    unmute_record: UnmuteRecordPayload | None = change(
        notifications.unmute_record,
        UnmuteRecordInput,
        "Get notifications of a lead or a task again. Nobody else sees that.",
        role=Role.VIEWER,
    )
    create_calendar_feed: CreateCalendarFeedPayload | None = change(
        calendar_feeds.create_calendar_feed,
        CreateCalendarFeedInput,
        "Create an address at which calendar programs read your tasks. Nobody else sees that you have one.",
        role=Role.VIEWER,
    )
    rotate_calendar_feed: RotateCalendarFeedPayload | None = change(
        calendar_feeds.rotate_calendar_feed,
        RotateCalendarFeedInput,
        "Give your calendar feed another address; the old one is no longer valid.",
        role=Role.VIEWER,
    )
    delete_calendar_feed: DeleteCalendarFeedPayload | None = change(
        calendar_feeds.delete_calendar_feed,
        DeleteCalendarFeedInput,
        "Delete your calendar feed: its address is no longer valid.",
        role=Role.VIEWER,
    )
