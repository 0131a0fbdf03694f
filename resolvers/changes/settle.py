"""What is kept beside records for reading, brought up to date at the end of each change, in its transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.change.shards import CLOCK
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.event_types import EventType
from models.tables.event import NewEvent
from resolvers.changes.search_words import keep_words

_open_tasks = """
    SELECT FROM task WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN'
"""

_waits_for_none = f"""
    (rot_check_at > clock.now AND NOT EXISTS ({_open_tasks} AND task.deadline >= lead.rot_check_at))
"""

MARK_TASKS = Statement(
    text(
        f"""
        UPDATE lead SET has_open_task = EXISTS ({_open_tasks}),
            rot_check_at = CASE WHEN {_waits_for_none} THEN clock.now ELSE rot_check_at END
        FROM {CLOCK}
        WHERE org_id = :org_id AND id = ANY(:ids) AND (has_open_task <> EXISTS ({_open_tasks}) OR {_waits_for_none})
        """
    ).bindparams(ORG, IDS)
)
"""What leads know of their tasks: whether one is open, and whether there still is the one that keeps them from going
stale. The leads are locked by the change that ends, so none of their tasks comes, goes or ends meanwhile."""

CARRIES_TASKS = {EventType.LEAD_CONVERTED, EventType.LEAD_MERGED}


async def settle(connection: Connection, org_id: UUID, new_events: Sequence[NewEvent]) -> None:
    """Bring up to date what the events of a change, which are complete, have made stale."""
    if any(one.what.type.startswith("task.") or one.what.type in CARRIES_TASKS for one in new_events):
        ids = sorted({one.lead_id for one in new_events if one.lead_id is not None})
        await MARK_TASKS.run(connection, org_id=org_id, ids=ids)
    await keep_words(connection, org_id, new_events)
