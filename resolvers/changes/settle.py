"""What is kept beside records for reading, brought up to date at the end of each change, in its transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.event_types import EventType
from models.tables.event import NewEvent
from resolvers.changes.search_words import keep_words

MARK_OPEN_TASKS = Statement(
    text(
        """
        UPDATE lead SET has_open_task = NOT has_open_task
        WHERE org_id = :org_id AND id = ANY(:ids) AND has_open_task <> EXISTS (
            SELECT FROM task WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN'
        )
        """
    ).bindparams(ORG, IDS)
)
"""The leads are locked by the change that ends, so none of their tasks comes, goes or ends meanwhile."""

CARRIES_TASKS = {EventType.LEAD_CONVERTED, EventType.LEAD_MERGED}


async def settle(connection: Connection, org_id: UUID, new_events: Sequence[NewEvent]) -> None:
    """Bring up to date what the events of a change, which are complete, have made stale."""
    if any(one.what.type.startswith("task.") or one.what.type in CARRIES_TASKS for one in new_events):
        ids = sorted({one.lead_id for one in new_events if one.lead_id is not None})
        await MARK_OPEN_TASKS.run(connection, org_id=org_id, ids=ids)
    await keep_words(connection, org_id, new_events)
