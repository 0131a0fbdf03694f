"""The runs of the CRM: which mutations start them, and the event at their end."""

from collections.abc import Mapping
from uuid import UUID

from engine.background.runs import RunKind
from engine.change.transaction import Change
from models.event_types import RunEnded
from models.tables.event import NewEvent
from resolvers.changes.ownership.reassign_run import REASSIGNING
from resolvers.changes.pipelines.empty_stage import EMPTYING

WORK: Mapping[str, RunKind] = {"delete_stage": EMPTYING, "reassign_all": REASSIGNING}
"""How runs are made, by the mutation that starts them."""


def run_ended(change: Change, run_id: UUID, state: str, error: str | None) -> None:
    """Add the event that a run has ended."""
    change.emit(NewEvent(RunEnded(state=state, error=error), record_id=run_id))
