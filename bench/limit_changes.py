"""The limit of changes: the statements of a change, one after the other in one transaction, and nothing around them.

They are the same statements, so the difference is what Dealboard adds to them: reading the request, authentication, the
rules, and building the payload.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models.database import Row, Statement
from models.rules.rank import between
from models.tables.base import new_id
from resolvers.changes import locks as locking
from resolvers.changes.leads import convert as conversion
from resolvers.changes.leads import convert_create, lifecycle, place
from resolvers.changes.leads import convert_target as conversion_target
from resolvers.changes.leads import move as moves
from resolvers.changes.organisation.membership import FIND_MEMBER
from resolvers.changes.ownership import assign as assignment
from resolvers.changes.spans.beside import APPENDS
from resolvers.changes.tasks import create_update as task_changes
from resolvers.changes.tasks import fields as task_fields
from resolvers.changes.tasks import locks as task_holding

Written = Callable[[Any, UUID, UUID, UUID], Awaitable[None]]


async def one(statement: Statement, connection: Any, **values: Any) -> Row:
    """The row that a statement returns."""
    found = await statement.first(connection, **values)
    assert found is not None
    return found


async def append(connection: Any, org_id: UUID, actor_id: UUID, lead: Any, *types: str, **totals: Any) -> None:
    """Write the events, the changes of the totals, and the span of the lead."""
    count = len(types)
    of_lead = types[0].startswith("lead.")
    spans = {"changed_leads": [lead["id"]], "lead_places": [1]} if of_lead else {}
    await APPENDS[bool(totals), of_lead, False, False].run(
        connection,
        org_id=org_id,
        actor_kind="MEMBER",
        actor_id=actor_id,
        mutation="bench",
        run_id=None,
        depth=0,
        ids=[new_id() for _ in types],
        types=list(types),
        data=["{}"] * count,
        lead_ids=[lead["id"]] * count,
        owner_ids=[lead["owner_id"]] * count,
        pipeline_ids=[lead["pipeline_id"]] * count,
        stage_ids=[lead["stage_id"]] * count,
        from_pipeline_ids=[None] * count,
        from_stage_ids=[None] * count,
        record_ids=[None] * count,
        **totals,
        **spans,
    )


async def actor(connection: Any, org_id: UUID) -> UUID:
    """The member who makes the change."""
    found = await one(FIND_MEMBER, connection, org_id=org_id, subject="member-0")
    member_id: UUID = found["id"]
    return member_id


async def assign(connection: Any, org_id: UUID, lead_id: UUID, member_id: UUID) -> None:
    """Assign a lead to a member."""
    actor_id = await actor(connection, org_id)
    await one(locking.KEEP["member"], connection, org_id=org_id, id=member_id)
    (lead,) = await assignment.LOCK_LEADS.all(connection, org_id=org_id, ids=[lead_id])
    await assignment.ASSIGN.run(connection, org_id=org_id, ids=[lead_id], owners=[member_id])
    await append(connection, org_id, actor_id, lead, "lead.assigned")


async def follow_up(connection: Any, org_id: UUID, lead_id: UUID, member_id: UUID) -> None:
    """Plan the next step of a lead."""
    actor_id = await actor(connection, org_id)
    (lead,) = await task_holding.LOCK_LEADS.all(connection, org_id=org_id, ids=[lead_id], task_ids=[])
    await task_fields.KEEP_ASSIGNEES.all(connection, org_id=org_id, ids=[member_id])
    due = datetime(2031, 1, 1, tzinfo=UTC)
    fields = {**task_fields.EMPTY, "title": "Call", "lead_id": lead_id, "assignee_id": member_id, "due_at": due}
    await task_changes.MAKE_TASK.run(
        connection, org_id=org_id, id=new_id(), deadline=due, creator_id=actor_id, **fields
    )
    await append(connection, org_id, actor_id, lead, "task.scheduled")


async def qualify(connection: Any, org_id: UUID, lead_id: UUID, _: UUID) -> None:
    """Move a lead to the next open stage, and mark it as qualified."""
    actor_id = await actor(connection, org_id)
    peeked = await one(lifecycle.PEEK, connection, org_id=org_id, lead_id=lead_id)
    here = {"org_id": org_id, "stage_id": peeked["stage_id"]}
    target = await one(lifecycle.NEXT_OPEN_STAGE, connection, **here)
    stages = await locking.KEEP_STAGES.all(connection, org_id=org_id, id=lead_id, ids=[target["id"]])
    lead = await one(locking.LOCK_LEAD, connection, org_id=org_id, id=lead_id)
    await one(lifecycle.NEXT_OPEN_STAGE, connection, **here)
    gap = await one(place.TOP, connection, org_id=org_id, stage_id=target["id"], lead_id=lead_id)
    await moves.MOVE.run(
        connection,
        org_id=org_id,
        id=new_id(),
        lead_id=lead_id,
        pipeline_id=lead["pipeline_id"],
        stage_id=target["id"],
        from_pipeline_id=lead["pipeline_id"],
        from_stage_id=lead["stage_id"],
        rank=between(gap["low"], gap["high"]),
        closed=False,
        stays=False,
        lost_reason=None,
        disqualified=False,
        qualified=True,
        actor_id=actor_id,
    )
    await append(connection, org_id, actor_id, lead, "lead.qualified", "lead.stage_changed", **_totals(stages, lead))


async def convert(connection: Any, org_id: UUID, lead_id: UUID, _: UUID) -> None:
    """Convert a qualified lead into an opportunity."""
    actor_id = await actor(connection, org_id)
    target = await one(
        conversion_target.TARGET, connection, org_id=org_id, lead_id=lead_id, pipeline_id=None, stage_id=None
    )
    stages = await locking.KEEP_STAGES.all(connection, org_id=org_id, id=lead_id, ids=[target["id"]])
    lead = await one(locking.LOCK_LEAD, connection, org_id=org_id, id=lead_id)
    await one(conversion.TYPE, connection, org_id=org_id, id=lead["pipeline_id"])
    await one(conversion.LOCK_CONTACT, connection, org_id=org_id, contact_id=lead["contact_id"])
    await conversion.TAKE_TASKS.all(connection, org_id=org_id, lead_id=lead_id)
    gap = await one(place.TOP, connection, org_id=org_id, stage_id=target["id"], lead_id=lead_id)
    await convert_create.CREATE.run(
        connection,
        org_id=org_id,
        id=new_id(),
        lead_id=lead_id,
        rank=between(gap["low"], gap["high"]),
        title=lead["title"],
        value=lead["value"],
        currency=lead["currency"],
        customer_id=lead["customer_id"],
        contact_id=lead["contact_id"],
        event_id=new_id(),
        actor_id=actor_id,
        pipeline_id=target["pipeline_id"],
        stage_id=target["id"],
    )
    await append(connection, org_id, actor_id, lead, "lead.converted", "lead.created", **_totals(stages, lead))


def _totals(stages: list[Any], lead: Any) -> dict[str, list[Any]]:
    """As many rows of totals as the change touches; the amounts make no difference to the time."""
    amount = lead["value"] or 0
    ids = sorted(stage["id"] for stage in stages)
    return {
        "stages": ids,
        "currencies": [lead["currency"] or ""] * len(ids),
        "leads": [1] * len(ids),
        "values": [amount] * len(ids),
        "weights": [amount] * len(ids),
    }


CHANGES: dict[str, Written] = {"assign": assign, "followup": follow_up, "qualify": qualify, "convert": convert}
