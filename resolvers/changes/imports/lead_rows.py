"""The rows of an imported lead: itself, the steps of its history, and an event for each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.change.records import describe, expect_columns
from models.event_types import EnteredStage, LeadCreated
from models.rules.matching.keys import with_keys
from models.rules.stage_kind import StageKind
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.lead import Lead
from resolvers.changes.imports.history import History, expected_day
from resolvers.changes.imports.rows import FOUND, IN_LINES, Deal
from resolvers.changes.leads.fields import FIELDS

expect_columns(
    Lead,
    (
        *("org_id", "id", "pipeline_id", "stage_id", "rank", *IN_LINES, *FOUND, "sort_key"),
        *("stage_entered_at", "closed_at", "lost_reason", "created_at", "updated_at", "version", "rot_check_at"),
    ),
    default=(
        *("forecast_category", "qualified_at", "disqualified_at", "last_activity_at", "has_open_task"),
        *("converted_at", "converted_to_id", "converted_from_id", "rotten_told_at"),
    ),
)


@dataclass(frozen=True)
class NewLead:
    """A lead to be written, with its history."""

    row: dict[str, Any]
    steps: Sequence[Mapping[str, Any]]

    @property
    def events(self) -> Iterator[NewEvent]:
        """That it was created, and each stage it entered since: each with the id of its step."""
        lead = self.row
        for step in self.steps:
            created, last = step is self.steps[0], step is self.steps[-1]
            why = lead["lost_reason"] if last else None
            changes = None if why is None else describe({"lost_reason": None}, {"lost_reason": why})
            yield NewEvent(
                LeadCreated(record=FIELDS.public(lead), lost_reason=why) if created else EnteredStage(changes=changes),
                lead_id=lead["id"],
                owner_id=lead["owner_id"],
                pipeline_id=step["to_pipeline_id"],
                stage_id=step["to_stage_id"],
                from_pipeline_id=step["from_pipeline_id"],
                from_stage_id=step["from_stage_id"],
                id=step["id"],
            )


def new_lead(
    org_id: UUID, pipeline_id: UUID, deal: Deal, past: History, found: Mapping[str, UUID | None], actor_id: UUID | None
) -> NewLead:
    """The lead of a deal; `found` are the records that it names, by column."""
    began, stage, entered = past.steps[0].at, past.steps[-1].stage, past.steps[-1].at
    may_be_stale = past.closed_at is None and stage["rotten_after_days"] is not None and _is_dated(deal)
    row = {
        "org_id": org_id,
        "id": new_id(began),
        "pipeline_id": pipeline_id,
        "stage_id": stage["id"],
        **with_keys("lead", deal.lead),
        "expected_close_date": expected_day(deal, past.closed_at is not None),
        **found,
        "stage_entered_at": entered,
        "closed_at": past.closed_at,
        "lost_reason": deal.lost_reason if stage["kind"] == StageKind.LOST else None,
        "created_at": began,
        "updated_at": entered,
        "version": 1,
        "rot_check_at": entered if may_be_stale else None,
    }
    steps: list[dict[str, Any]] = []
    # Steps of one instant come in the order of their ids.
    for step, id in zip(past.steps, sorted(new_id(step.at) for step in past.steps), strict=True):
        previous = steps[-1]["to_stage_id"] if steps else None
        steps.append(
            {
                "org_id": org_id,
                "id": id,
                "lead_id": row["id"],
                "from_pipeline_id": previous and pipeline_id,
                "from_stage_id": previous,
                "to_pipeline_id": pipeline_id,
                "to_stage_id": step.stage["id"],
                "actor_id": actor_id,
                "occurred_at": step.at,
            }
        )
    return NewLead(row, steps)


def _is_dated(deal: Deal) -> bool:
    """Whether it came into its stage some time ago, rather than by the import."""
    return deal.created_at is not None or bool(deal.entered)
