"""Changes of a member's own notifications. They are no events: what somebody has read is nobody else's business."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.live.selection import decode_cursor
from engine.read.rows import ORG
from models.database import Statement
from models.rules.refusal import Checks, Refusal, Refused, not_found

MOST = 100
"""Notifications that can be named at once."""

PREFIX = "notification_"

_MARK = """
    WITH mine AS MATERIALIZED (
        SELECT id FROM notification WHERE org_id = :org_id AND member_id = :member_id AND read_at IS NULL AND {which}
        ORDER BY number, id FOR NO KEY UPDATE
    )
    UPDATE notification SET read_at = statement_timestamp() FROM mine
    WHERE notification.org_id = :org_id AND notification.id = mine.id RETURNING mine.id
"""

LOCK_NAMED = Statement(text(_MARK.format(which="id = ANY(:ids)")).bindparams(ORG, IDS))

LOCK_UP_TO = Statement(
    text(_MARK.format(which="number <= :number")).bindparams(ORG, bindparam("number", type_=BigInteger()))
)
"""They are locked in the order in which the consumer locks them."""

OWN = Statement(
    text("SELECT id FROM notification WHERE org_id = :org_id AND member_id = :member_id AND id = ANY(:ids)").bindparams(
        ORG, IDS
    )
)

UNREAD = Statement(
    text(
        "SELECT count(*) FROM notification WHERE org_id = :org_id AND member_id = :member_id AND read_at IS NULL"
    ).bindparams(ORG)
)

KEEP_MUTABLE = {
    "lead": Statement(text("SELECT id FROM lead WHERE org_id = :org_id AND id = :id FOR KEY SHARE").bindparams(ORG)),
    "task": Statement(text("SELECT id FROM task WHERE org_id = :org_id AND id = :id FOR KEY SHARE").bindparams(ORG)),
}

MUTE = Statement(
    text(
        """
        INSERT INTO muted_record (org_id, member_id, record_id) VALUES (:org_id, :member_id, :record_id)
        ON CONFLICT DO NOTHING
        """
    ).bindparams(ORG)
)

UNMUTE = Statement(
    text(
        "DELETE FROM muted_record WHERE org_id = :org_id AND member_id = :member_id AND record_id = :record_id"
    ).bindparams(ORG)
)


async def mark_notifications_read(
    change: Change, notification_ids: Sequence[str] | None = None, up_to: str | None = None
) -> Mapping[str, Any]:
    """Mark the caller's own notifications as read: these, or all up to a cursor.

    Raises `Refused`: NOT_FOUND; WRONG_ID; INVALID for both, neither, too many, or a cursor of another organisation.
    """
    ids, number = tidy_marks({"notification_ids": notification_ids, "up_to": up_to}, change.org_id)
    if ids is not None:
        found = {row["id"] for row in await change.all(OWN, member_id=change.actor_id, ids=ids)}
        for at, id_ in enumerate(ids):
            if id_ not in found:
                raise not_found("notification", "notificationIds", str(at))
        marked = await change.all(LOCK_NAMED, member_id=change.actor_id, ids=ids)
    else:
        marked = await change.all(LOCK_UP_TO, member_id=change.actor_id, number=number)
    unread = await UNREAD.value(change.connection, org_id=change.org_id, member_id=change.actor_id)
    return {"marked": len(marked), "unread_count": unread}


def tidy_marks(given: Mapping[str, Any], org_id: UUID | None = None) -> tuple[list[UUID] | None, int]:
    """The notifications as ids, or the number up to which they are read."""
    ids, up_to = given.get("notification_ids"), given.get("up_to")
    with Checks() as check:
        number = check(_number, up_to, org_id)
        check(_expect_one, ids, up_to)
    if up_to is not None:
        return None, number
    named: Sequence[str] = ids or ()
    if len(named) > MOST:
        raise Refused(Refusal.INVALID, f"Name up to {MOST} notifications, or send `upTo`.", "notificationIds")
    return [_id(text, str(at)) for at, text in enumerate(named)], 0


def _number(up_to: str | None, org_id: UUID | None) -> int:
    if up_to is None:
        return 0
    try:
        organisation, number = decode_cursor(up_to)
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), "upTo") from wrong
    if org_id is not None and organisation != org_id:
        raise Refused(Refusal.INVALID, "This cursor belongs to another organisation's events.", "upTo")
    return number


def _expect_one(ids: Sequence[str] | None, up_to: str | None) -> None:
    if (ids is None) == (up_to is None):
        raise Refused(Refusal.INVALID, "Send either `notificationIds` or `upTo`.", "notificationIds")


def _id(given: str, at: str) -> UUID:
    try:
        if not given.startswith(PREFIX):
            raise ValueError(given)
        return UUID(given.removeprefix(PREFIX))
    except ValueError as wrong:
        message = "This is not the id of a notification. Send ids as they came from `notifications`."
        raise Refused(Refusal.WRONG_ID, message, "notificationIds", at) from wrong


async def mute_record(change: Change, lead_id: UUID | None = None, task_id: UUID | None = None) -> Mapping[str, Any]:
    """Notify the caller no more of a lead or a task. Raises `Refused`: NOT_FOUND; INVALID for both or neither."""
    record_id = await _muted(change, lead_id, task_id)
    await change.run(MUTE, member_id=change.actor_id, record_id=record_id)
    return {"muted": True}


async def unmute_record(change: Change, lead_id: UUID | None = None, task_id: UUID | None = None) -> Mapping[str, Any]:
    """Notify the caller of a lead or a task again. Raises `Refused` as `mute_record`."""
    record_id = await _muted(change, lead_id, task_id)
    await change.run(UNMUTE, member_id=change.actor_id, record_id=record_id)
    return {"muted": False}


async def _muted(change: Change, lead_id: UUID | None, task_id: UUID | None) -> UUID:
    given = [(noun, id_) for noun, id_ in (("lead", lead_id), ("task", task_id)) if id_ is not None]
    if len(given) != 1:
        raise Refused(Refusal.INVALID, "Send either `leadId` or `taskId`.", "leadId")
    ((noun, record_id),) = given
    if await change.first(KEEP_MUTABLE[noun], id=record_id) is None:
        raise not_found(noun, f"{noun}Id")
    return record_id
