"""Deleting a lead, with all that is its own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.ended_event_types import Deleted, TaskDeleted
from models.event_types import EventType
from models.rules.refusal import Refusal, Refused
from models.tables.event import NewEvent
from resolvers.changes import activities as activity_changes
from resolvers.changes.leads.fields import FIELDS
from resolvers.changes.locks import lock_lead
from resolvers.changes.spans.gone import kept_of
from resolvers.changes.stage_totals import count
from resolvers.changes.tasks import fields as task_fields
from resolvers.changes.tasks.dependencies import release_from

DELETE_LEAD = Statement(
    text(
        f"""
        WITH gone AS (DELETE FROM lead WHERE org_id = :org_id AND id = :id RETURNING *) {kept_of("gone")}
        """
    ).bindparams(ORG)
)
"""Tasks and activities go with it, by their foreign keys. Its history stays, for reports on the past."""

ACTIVITIES = Statement(
    text("SELECT * FROM activity WHERE org_id = :org_id AND lead_id = :id ORDER BY id").bindparams(ORG, ID)
)

TASKS = Statement(text("SELECT * FROM task WHERE org_id = :org_id AND lead_id = :id ORDER BY id").bindparams(ORG, ID))


async def delete_lead(change: Change, lead_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete a lead with its tasks and activities; what waited for its tasks waits no more, and a part
    of one that is no step of the lead itself stays. An event for each record that goes keeps what its fields were.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the lead; LEAD_CONVERTED, showing it, when it became an opportunity
    or was created from a lead.
    """
    standing = await lock_lead(change, lead_id, expected_version)
    lead = standing.lead
    if lead["converted_at"] is not None or lead["converted_to_id"] is not None or lead["converted_from_id"] is not None:
        raise Refused(
            Refusal.LEAD_CONVERTED,
            "A converted lead and its opportunity belong together: neither can be deleted. Close them instead.",
            "leadId",
            shown={"lead": lead_id},
        )
    released = await release_from(change, lead_id)
    # A change of one of these locks the lead first, so they stay as they are found.
    for activity in await change.all(ACTIVITIES, id=lead_id):
        logged = Deleted(EventType.ACTIVITY_DELETED, activity_changes.public_fields(activity))
        change.emit(NewEvent.of_lead(logged, lead, activity["id"]))
    for task in await change.all(TASKS, id=lead_id):
        step = TaskDeleted(record=task_fields.public_fields(task), status=task["status"])
        change.emit(NewEvent.of_lead(step, lead, task["id"]))
    await change.run(DELETE_LEAD, id=lead_id)
    count(change, lead, standing.stage, -1)
    change.emit(NewEvent.of_lead(Deleted(EventType.LEAD_DELETED, FIELDS.public(lead)), lead))
    for new_event in released:
        change.emit(new_event)
    return {"deleted_lead_id": f"lead_{lead_id}", "stage": lead["stage_id"]}
