"""Where a lead can move: each stage of its pipeline, and what prevents it."""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_

from engine.publish.fields import ReadResolver
from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.entering import LeadField
from models.rules.refusal import Refusal
from models.rules.stage_kind import StageKind
from models.tables.stage import Stage
from resolvers.reads.stages import asks_for, in_pipeline, lead_fields


class Transition:
    """A stage, seen from a lead that could move there. Its attributes are those of the stage."""

    def __init__(self, stage: Any, lead: Any) -> None:
        self.stage = stage
        self.lead = lead

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.stage, name)
        return found

    def __clause_element__(self) -> Any:
        return self.stage.__clause_element__()

    @property
    def is_here(self) -> ColumnElement[bool]:
        """Whether the lead is in this stage."""
        here: ColumnElement[bool] = self.stage.id == self.lead.stage_id
        return here

    @property
    def is_over(self) -> ColumnElement[bool]:
        """Whether the lead was converted into an opportunity, and so stays in its stage."""
        return and_(self.lead.converted_at.is_not(None), ~self.is_here)

    def misses(self, field: LeadField) -> ColumnElement[bool]:
        """Whether the stage requires a field that the lead lacks."""
        return and_(~self.is_here, asks_for(self.stage, field), getattr(self.lead, field.value).is_(None))

    @property
    def is_incomplete(self) -> ColumnElement[bool]:
        """Whether any required field is missing."""
        return or_(*(self.misses(field) for field in LeadField))


def of_lead(lead: Any, args: Args) -> Rows:
    """The stages of a lead's pipeline, in order, each seen from the lead."""
    stages = in_pipeline(lead.pipeline_id).picked()
    return Rows(Stage, Transition(stages.entity, lead), ())


def stage(transition: Transition, args: Args) -> Same:
    """The stage itself."""
    return Same(transition.stage)


def allowed(may_move: ReadResolver) -> ReadResolver:
    """Whether the lead may be moved there as it is now, by a caller who may move leads."""

    def resolver(transition: Transition, args: Args) -> Expression:
        return and_(may_move(transition.lead, args), ~or_(transition.is_over, transition.is_incomplete))

    return resolver


def needs_reason(transition: Transition, args: Args) -> Expression:
    """Whether the move requires a reason, because it loses a lead that is not lost yet."""
    was = rows(Stage, transition.lead.stage_id).value(lambda stage: stage.kind)
    lost = quoted(StageKind.LOST)
    lead = transition.lead
    known = or_(was == lost, lead.disqualified_at.is_not(None), lead.lost_reason.is_not(None))
    return and_(transition.stage.kind == lost, ~func.coalesce(known, literal_column("false")))


def missing(transition: Transition, args: Args) -> Expression:
    """The fields that the stage requires and the lead lacks."""
    return lead_fields(*((field, transition.misses(field)) for field in LeadField))


def refused_because(may_move: ReadResolver) -> ReadResolver:
    """The code with which the move would be refused."""

    def resolver(transition: Transition, args: Args) -> Expression:
        return case(
            (~may_move(transition.lead, args), quoted(Refusal.FORBIDDEN)),
            (transition.is_over, quoted(Refusal.LEAD_CONVERTED)),
            (transition.is_incomplete, quoted(Refusal.FIELDS_REQUIRED)),
        )

    return resolver
