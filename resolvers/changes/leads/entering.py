"""Entering a stage: what it writes on a lead and the step that it adds to the history, in SQL; and its event."""

from engine.change.records import inserted
from engine.change.shards import OWN
from models.database import Row
from models.event_types import EnteredStage
from models.tables.event import Changes, NewEvent
from models.tables.lead import StageChange

ENTERED_AT = """greatest(
    statement_timestamp(), (lead.stage_entered_at AT TIME ZONE 'UTC' + interval '1 microsecond') AT TIME ZONE 'UTC'
)"""
"""When a lead enters a stage: never before it entered the last one, even if the clock was set back since. Histories are
in the order of these instants. What is added to an instant can depend on the time zone of a session, which Citus
refuses to evaluate for a row; that of a time in UTC cannot."""

ENTERS = f"""
    pipeline_id = :pipeline_id, stage_id = :stage_id, stage_entered_at = {ENTERED_AT},
    rotten_told_at = NULL, rot_check_at = NULL, updated_at = statement_timestamp(), version = version + 1
"""
"""The assignments of an UPDATE of leads that enter another stage, beside their rank and how they are closed."""


def entered(lead: Row, stage: Row, changes: Changes | None) -> NewEvent:
    """The event of a lead that enters a stage, from the one that it is in; `changes` are those of its fields."""
    return NewEvent(
        EnteredStage(changes=changes),
        lead_id=lead["id"],
        owner_id=lead["owner_id"],
        pipeline_id=stage["pipeline_id"],
        stage_id=stage["id"],
        from_pipeline_id=lead["pipeline_id"],
        from_stage_id=lead["stage_id"],
    )


def step_of(entered: str, id: str = ":id", *, first: bool = False) -> str:
    """The INSERT of a step for each row of `entered`, a CTE with the `lead_id` and `stage_entered_at` of leads.

    `id` is the step's id, which is that of its event. Binds the stages, with their pipelines, and `actor_id`; the
    `first` step of a lead is from nowhere.
    """
    left = ("from_pipeline_id", "from_stage_id")
    columns, values = inserted(
        StageChange,
        {
            "org_id": "own.id",
            "id": f"CAST({id} AS uuid)",
            "lead_id": f"{entered}.lead_id",
            **({} if first else {name: f"CAST(:{name} AS uuid)" for name in left}),
            "to_pipeline_id": "CAST(:pipeline_id AS uuid)",
            "to_stage_id": "CAST(:stage_id AS uuid)",
            "actor_id": "CAST(:actor_id AS uuid)",
            "occurred_at": f"{entered}.stage_entered_at",
        },
        default=left if first else (),
    )
    return f"INSERT INTO stage_change ({columns}) SELECT {values} FROM {OWN}, {entered} WHERE own.id = :org_id"
