"""Qualifying, disqualifying and reopening leads."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe, instant
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Disqualified, EventType, Plain, Reopened
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.text import prose
from models.tables.event import NewEvent
from resolvers.changes.leads.lost_reasons import settled_reason
from resolvers.changes.leads.move import enter, expect_complete
from resolvers.changes.leads.place import top_of
from resolvers.changes.locks import LockedLead, lock_lead
from resolvers.changes.stage_totals import count

NEXT_OPEN_STAGE = Statement(
    text(
        """
        SELECT next.id FROM stage AS next JOIN stage AS here
            ON here.org_id = next.org_id AND here.pipeline_id = next.pipeline_id
        WHERE here.org_id = :org_id AND here.id = :stage_id AND next.kind = 'OPEN' AND next.deleted_at IS NULL
            AND next.deleting_run_id IS NULL
            AND (next.position, next.id) > (here.position, here.id)
        ORDER BY next.position, next.id LIMIT 1
        """
    ).bindparams(ORG)
)

LOST_STAGE = Statement(
    text(
        """
        SELECT id FROM stage
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND kind = 'LOST' AND deleted_at IS NULL
            AND deleting_run_id IS NULL
        ORDER BY position, id LIMIT 1
        """
    ).bindparams(ORG)
)

LAST_OPEN_STAGE = Statement(
    text(
        """
        SELECT stage.id FROM (
            SELECT to_stage_id AS id, occurred_at, 0 AS later FROM stage_change
            WHERE org_id = :org_id AND lead_id = :lead_id
            UNION ALL
            SELECT id, NULL, 1 FROM stage WHERE org_id = :org_id AND pipeline_id = :pipeline_id
        ) AS been JOIN stage ON stage.org_id = :org_id AND stage.id = been.id
        WHERE stage.kind = 'OPEN' AND stage.deleted_at IS NULL AND stage.deleting_run_id IS NULL
        ORDER BY been.later, been.occurred_at DESC NULLS LAST, stage.position LIMIT 1
        """
    ).bindparams(ORG)
)
"""The open stage that the lead entered last; when none of those is left, the first open stage of its pipeline."""

PEEK = Statement(
    text("SELECT stage_id, pipeline_id FROM lead WHERE org_id = :org_id AND id = :lead_id").bindparams(ORG)
)

CLOSE = Statement(
    text(
        f"""
        UPDATE lead SET disqualified_at = statement_timestamp(), closed_at = coalesce(closed_at, clock.now),
            lost_reason = :reason, updated_at = statement_timestamp(), version = version + 1
        FROM {CLOCK} WHERE org_id = :org_id AND id = :lead_id
        """
    ).bindparams(ORG)
)
"""Disqualify a lead where it stands, in a pipeline that has no LOST stage."""

OPEN_AGAIN = Statement(
    text(
        """
        UPDATE lead SET disqualified_at = NULL, closed_at = NULL, lost_reason = NULL,
            rot_check_at = statement_timestamp(), updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :lead_id
        """
    ).bindparams(ORG)
)
"""Reopen a lead that was disqualified where it stands."""


async def qualify_lead(change: Change, lead_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Move a lead to the next open stage of its pipeline and stamp `qualified_at`.

    Raises `Refused`: ALREADY_QUALIFIED, LEAD_CLOSED, FIELDS_REQUIRED, NO_NEXT_STAGE at the last open stage.
    """

    def refuse(lead: Row) -> None:
        if lead["qualified_at"] is not None:
            raise Refused(
                Refusal.ALREADY_QUALIFIED,
                "This lead is already qualified. Convert it, or move it to another stage.",
                shown={"lead": lead_id},
            )
        _expect_open(lead)

    standing, target = await _bound_for(change, lead_id, expected_version, refuse, NEXT_OPEN_STAGE)
    if target is None:
        raise Refused(
            Refusal.NO_NEXT_STAGE,
            "This lead is in the last open stage of its pipeline. Convert it, or move it to another stage.",
            shown={"lead": lead_id},
        )
    expect_complete(standing.lead, target, shown={"lead": lead_id})
    change.emit(NewEvent.of_lead(Plain(EventType.LEAD_QUALIFIED), standing.lead))
    await enter(change, standing, target, await top_of(change, lead_id, target["id"]), qualified=True)
    return {"lead": lead_id}


