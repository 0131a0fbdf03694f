"""Changes of scoring rules and of scores: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from models.tables.activity import ActivityType
from resolvers.changes.scoring import limits, pinning, points, rules, scoring
from schema.filters.condition import Condition
from schema.types.lead import Lead
from schema.types.pipeline import Pipeline
from schema.types.run import Run

RANGE = f"-{limits.MOST_POINTS:,} to {limits.MOST_POINTS:,}"


@strawberry.input(description="What a scoring rule counts of the activities that people logged on a lead.")
class ScoredActivitiesInput:
    types: list[ActivityType] | None = optional("Only activities of these types; if omitted, of all.")
    cap: int = strawberry.field(
        description="The points that it gives at most, from those of one activity to 1,000; of negative points, takes "
        "at most."
    )
    half_life_days: int | None = optional(
        "After so many days an activity counts half, after twice as many a quarter, and so on: 1 to 3,650. If omitted, "
        "it always counts."
    )


@strawberry.input(description="A scoring rule: which leads get points, and how many.")
class ScoringRuleInput:
    name: str = strawberry.field(description="The name of the rule: up to 300 characters.")
    points: int = strawberry.field(description=f"The points, {RANGE} and not 0; with `activities`, for each activity.")
    condition: Condition | None = optional(
        "The condition a lead must match; required without `activities`. It must not test how a sale has ended, nor "
        "the score or the owner."
    )
    activities: ScoredActivitiesInput | None = optional("Give the points for each activity of the lead.")


@strawberry.input(description="A group of scoring rules, whose points together have limits.")
class ScoringGroupInput:
    name: str = strawberry.field(description="The name of the group: up to 300 characters.")
    min: int | None = optional(f"The points that the group gives at least: {RANGE}. Default: -1,000.")
    max: int | None = optional(f"The points that the group gives at most: {RANGE}. Default: 1,000.")
    rules: list[ScoringRuleInput] = strawberry.field(description="The rules: at least one.")


@strawberry.input(description="A range of scores with a name, such as “Hot”.")
class ScoreBandInput:
    name: str = strawberry.field(description="The name of the band: up to 300 characters.")
    from_: int = strawberry.field(name="from", description="The score at which leads enter it: 1 to 100.")
    leave_below: int | None = optional(
        "The score below which leads leave it: 1 to `from`. Default: `from`. A lower one keeps leads from coming and "
        "going."
    )


@strawberry.input(description="The scoring rules of a pipeline, as a whole.")
class SetScoringRulesInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline whose leads they are for.")
    groups: list[ScoringGroupInput] = strawberry.field(
        description="All groups of rules: up to 20, with up to 100 rules, and up to 1,000 groups and tests in their "
        "conditions together. An empty list gives 0 points to every lead."
    )
    bands: list[ScoreBandInput] | None = optional("The bands, from the lowest to the highest: up to 10.")
    publish: bool | None = strawberry.field(
        description="False: only keep them as the draft of the pipeline. True: they hold from now on.", default=True
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the pipeline is at this version.")


@strawberry.type(description="Result of `setScoringRules`.")
class SetScoringRulesPayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline.")
    version: int | None = outcome("The version of the rules: read them with `scoringModel`.")
    run: Run | None = ref(models.Run, "The run that scores the open leads; null for a draft, and without a change.")


@strawberry.input(description="Which leads to score.")
class ScoreLeadsInput(ChangeInput):
    lead_ids: list[strawberry.ID] | None = optional(
        "The leads to score, up to 10,000; closed ones keep their scores, and so do those of pipelines without rules.",
        id="lead",
    )
    pipeline_id: strawberry.ID | None = optional(
        "Score all open leads of this pipeline; many of them in a run.", id="pipeline"
    )


@strawberry.type(description="Result of `scoreLeads`.")
class ScoreLeadsPayload(Payload):
    scored_count: int | None = outcome("How many leads were scored; null when a run scores them.")
    run: Run | None = ref(models.Run, "The run that scores the leads of a pipeline; null when they were few, or named.")


@strawberry.input(description="The score of a lead that is to stay.")
class PinScoreInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead.")
    score: int = strawberry.field(description="The score: the higher, the better.")
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `pinScore`.")
class PinScorePayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")


@strawberry.input(description="The lead whose score the rules are to give.")
class UnpinScoreInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead.")
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `unpinScore`.")
class UnpinScorePayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")


@strawberry.type(description="The mutations of scores.")
class ScoringMutations:
    set_scoring_rules: SetScoringRulesPayload | None = change(
        rules.set_scoring_rules,
        SetScoringRulesInput,
        "Set the scoring rules of a pipeline, which give its leads 0 to 100 points. A run scores all open leads by "
        "them. Scores that somebody set stay as they are.",
        role=Role.ADMIN,
        checks=points.check_rules,
    )
    score_leads: ScoreLeadsPayload | None = change(
        scoring.score_leads,
        ScoreLeadsInput,
        "Score leads by the scoring rules of their pipelines, as they are now.",
        role=Role.MANAGER,
        checks=scoring.check_scored,
    )
    pin_score: PinScorePayload | None = change(
        pinning.pin_score,
        PinScoreInput,
        "Set the score of a lead, which stays whatever the scoring rules give. `updateLead` does the same.",
        role=Role.REP,
    )
    unpin_score: UnpinScorePayload | None = change(
        pinning.unpin_score,
        UnpinScoreInput,
        "Let the scoring rules give the score of a lead again.",
        role=Role.REP,
    )
