"""The event of scores that scoring rules have given."""

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
