"""Open tasks whose time has come, for what `passing_time` records of them: their deadline, their reminder."""

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Row, Statement
from models.tables.event import EventData, NewEvent


def lock_due(column: str, due: str, mark: str) -> Statement:
    """Takes the tasks of a batch, with their leads as they are now: those that are `due`, by the instant in `column`,
    and that have no `mark`, which they get.

    What a change or another process holds is left for the next time, so nobody waits for this and this waits for
    nobody. It is no change of the tasks: their version stays.
    """
    return Statement(
        text(
            f"""
            WITH due_tasks AS MATERIALIZED (
                SELECT id, lead_id FROM task
                WHERE org_id = :org_id AND status = 'OPEN' AND {mark} IS NULL AND {due}
                ORDER BY {column}, id LIMIT :size
            ), held AS MATERIALIZED (
                SELECT id, owner_id, pipeline_id, stage_id FROM lead
                WHERE org_id = :org_id AND id = ANY(ARRAY(SELECT lead_id FROM due_tasks))
                FOR SHARE SKIP LOCKED
            ), taken AS MATERIALIZED (
                SELECT task.id, held.id AS lead_id, held.owner_id, held.pipeline_id, held.stage_id
                FROM task LEFT JOIN held ON held.id = task.lead_id
                WHERE task.org_id = :org_id AND task.id = ANY(ARRAY(SELECT id FROM due_tasks))
                    AND status = 'OPEN' AND {mark} IS NULL AND {due}
                    AND (task.lead_id IS NULL OR held.id IS NOT NULL)
                FOR NO KEY UPDATE OF task SKIP LOCKED
            )
            UPDATE task SET {mark} = :now FROM taken WHERE task.org_id = :org_id AND task.id = taken.id
            RETURNING task.id, task.{column}, taken.lead_id, taken.owner_id, taken.pipeline_id, taken.stage_id
            """
        ).bindparams(ORG)
    )


def of_task(what: EventData, task: Row) -> NewEvent:
    """An event of a task that `lock_due` has taken."""
    return NewEvent(
        what,
        lead_id=task["lead_id"],
        owner_id=task["owner_id"],
        pipeline_id=task["pipeline_id"],
        stage_id=task["stage_id"],
        record_id=task["id"],
    )
