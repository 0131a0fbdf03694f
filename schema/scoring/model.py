"""Scoring rules, and the parts of a score that they give."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import Argument, column, read, to_one
from engine.publish.scalars import ConditionTree, DateTime
from models.rules.roles import Role
from models.tables.activity import ActivityType
from resolvers.reads.scoring import scores
from resolvers.reads.scoring.scores import ScorePartKind, ScoreSource
from schema.types.pipeline import Pipeline

publish(
    ScoreSource,
    "Where the score of a lead comes from.",
    PINNED="Somebody set it, by hand or in an import. It stays until it is unpinned.",
    RULES="The scoring rules of the pipeline give it.",
)

publish(
    ScorePartKind,
    "What a part of a score is.",
    RULE="The points of a rule.",
    GROUP_LIMIT="What the limits of a group of rules add or take.",
    SCORE_LIMIT="What is added or taken because a score is at least 0 and at most 100.",
    PINNED="What is added or taken because somebody set the score.",
)


@strawberry.type(description="A part of a score. The points of all parts together are the score.")
class ScorePart:
    kind: ScorePartKind = column("kind", "What it is.")
    group: str | None = column("group_name", "The name of the group of rules; null for a part of no group.")
    rule: str | None = column("rule_name", "The name of the rule; null unless it is the points of a rule.")
    points: int = column("points", "The points that it adds; negative ones are taken. Never 0.")


@strawberry.type(description="What a scoring rule counts of the activities that people logged on a lead.")
class ScoredActivities:
    types: list[ActivityType] = read(scores.tree("types"), "The types of activities that count; an empty list for all.")
    cap: int = read(scores.number("cap"), "The points that it gives at most; of negative points, takes at most.")
    half_life_days: int | None = read(
        scores.number("halfLifeDays"),
        "After so many days an activity counts half, after twice as many a quarter, and so on; null: it always counts.",
    )


@strawberry.type(description="A scoring rule: which leads get points, and how many.")
class ScoringRule:
    name: str = read(scores.text("name"), "The name of the rule.")
    points: int = read(scores.number("points"), "The points; with `activities`, for each activity.")
    condition: ConditionTree | None = read(
        scores.tree("condition"), "The condition a lead must match; null for any lead."
    )
    activities: list[ScoredActivities] = read(
        scores.activities, "What it counts of the activities of a lead: one item, or none.", rows=1
    )


@strawberry.type(description="A group of scoring rules, whose points together have limits.")
class ScoringGroup:
    name: str = read(scores.text("name"), "The name of the group.")
    min: int = read(scores.number("min"), "The points that the group gives at least.")
    max: int = read(scores.number("max"), "The points that the group gives at most.")
    rules: list[ScoringRule] = read(scores.rules, "The rules.", rows=5)


FROM = read(scores.number("from"), "The score at which leads enter it.")
FROM.graphql_name = "from"


@strawberry.type(description="A range of scores with a name, such as “Hot”.")
class ScoreBand:
    name: str = read(scores.text("name"), "The name of the band.")
    from_: int = FROM
    leave_below: int = read(
        scores.number("leaveBelow"), "The score below which leads leave it; `from`, or lower, so that few come and go."
    )


@strawberry.type(description="A version of the scoring rules of a pipeline.")
class ScoringModel:
    pipeline: Pipeline = to_one(models.Pipeline, "pipeline_id", "The pipeline whose leads they are for.")
    version: int = column("version", "Counts the versions of a pipeline: 1, 2, 3, …")
    published_at: DateTime | None = column("published_at", "When it was published; null for a draft.")
    groups: list[ScoringGroup] = read(scores.groups, "The groups of rules.", rows=4)
    bands: list[ScoreBand] = read(scores.bands, "The bands, from the lowest to the highest.", rows=3)


@strawberry.type(description="The queries of scoring rules.")
class ScoringQueries:
    scoring_model: ScoringModel | None = read(
        scores.scoring_model,
        "The scoring rules of a pipeline; null when it has none.",
        arguments={
            "pipeline_id": Argument(strawberry.ID, "The pipeline's id."),
            "draft": Argument(bool | None, "True: the draft, instead of the rules that hold."),
        },
        role=Role.VIEWER,
    )
