"""The events of scores: what scoring rules have given, and which bands leads have entered."""

import strawberry

import models
from engine.publish.fields import read, to_one
from models.event_types import EventType
from resolvers.reads.events import event_fields
from schema.types.events.interfaces import Event, of
from schema.types.pipeline import Pipeline


@of(EventType.SCORES_CHANGED)
class ScoresChanged(Event):
    pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline whose rules gave the scores.")
    lead_ids: list[strawberry.ID] = read(
        event_fields.listed(EventType.SCORES_CHANGED, "lead_ids"), "The ids of the leads that have other scores."
    )
    version: int | None = read(
        event_fields.number(EventType.SCORES_CHANGED, "version"), "The version of the scoring rules."
    )


FROM = read(
    event_fields.number(EventType.LEAD_SCORE_CROSSED, "from_"),
    "The score before; null when the lead had never been scored.",
)
FROM.graphql_name = "from"


@of(EventType.LEAD_SCORE_CROSSED)
class LeadScoreCrossed(Event):
    from_band: str | None = read(
        event_fields.text(EventType.LEAD_SCORE_CROSSED, "from_band"), "The name of the band before; null for none."
    )
    band: str | None = read(
        event_fields.text(EventType.LEAD_SCORE_CROSSED, "band"), "The name of the band now; null for none."
    )
    from_: int | None = FROM
    to: int = read(event_fields.number(EventType.LEAD_SCORE_CROSSED, "to"), "The score with which it crossed.")
