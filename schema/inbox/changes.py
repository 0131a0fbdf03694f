"""Changes of the caller's notifications: inputs and payloads."""

import strawberry

from engine.publish.fields import change, optional, outcome
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from models.tables.notification import NotificationReason
from resolvers.changes import notifications
from schema.inbox.notification import NotificationSetting


@strawberry.input(description="The notifications to mark as read. Send one of both.")
class MarkNotificationsReadInput(ChangeInput):
    notification_ids: list[strawberry.ID] | None = optional("These notifications of yours, up to 100.")
    up_to: str | None = optional("All up to this cursor, such as that of the newest one that you have seen.")


@strawberry.type(description="Result of `markNotificationsRead`.")
class MarkNotificationsReadPayload(Payload):
    marked: int | None = outcome("How many were unread until now.")
    unread_count: int | None = outcome("How many unread notifications you have now.")


@strawberry.input(description="Whether you are notified for a reason.")
class NotificationSettingInput:
    reason: NotificationReason = strawberry.field(description="The reason.")
    in_app: bool = strawberry.field(description="Whether you get such notifications.")


@strawberry.input(description="The reasons for which you want notifications.")
class SetNotificationSettingsInput(ChangeInput):
    settings: list[NotificationSettingInput] = strawberry.field(
        description="What to change; other reasons stay as they are. Without a setting, you get notifications."
    )


@strawberry.type(description="Result of `setNotificationSettings`.")
class SetNotificationSettingsPayload(Payload):
    settings: list[NotificationSetting] | None = outcome("All that you have chosen; you get all other notifications.")


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
        notifications.set_notification_settings,
        SetNotificationSettingsInput,
        "Choose for which reasons you are notified. Nobody else sees that.",
        role=Role.VIEWER,
        checks=notifications.tidy_settings,
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
