"""What spans hold of leads and stages, in SQL; and which events can mean that it has changed."""

from collections.abc import Collection, Mapping

from engine.change.records import expect_columns
from models.event_keys import key
from models.event_names import OF_LEADS_COUNTED
from models.event_types import EventType
from models.rules.stage_kind import StageKind
from models.rules.text import spelled
from models.tables.analytics.spans import LeadOutcome, LeadSpan, StageSpan

CHANGES = key(EventType.LEAD_UPDATED, "changes")

NUMBERS = ("from_number", "until_number")

OUTCOME = f"""CASE
    WHEN stage.kind = '{StageKind.WON}' THEN '{LeadOutcome.WON}'
    WHEN lead.converted_at IS NOT NULL THEN '{LeadOutcome.CONVERTED}'
    WHEN lead.disqualified_at IS NOT NULL OR stage.kind = '{StageKind.LOST}' THEN '{LeadOutcome.LOST}'
END"""
"""How a lead ended, in the stage that it stands in."""

OWN_FIELDS = ("owner_id", "title", "value", "currency", "probability", "expected_close_date", "forecast_category")
"""What a span holds of the fields of a lead that people fill in."""

OF_LEAD: Mapping[str, str] = {
    **{name: f"lead.{name}" for name in ("pipeline_id", "stage_id", *OWN_FIELDS)},
    "outcome": OUTCOME,
}
"""What a span holds of a lead, by column, as SQL over the lead and its stage."""

OF_STAGE: Mapping[str, str] = {
    name: f"stage.{name}" for name in ("pipeline_id", "name", "kind", "probability", "forecast_category", "position")
}
"""What a span holds of a stage."""

expect_columns(LeadSpan, ("org_id", "lead_id", *NUMBERS, *OF_LEAD))
expect_columns(StageSpan, ("org_id", "stage_id", *NUMBERS, *OF_STAGE))

LEAD_EVENTS = frozenset(OF_LEADS_COUNTED)
"""After these, a span of the lead may end or begin."""

STAGE_EVENTS = frozenset(
    {
        EventType.PIPELINE_CREATED,
        EventType.PIPELINE_DELETED,
        EventType.STAGE_ADDED,
        EventType.STAGE_UPDATED,
        EventType.STAGE_DELETED,
        EventType.STAGES_REORDERED,
    }
)
"""The same, of the stages of a pipeline."""

LEAD_FIELDS = frozenset(spelled(name) for name in OWN_FIELDS)
STAGE_FIELDS = {spelled(name): name for name in OF_STAGE if name not in ("pipeline_id", "position")}
"""The public names of the fields whose changes matter; of a stage, with their columns."""


def matters(type_: str, changes: Collection[str]) -> bool:
    """Whether a span may change by an event of this type, which changes these fields of its record."""
    if type_ == EventType.LEAD_UPDATED:
        return not LEAD_FIELDS.isdisjoint(changes)
    if type_ == EventType.STAGE_UPDATED:
        return not STAGE_FIELDS.keys().isdisjoint(changes)
    return type_ in LEAD_EVENTS or type_ in STAGE_EVENTS
