"""The fields of a task that people fill in: what each may contain, and how they constrain each other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, as_given, between, required
from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.numbers import FIRST_DAY, LAST_DAY, within
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.roles import ASSIGNED_TASK, Role
from models.rules.rrule import parse_rule, rule_text
from models.rules.text import line, prose
from models.rules.time_zone import end_of_day, time_zone
from models.tables.event import Snapshot
from models.tables.task import Task, TaskPriority
from resolvers.changes.locks import expect_found

KEEP_ASSIGNEES = Statement(
    text(
        """
        WITH held AS (
            SELECT id, active, time_zone FROM member WHERE org_id = :org_id AND id = ANY(:ids)
            ORDER BY id FOR KEY SHARE
        )
        SELECT id, active, time_zone FROM held
        UNION ALL SELECT NULL, NULL, time_zone FROM organisation WHERE id = :org_id
        """
    ).bindparams(ORG, IDS)
)
"""Members who have or get a task, locked against leaving and moving to another time zone meanwhile; a task that
is nobody's goes by the organisation's time zone."""


def _instant(value: datetime | None, *field: str) -> datetime | None:
    if value is not None:
        within(value.date(), FIRST_DAY, LAST_DAY, *field)
    return value


def _recurrence(value: str | None, *field: str) -> str | None:
    if value is None or not value.strip():
        return None
    try:
        return rule_text(parse_rule(value))
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong


FIELDS = Fields(
    Task,
    {"priority": TaskPriority.NORMAL.value},
    title=required(line),
    notes=prose,
    priority=required(),
    due_at=_instant,
    due_on=between(FIRST_DAY, LAST_DAY),
    remind_at=_instant,
    recurrence=_recurrence,
    assignee_id=as_given,
    lead_id=as_given,
    contact_id=as_given,
    customer_id=as_given,
    parent_id=as_given,
)

EMPTY = FIELDS.empty

DUE = {"due_at", "due_on", "assignee_id"}
"""The fields that the deadline depends on."""

GIVES = ("assignee_id", "lead_id")
"""The fields that decide whether a rep may have made a task what it is."""


def tidy(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields as they are stored, each checked by itself. Raises `Refused` INVALID."""
    with Checks() as check:
        fields = check(FIELDS.tidy, given)
        check(_expect_one_due, given)
    # A caller who sends one replaces the other.
    if fields.get("due_at") is not None:
        fields["due_on"] = None
    elif fields.get("due_on") is not None:
        fields["due_at"] = None
    return fields


def check_fields(given: Mapping[str, Any]) -> None:
    """Check the fields of a task among the given values. Raises as `tidy` does."""
    tidy(FIELDS.among(given))


def _expect_one_due(given: Mapping[str, Any]) -> None:
    if given.get("due_at") is not None and given.get("due_on") is not None:
        raise Refused(Refusal.INVALID, "A task is due at an instant or on a day, not both. Leave one out.", "dueOn")


async def settle(
    change: Change, before: Mapping[str, Any], given: Mapping[str, Any], lead: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The given fields and the resulting deadline, checked together and against the records they name.

    Raises `Refused`: NOT_FOUND; OWNER_INACTIVE; FORBIDDEN for a rep who assigns to others; INVALID.
    """
    new = {name: id for name, id in given.items() if id is not None and id != before[name]}
    after = {**before, **given}
    settled = dict(given)
    with Checks() as check:
        await check.later(expect_found(change, "contact", new.get("contact_id"), "contactId"))
        await check.later(expect_found(change, "customer", new.get("customer_id"), "customerId"))
        check(expect_may_assign, change, before, after, lead)
        if DUE & given.keys():
            settled["deadline"] = await check.later(deadline(change, after, new.get("assignee_id")))
    return settled


async def deadline(change: Change, task: Mapping[str, Any], newly_assigned: UUID | None = None) -> datetime | None:
    """When a task becomes overdue: at its instant, or when its day ends in its assignee's time zone.

    Raises `Refused` for a newly assigned member: NOT_FOUND, OWNER_INACTIVE.
    """
    due_at: datetime | None = task["due_at"]
    if newly_assigned is None and task["due_on"] is None:
        return due_at
    found = (await assignees(change, task["assignee_id"])).get(task["assignee_id"])
    if found is None:
        raise not_found("member", "assigneeId")
    if newly_assigned is not None and not found["active"]:
        raise Refused(
            Refusal.OWNER_INACTIVE,
            "This member is no longer active. Choose an active one, or null for nobody.",
            "assigneeId",
        )
    return due_at if task["due_on"] is None else end_of_day(task["due_on"], time_zone(found["time_zone"]))


async def assignees(change: Change, *member_ids: UUID | None) -> dict[UUID | None, Row]:
    """These members by id, with their status and time zone; None has the time zone for tasks without an assignee."""
    rows = await change.all(KEEP_ASSIGNEES, ids=[id for id in set(member_ids) if id is not None])
    return {row["id"]: row for row in rows}


def expect_may_assign(
    change: Change, before: Mapping[str, Any], after: Mapping[str, Any], lead: Mapping[str, Any] | None
) -> None:
    """Refuse a rep who assigns a task to another member, unassigns it, or moves another member's task to a lead that
    this member does not own; the owner of its lead may always get it.

    The result of an update decides, so two updates cannot do what is refused in one.
    """
    if change.caller.role.includes(Role.MANAGER) or all(before[name] == after[name] for name in GIVES):
        return
    role, me = change.caller.role, change.actor_id
    own, owner = {None, me}, {lead["owner_id"]} if lead else set()
    if after["assignee_id"] in own | owner and (
        ASSIGNED_TASK.includes(role, me, before) or after["assignee_id"] == before["assignee_id"]
    ):
        return
    if after["assignee_id"] != before["assignee_id"]:
        raise Refused(
            Refusal.FORBIDDEN,
            "Only a manager can assign tasks to other members, or unassign them. Ask a manager.",
            "assigneeId",
        )
    raise Refused(
        Refusal.FORBIDDEN,
        "Only a manager can move another member's task to a lead that this member does not own. Ask a manager.",
        "leadId",
    )


def public_fields(task: Mapping[str, Any]) -> Snapshot:
    """The fields of a task as its events hold them."""
    return FIELDS.public(task)