async def disqualify_lead(
    change: Change, lead_id: UUID, reason: str, notes: str | None = None, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Close a lead as not worth working on: it moves to the pipeline's LOST stage, or is closed where it stands.

    Raises `Refused`: LEAD_CLOSED; FIELDS_REQUIRED; REASON_REQUIRED, REASON_UNKNOWN.
    """
    with Checks() as check:
        why = await check.later(settled_reason(change, reason, "reason"))
        more = check(prose, notes, "notes")
    standing, target = await _bound_for(change, lead_id, expected_version, _expect_open, LOST_STAGE)
    if target is not None:
        expect_complete(standing.lead, target, shown={"lead": lead_id})
    # Where it moves, the event of the move says how its reason changed.
    changes = describe(standing.lead, {"lost_reason": why}) if target is None else None
    change.emit(NewEvent.of_lead(Disqualified(reason=why, notes=more, changes=changes), standing.lead))
    if target is not None:
        place = await top_of(change, lead_id, target["id"])
        await enter(change, standing, target, place, lost_reason=why, disqualified=True)
    else:
        await change.run(CLOSE, lead_id=lead_id, reason=why)
        count(change, standing.lead, standing.stage, -1)
        count(change, {**standing.lead, "closed_at": True}, standing.stage, 1)
    return {"lead": lead_id}


async def reopen_lead(change: Change, lead_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Bring a closed lead back to the open stage it was in last. Why and when it was closed stays in its history.

    Raises `Refused`: LEAD_OPEN, LEAD_CONVERTED, NO_NEXT_STAGE; FIELDS_REQUIRED; EXTERNAL_ID_TAKEN in the pipeline it
    comes back to.
    """

    def refuse(lead: Row) -> None:
        if lead["converted_at"] is not None:
            raise Refused(Refusal.LEAD_CONVERTED, "This lead was converted. Reopen its opportunity instead.")
        if lead["closed_at"] is None:
            raise Refused(
                Refusal.LEAD_OPEN, "This lead is already open. Reopen only closed leads.", shown={"lead": lead_id}
            )

    standing, target = await _bound_for(change, lead_id, expected_version, refuse, LAST_OPEN_STAGE)
    if target is None:
        raise Refused(Refusal.NO_NEXT_STAGE, "This pipeline has no open stage. Move the lead to another pipeline.")
    lead = standing.lead
    stays = target["id"] == lead["stage_id"]
    changes = describe(lead, {"lost_reason": None}) if stays and lead["lost_reason"] is not None else None
    if not stays:
        expect_complete(lead, target, shown={"lead": lead_id})
    reopened = Reopened(closed_at=instant(lead["closed_at"]), reason=lead["lost_reason"], changes=changes)
    change.emit(NewEvent.of_lead(reopened, lead))
    if stays:
        await change.run(OPEN_AGAIN, lead_id=lead_id)
        count(change, lead, standing.stage, -1)
        count(change, {**lead, "closed_at": None}, standing.stage, 1)
    else:
        place = await top_of(change, lead_id, target["id"])
        with expect_unique("leadId"):
            await enter(change, standing, target, place)
    return {"lead": lead_id}


async def _bound_for(
    change: Change, lead_id: UUID, expected_version: int | None, refuse: Any, choose: Statement
) -> tuple[LockedLead, Row | None]:
    """Lock a lead and the stage that `choose` finds for it, or None. `refuse` may refuse the lead first.

    Stages are locked before leads, but the choice depends on the lead: so it is repeated under the lock.
    """
    peeked = await change.first(PEEK, lead_id=lead_id)
    if peeked is None:
        raise not_found("lead", "leadId")
    target_id = await _chosen(change, choose, lead_id, peeked)
    while True:
        wanted = () if target_id is None else (target_id,)
        standing = await lock_lead(change, lead_id, expected_version, stage_ids=wanted)
        refuse(standing.lead)
        chosen = await _chosen(change, choose, lead_id, standing.lead)
        if chosen is None or chosen in standing.stages:
            return standing, None if chosen is None else standing.stages[chosen]
        target_id = chosen


async def _chosen(change: Change, choose: Statement, lead_id: UUID, lead: Row) -> UUID | None:
    place = {"lead_id": lead_id, "stage_id": lead["stage_id"], "pipeline_id": lead["pipeline_id"]}
    found = await change.first(choose, **{name: place[name] for name in choose.given - {"org_id"}})
    return None if found is None else found["id"]


def _expect_open(lead: Row) -> None:
    if lead["closed_at"] is not None:
        raise Refused(Refusal.LEAD_CLOSED, "This lead is closed. Reopen it first.", shown={"lead": lead["id"]})
