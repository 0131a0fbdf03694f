"""Events: what subscriptions deliver."""

import strawberry

from resolvers import events
from schema.fields import column, read
from schema.lead import Lead
from schema.member import Member
from schema.pipeline import Pipeline
from schema.scalars import DateTime
from schema.stage import Stage


@strawberry.type(description="A lead has entered another stage.")
class StageChanged:
    cursor: str = read(events.cursor, "The place of this event. Subscribe `after` it to go on where you stopped.")
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    actor: Member | None = read(events.actor, "Who did it; null when it was done by the system or an import.")
    lead: Lead | None = read(events.lead, "The lead, as it is now; null when it has been deleted since.")
    from_stage: Stage | None = read(events.from_stage, "The stage it left.")
    from_pipeline: Pipeline | None = read(events.from_pipeline, "The pipeline it left.")
    to_stage: Stage | None = read(events.to_stage, "The stage it entered.")
    to_pipeline: Pipeline | None = read(events.to_pipeline, "The pipeline of the stage it entered.")
