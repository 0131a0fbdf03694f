"""Creating and updating leads. How they move is in `move`, how they end in `lifecycle` and `delete`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from engine.change.records import ID, describe, differing, inserted, rewrite
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType, LeadCreated
from models.rules.matching.keys import with_keys
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.stage_kind import StageKind
from models.rules.text import spelled
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.lead import Lead
from models.tables.pipeline import PipelineType
from models.tables.stage import Stage
from resolvers.changes.leads.entering import step_of
from resolvers.changes.leads.fields import FIELDS, settle, tidy
from resolvers.changes.leads.lost_reasons import reason_to_enter
from resolvers.changes.leads.move import expect_complete
from resolvers.changes.leads.place import top_of
from resolvers.changes.locks import lock_lead
from resolvers.changes.ownership.assign import handed
from resolvers.changes.ownership.route import route_new
from resolvers.changes.scoring.pins import pinned
from resolvers.changes.stage_totals import count

KEEP_STAGE = Statement(
    select(Stage.__table__)
    .where(Stage.org_id == ORG, Stage.id == ID, Stage.deleted_at.is_(None))
    .with_for_update(key_share=True, read=True)
)
"""A stage that a new lead enters, against deletion and changed odds."""

FIND_PIPELINE = Statement(
    text("SELECT id FROM pipeline WHERE org_id = :org_id AND id = :id AND deleted_at IS NULL").bindparams(ORG)
)

DEFAULT_PIPELINE = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND type = :type AND is_default AND deleted_at IS NULL
        """
    ).bindparams(ORG)
)

FIRST_OPEN_STAGE = Statement(
    text(
        """
        SELECT id FROM stage
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND kind = 'OPEN' AND deleted_at IS NULL
            AND deleting_run_id IS NULL
        ORDER BY position, id LIMIT 1
        """
    ).bindparams(ORG)
)

NEW_LEAD = inserted(
    Lead,
    {
        "org_id": ":org_id",
        "id": ":lead_id",
        "pipeline_id": ":pipeline_id",
        "stage_id": ":stage_id",
        "rank": ":rank",
        **{name: f":{name}" for name in (*FIELDS.names, "sort_key")},
        "stage_entered_at": "now()",
        "closed_at": "CASE WHEN CAST(:closed AS boolean) THEN now() END",
        "lost_reason": ":lost_reason",
    },
    default=(
        *("forecast_category", "qualified_at", "disqualified_at", "last_activity_at", "has_open_task"),
        *("converted_at", "converted_to_id", "converted_from_id", "rotten_told_at", "rot_check_at"),
    ),
)

INSERT_LEAD = Statement(
    text(
        f"""
        WITH made AS (
            INSERT INTO lead ({NEW_LEAD.columns}) VALUES ({NEW_LEAD.values})
            RETURNING id AS lead_id, stage_entered_at
        )
        {step_of("made", first=True)}
        """
    ).bindparams(ORG)
)
"""A new lead, and the first step of its history."""

REVISE_LEAD = FIELDS.revise("sort_key")

COMMERCIAL = {"value", "currency", "probability", "expected_close_date", "contact_id", "customer_id"}
"""What stays as it was once a lead is converted: from then on the opportunity says it."""


async def create_lead(
    change: Change,
    title: str,
    pipeline_id: UUID | None = None,
    stage_id: UUID | None = None,
    lost_reason: str | None = None,
    **given: Any,
) -> Mapping[str, Any]:
    """Create a lead on top of a stage: the one named, or else the first open one of the pipeline named, or else of the
    default pipeline for leads. In a WON or LOST stage it is closed from the start.

    Raises `Refused`: NOT_FOUND; NO_PIPELINE; OWNER_INACTIVE; FORBIDDEN; EXTERNAL_ID_TAKEN; REASON_REQUIRED,
    REASON_UNKNOWN in a LOST stage; INVALID.
    """
    wanted = tidy({"title": title, **given})
    with Checks() as check:
        stage = await check.later(_entered(change, pipeline_id, stage_id))
        settled = await check.later(settle(change, FIELDS.empty, wanted))
    fields = {**FIELDS.empty, **settled}
    expect_complete(fields, stage, "stageId" if stage_id else "title")
    why = await reason_to_enter(change, stage, lost_reason)
    lead_id = new_id()
    new_event = NewEvent(
        LeadCreated(record=FIELDS.public(fields), lost_reason=why),
        lead_id=lead_id,
        owner_id=fields["owner_id"],
        pipeline_id=stage["pipeline_id"],
        stage_id=stage["id"],
    )
    with expect_unique():
        await change.run(
            INSERT_LEAD,
            **with_keys("lead", fields),
            id=new_event.id,
            lead_id=lead_id,
            pipeline_id=stage["pipeline_id"],
            stage_id=stage["id"],
            rank=await top_of(change, lead_id, stage["id"]),
            closed=stage["kind"] != StageKind.OPEN,
            lost_reason=why,
            actor_id=change.actor_id,
        )
    count(change, {**fields, "closed_at": None}, stage, 1)
    change.emit(new_event)
    if stage["kind"] == StageKind.OPEN:
        place = {"pipeline_id": stage["pipeline_id"], "stage_id": stage["id"]}
        await route_new(change, {"id": lead_id, "owner_id": fields["owner_id"], **place})
    return {"lead": lead_id}


