"""Changes of members: names, roles, capacity, and whether they are active.

A deactivated member keeps assigned records, and is assigned no more.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, between, required
from engine.change.records import describe, differing, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.matching.keys import with_keys
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.roles import Role
from models.rules.text import line, optional_line
from models.rules.time_zone import time_zone
from models.tables.event import NewEvent
from models.tables.member import Member
from resolvers.changes.inbox.mail_due import rearm
from resolvers.changes.locks import LOCK_ORGANISATION, expect_version

LARGEST_CAPACITY = 1000
"""The largest share of a weighted pool's leads that a member can have."""

LARGEST_CAP = 10_000
"""The largest daily cap on the leads that routing assigns to a member."""


def zone(name: str, *field: str) -> str:
    """The name of a time zone, as it is kept. Raises `Refused` INVALID for an unknown one."""
    try:
        return time_zone(name).key
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong


FIELDS = Fields(
    Member,
    {"role": Role.REP.value, "active": True, "time_zone": "UTC", "capacity": 1},
    name=required(line),
    email=optional_line,
    role=required(),
    active=required(),
    time_zone=required(zone),
    capacity=required(between(0, LARGEST_CAPACITY)),
    daily_cap=between(0, LARGEST_CAP),
)

LOCK_MEMBER = Statement(
    text("SELECT * FROM member WHERE org_id = :org_id AND id = :id FOR NO KEY UPDATE").bindparams(ORG)
)

TAKE_ALONE = Statement(text("SELECT * FROM member WHERE org_id = :org_id AND id = :id FOR UPDATE").bindparams(ORG))
"""A member who may be deactivated or change time zone: locked against being assigned anything meanwhile."""

OTHER_ADMINS = Statement(
    text("SELECT id FROM member WHERE org_id = :org_id AND id <> :id AND active AND role = 'ADMIN'").bindparams(ORG)
)
"""The other active admins. A change of roles locks the organisation, so their roles stay without a lock on their rows,
and their own changes do not wait."""

LOCK_DAYS = Statement(
    text(
        """
        SELECT id FROM task
        WHERE org_id = :org_id AND assignee_id = :id AND status = 'OPEN' AND due_on IS NOT NULL
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The tasks whose days end with the member's. They are locked first: every change locks a task before its assignee."""

REVISE_MEMBER = FIELDS.revise("sort_key")

MOVE_DEADLINES = Statement(
    text(
        """
        UPDATE task SET deadline = CAST(due_on + 1 AS timestamp) AT TIME ZONE CAST(:time_zone AS text),
            day_reminder_at = NULL, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND assignee_id = :id AND status = 'OPEN' AND due_on IS NOT NULL
        """
    ).bindparams(ORG)
)
"""All-day tasks end at midnight in the assignee's time zone: open ones get their deadline in the new zone."""


async def update_member(
    change: Change, member_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update fields of a member; `active` false deactivates the member.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the member; LAST_ADMIN; FORBIDDEN to deactivate yourself;
    INVALID.
    """
    wanted = FIELDS.tidy(given)
    decisive = given.keys() & {"active", "role"}
    if decisive:
        await change.run(LOCK_ORGANISATION)
    if "time_zone" in given:
        await change.run(LOCK_DAYS, id=member_id)
    take = TAKE_ALONE if decisive or "time_zone" in given else LOCK_MEMBER
    member = await change.first(take, id=member_id)
    if member is None:
        raise not_found("member", "memberId")
    expect_version(member, expected_version, member=member_id)
    changes = differing(member, wanted)
    if not changes:
        return {"member": member_id}
    if decisive:
        _expect_may_leave(change, member, changes, await change.all(OTHER_ADMINS, id=member_id))
    await rewrite(change, REVISE_MEMBER, member, with_keys("member", changes))
    if "time_zone" in changes:
        await change.run(MOVE_DEADLINES, id=member_id, time_zone=changes["time_zone"])
        await rearm(change, member_id)
    change.emit(NewEvent(Changed(EventType.MEMBER_UPDATED, describe(member, changes)), record_id=member_id))
    return {"member": member_id}


def _expect_may_leave(change: Change, member: Row, changes: Mapping[str, Any], other_admins: list[Row]) -> None:
    """Refuse to remove the last active admin, and members who deactivate themselves."""
    now = {**member, **changes}
    was_admin = member["active"] and member["role"] == Role.ADMIN
    if was_admin and not (now["active"] and now["role"] == Role.ADMIN) and not other_admins:
        raise Refused(
            Refusal.LAST_ADMIN,
            "This is the only active admin. Make another member an admin first.",
            "active" if "active" in changes else "role",
            shown={"member": member["id"]},
        )
    if member["id"] == change.actor_id and not now["active"]:
        raise Refused(
            Refusal.FORBIDDEN,
            "You cannot deactivate yourself. Ask another admin.",
            "active",
            shown={"member": member["id"]},
        )
