"""Activities: what people log on a lead, corrected or deleted by their author."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, as_given, between, required
from engine.change.records import ID, describe, differing, not_null, rewrite
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.ended_event_types import Deleted
from models.event_types import Changed, EventType, Logged
from models.rules.numbers import FIRST_DAY, within
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.roles import CHANGED_ACTIVITY
from models.rules.text import line, optional_line, prose
from models.tables.activity import Activity
from models.tables.base import new_id, utc_now
from models.tables.event import NewEvent, Snapshot
from resolvers.changes.locks import expect_found, expect_version

LONGEST = 7 * 24 * 3600
"""Seconds that an activity can take: a week."""

MOST_PARTICIPANTS = 50

AHEAD = timedelta(minutes=1)
"""How far the caller's clock may be ahead of ours: a later instant is a task, not an activity."""


def _instant(value: datetime | None, *field: str) -> datetime:
    occurred_at: datetime = not_null(value, *field)
    now = utc_now()
    if occurred_at > now + AHEAD:
        raise Refused(Refusal.INVALID, "This is in the future. Schedule a task instead.", *field)
    within(occurred_at.date(), FIRST_DAY, (now + AHEAD).date(), *field)
    return occurred_at


def _participants(value: Sequence[str] | None, *field: str) -> list[str]:
    if value is not None and len(value) > MOST_PARTICIPANTS:
        raise Refused(Refusal.INVALID, f"Name up to {MOST_PARTICIPANTS} participants, not {len(value):,}.", *field)
    return [line(name, *field, str(at)) for at, name in enumerate(value or ())]


FIELDS = Fields(
    Activity,
    type=required(),
    subject=required(line),
    body=prose,
    outcome=optional_line,
    occurred_at=_instant,
    duration=between(0, LONGEST),
    participants=_participants,
    contact_id=as_given,
)

MAKE = FIELDS.make("lead_id", "author_id")

REVISE = FIELDS.revise()

PEEK = Statement(text("SELECT lead_id FROM activity WHERE org_id = :org_id AND id = :id").bindparams(ORG, ID))

LOCK_LEAD = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id FROM lead WHERE org_id = :org_id AND id = :id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, ID)
)

TAKE_ACTIVITY = Statement(
    text("SELECT * FROM activity WHERE org_id = :org_id AND id = :id FOR UPDATE").bindparams(ORG, ID)
)

DELETE = Statement(text("DELETE FROM activity WHERE org_id = :org_id AND id = :id").bindparams(ORG, ID))

TOUCH = Statement(
    text(
        f"""
        UPDATE lead SET last_activity_at = latest.at, rot_check_at = CASE
            WHEN last_activity_at > coalesce(latest.at, '-infinity') THEN clock.now ELSE rot_check_at
        END
        FROM {CLOCK}, (
            SELECT max(occurred_at) AS at FROM activity WHERE org_id = :org_id AND lead_id = :id
        ) AS latest
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)
"""Record when the lead was last worked on. Nobody edits that, so it does not count as a new version. Where that is
earlier than it was, the lead may be stale already."""


async def log_activity(change: Change, lead_id: UUID, **given: Any) -> Mapping[str, Any]:
    """Log something that was done about a lead, just now unless `occurred_at` is given.

    Raises `Refused`: NOT_FOUND; INVALID, also when it has not happened yet.
    """
    wanted: dict[str, Any] = {**FIELDS.empty, "occurred_at": utc_now(), "participants": [], **FIELDS.tidy(given)}
    lead = await _locked_lead(change, lead_id)
    await expect_found(change, "contact", wanted["contact_id"], "contactId")
    activity_id = new_id()
    await change.run(MAKE, id=activity_id, lead_id=lead_id, author_id=change.actor_id, **wanted)
    await change.run(TOUCH, id=lead_id)
    change.emit(NewEvent.of_lead(Logged(record=public_fields(wanted)), lead, activity_id))
    return {"activity": activity_id, "lead": lead_id}


async def update_activity(
    change: Change, activity_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Correct an activity. Omitted fields stay, null empties a field; without a difference, nothing happens.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the activity; FORBIDDEN for a rep who is not its author; INVALID.
    """
    wanted = FIELDS.tidy(given)
    lead, activity = await _locked_activity(change, activity_id, expected_version)
    changes = differing(activity, wanted)
    await expect_found(change, "contact", changes.get("contact_id"), "contactId")
    if changes:
        await rewrite(change, REVISE, activity, changes)
        await change.run(TOUCH, id=lead["id"])
        updated = Changed(EventType.ACTIVITY_UPDATED, describe(activity, changes))
        change.emit(NewEvent.of_lead(updated, lead, activity_id))
    return {"activity": activity_id, "lead": lead["id"]}


async def delete_activity(change: Change, activity_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete an activity. Its event keeps the fields it had.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the activity; FORBIDDEN for a rep who is not its author.
    """
    lead, activity = await _locked_activity(change, activity_id, expected_version)
    await change.run(DELETE, id=activity_id)
    await change.run(TOUCH, id=lead["id"])
    deleted = Deleted(EventType.ACTIVITY_DELETED, public_fields(activity))
    change.emit(NewEvent.of_lead(deleted, lead, activity_id))
    return {"deleted_activity_id": f"activity_{activity_id}", "lead": lead["id"]}


async def _locked_lead(change: Change, lead_id: UUID) -> Row:
    lead = await change.first(LOCK_LEAD, id=lead_id)
    if lead is None:
        raise not_found("lead", "leadId")
    return lead


async def _locked_activity(change: Change, activity_id: UUID, expected_version: int | None) -> tuple[Row, Row]:
    """Lock an activity that the caller may change, and its lead first, as everywhere. Raises `Refused`."""
    while True:
        peeked = await change.first(PEEK, id=activity_id)
        if peeked is None:
            raise not_found("activity", "activityId")
        lead = await change.first(LOCK_LEAD, id=peeked["lead_id"])
        # Between the two statements the lead may have been merged into another; then the activity went along.
        if lead is not None:
            break
    activity = await change.first(TAKE_ACTIVITY, id=activity_id)
    if activity is None:
        raise not_found("activity", "activityId")
    expect_version(activity, expected_version, activity=activity_id)
    if not CHANGED_ACTIVITY.includes(change.caller.role, change.actor_id, activity):
        raise Refused(
            Refusal.FORBIDDEN,
            "Only its author or a manager can change this activity. Ask one of them.",
            "activityId",
            shown={"activity": activity_id},
        )
    return lead, activity


def public_fields(fields: Mapping[str, Any]) -> Snapshot:
    """The fields of an activity as its events hold them."""
    return FIELDS.public(fields)