async def update_lead(
    change: Change, lead_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update fields of a lead. A field that is left out stays, null empties it; if nothing differs, nothing happens.
    A score is pinned; null as score unpins it, so that the rules of the pipeline give it again.

    Raises `Refused`: NOT_FOUND; CONFLICT or LEAD_CONVERTED, showing the lead; OWNER_INACTIVE; FORBIDDEN;
    EXTERNAL_ID_TAKEN; INVALID.
    """
    wanted = tidy(given)
    standing = await lock_lead(change, lead_id, expected_version)
    lead = standing.lead
    changes = differing(lead, await pinned(change, lead_id, await settle(change, lead, wanted)))
    if not changes:
        return {"lead": lead_id}
    if lead["converted_at"] is not None and (fixed := sorted(COMMERCIAL & changes.keys())):
        names = ", ".join(spelled(name) for name in fixed)
        raise Refused(
            Refusal.LEAD_CONVERTED,
            f"This lead was converted. Change {names} on its opportunity.",
            spelled(fixed[0]),
            shown={"lead": lead_id},
        )
    with expect_unique():
        await rewrite(change, REVISE_LEAD, lead, with_keys("lead", changes))
    count(change, lead, standing.stage, -1)
    now = {**lead, **changes}
    count(change, now, standing.stage, 1)
    others = {name: value for name, value in changes.items() if name != "owner_id"}
    if others:
        change.emit(NewEvent.of_lead(Changed(EventType.LEAD_UPDATED, describe(lead, others)), now))
    if "owner_id" in changes:
        change.emit(handed(lead, now["owner_id"]))
    return {"lead": lead_id}


async def _entered(change: Change, pipeline_id: UUID | None, stage_id: UUID | None) -> Row:
    """The stage that a new lead enters, locked."""
    if pipeline_id is not None and await change.first(FIND_PIPELINE, id=pipeline_id) is None:
        raise not_found("pipeline", "pipelineId")
    if stage_id is None:
        return await _first_open_stage(change, pipeline_id)
    stage = await change.first(KEEP_STAGE, id=stage_id)
    if stage is None:
        raise not_found("stage", "stageId")
    if pipeline_id not in (None, stage["pipeline_id"]):
        raise Refused(
            Refusal.INVALID, "This stage belongs to another pipeline. Name that pipeline, or leave it out.", "stageId"
        )
    return stage


async def _first_open_stage(change: Change, pipeline_id: UUID | None) -> Row:
    """The first open stage, locked. If it is deleted or closed while waiting for the lock, the next one counts."""
    while True:
        pipeline = {"id": pipeline_id} if pipeline_id else await change.first(DEFAULT_PIPELINE, type=PipelineType.LEAD)
        if pipeline is None:
            raise Refused(Refusal.NO_PIPELINE, "There is no pipeline for leads yet. Create one first.", "pipelineId")
        first = await change.first(FIRST_OPEN_STAGE, pipeline_id=pipeline["id"])
        if first is None and pipeline_id is None:
            continue  # it was deleted since, and another one is the default
        if first is None:
            raise not_found("pipeline", "pipelineId")
        stage = await change.first(KEEP_STAGE, id=first["id"])
        if stage is not None and stage["kind"] == StageKind.OPEN:
            return stage
