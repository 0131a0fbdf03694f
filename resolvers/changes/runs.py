"""The runs of the CRM: which mutations start them, how they are cancelled or tried again, and the event of an end."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, text

from engine.background.runs import RunKind, given_of
from engine.change.records import ID, describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType, RunEnded
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.roles import Role
from models.tables.event import NewEvent
from models.tables.run import RunState
from resolvers.changes.ownership.reassign_run import REASSIGNING
from resolvers.changes.pipelines.empty_stage import EMPTYING
from resolvers.changes.scoring.scoring import SCORING

WORK: Mapping[str, RunKind] = {
    "delete_stage": EMPTYING,
    "reassign_all": REASSIGNING,
    "set_scoring_rules": SCORING,
    "score_leads": SCORING,
}
"""How runs are made, by the mutation that starts them."""

LOCK_RUN = Statement(
    text(
        """
        SELECT id, kind, input, state, error, failures, made_by_id, owner FROM run
        WHERE org_id = :org_id AND id = :id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, ID)
)
"""Waits for the batch at hand, which holds the row until it is done."""

CANCEL = Statement(
    text(
        """
        UPDATE run SET state = 'CANCELLED', finished_at = statement_timestamp(), updated_at = statement_timestamp(),
            version = version + 1, due_at = NULL
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)
"""A worker that still has it writes nothing more of it: it is not RUNNING any more."""

WAIT_AGAIN = Statement(
    text(
        """
        UPDATE run SET state = 'WAITING', due_at = statement_timestamp(), failures = 0, error = NULL,
            finished_at = NULL, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)

HURRY_LANE = Statement(
    text(
        """
        INSERT INTO lane (org_id, kind, next_due) VALUES (:org_id, :kind, statement_timestamp())
        ON CONFLICT (org_id, kind) DO UPDATE SET next_due = least(lane.next_due, excluded.next_due),
            changes = lane.changes + 1
        """
    ).bindparams(ORG, bindparam("kind", type_=Text()))
)


async def cancel_run(change: Change, run_id: UUID) -> Mapping[str, Any]:
    """End a run after the batch at hand. What is done stays; what the run has set aside is free again.

    One that was cancelled before stays as it is. Raises `Refused`: NOT_FOUND; FORBIDDEN for a manager who did not start
    it; RUN_ENDED, showing the run.
    """
    run = await change.first(LOCK_RUN, id=run_id)
    if run is None:
        raise not_found("run", "runId")
    if change.caller.role != Role.ADMIN and run["made_by_id"] != change.actor_id:
        raise Refused(
            Refusal.FORBIDDEN,
            "Only an admin can cancel a run that somebody else started. Ask an admin.",
            "runId",
            shown={"run": run_id},
        )
    if run["state"] == RunState.CANCELLED:
        return {"run": run_id}
    if run["state"] not in (RunState.WAITING, RunState.RUNNING):
        raise Refused(
            Refusal.RUN_ENDED, "This run has ended, so nothing is left to cancel.", "runId", shown={"run": run_id}
        )
    if run["owner"] is None:
        await WORK[run["kind"]].give_up(change, given_of(run))
    await change.run(CANCEL, id=run_id)
    run_ended(change, run_id, RunState.CANCELLED, None)
    return {"run": run_id}


async def retry_run(change: Change, run_id: UUID) -> Mapping[str, Any]:
    """Have work that has failed done again. Raises `Refused`: NOT_FOUND; INVALID, showing the run, for what has not
    failed, and for a change, which its mutation starts again."""
    run = await change.first(LOCK_RUN, id=run_id)
    if run is None:
        raise not_found("run", "runId")
    if run["owner"] is None:
        text = "This run is a change of many records. Send its mutation again instead; what is done stays."
        raise Refused(Refusal.INVALID, text, "runId", shown={"run": run_id})
    if run["state"] != RunState.FAILED:
        text = "Only a run that has failed can be tried again."
        raise Refused(Refusal.INVALID, text, "runId", shown={"run": run_id})
    await change.run(WAIT_AGAIN, id=run_id)
    await change.run(HURRY_LANE, kind=run["kind"])
    changes = describe(run, {"state": str(RunState.WAITING), "error": None, "failures": 0})
    change.emit(NewEvent(Changed(EventType.RUN_RETRIED, changes), record_id=run_id))
    return {"run": run_id}


def run_ended(change: Change, run_id: UUID, state: str, error: str | None) -> None:
    """Add the event that a run has ended."""
    change.emit(NewEvent(RunEnded(state=state, error=error), record_id=run_id))
