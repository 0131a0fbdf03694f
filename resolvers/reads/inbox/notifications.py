"""Notifications: those of the caller alone, whatever the role."""

from typing import Any

from sqlalchemy import exists, func, literal_column, or_

from engine.read.json_text import Expression, quoted, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.event import ConsumerPosition, EventLog
from models.tables.notification import NOTIFIER, MutedRecord, Notification, NotificationSetting
from resolvers.reads.events.subscriptions import cursor_of
from resolvers.reads.tasks.filters import viewer_id

ORDERS = {"NUMBER": Order(lambda notification: notification.number)}


def own() -> Rows:
    """The caller's notifications."""
    found = rows(Notification)
    return found.where(found.entity.member_id == viewer_id())


def notifications(root: Any, args: Args) -> Page:
    """The caller's notifications, newest first; optionally only those that are unread, or read."""
    found = own()
    unread = args.get("unread")
    if unread is not None:
        read_at = found.entity.read_at
        found = found.where(read_at.is_(None) if unread else read_at.is_not(None))
    return page(found, args, ORDERS, ("NUMBER", Direction.DESC))


def unread_count(row: Any, args: Args) -> Expression:
    """The number of the caller's unread notifications."""
    found = own()
    return found.where(found.entity.read_at.is_(None)).select(func.count()).scalar_subquery()


def place(root: Any, args: Args) -> Expression:
    """The cursor up to which the caller's notifications are made, in this snapshot."""
    consumer, log = rows(ConsumerPosition), rows(EventLog)
    made = consumer.where(consumer.entity.name == quoted(NOTIFIER)).value(lambda row: row.position)
    return cursor_of(func.coalesce(made, log.value(lambda row: row.head), literal_column("0")))


def id(notification: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("notification", notification.id)


def muted(notification: Any, args: Args) -> Expression:
    """Whether the caller has muted the lead or the task."""
    found = rows(MutedRecord)
    record = found.entity
    about = or_(record.record_id == notification.lead_id, record.record_id == notification.task_id)
    return exists(found.where(record.member_id == viewer_id(), about).select(literal_column("1")))


def settings(root: Any, args: Args) -> Rows:
    """What the caller has chosen, by reason."""
    found = rows(NotificationSetting)
    return found.where(found.entity.member_id == viewer_id()).ordered(found.entity.reason.asc())
