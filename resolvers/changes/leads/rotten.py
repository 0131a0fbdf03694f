"""Recording open leads that go stale, as `passing_time` says. `stage_times` says when a lead is stale.

Each is recorded once for each stay in a stage: again only after it has entered another one. When the days of a stage
change, the leads that have not been recorded there count by the new ones. A lead that is stale already when it is
imported, or when the days are set, is recorded like any other.

Whose time has come is read off two indexes, and nothing is written ahead for it. Each stage has a clock, never later
than the first of its leads goes stale: leads come in at the end of its days, and what they do only delays them. A lead
for which that is not so has a clock of its own: one that waits for a planned task, or may be stale sooner than it was.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, DateTime, Uuid, bindparam, text

from engine.background.passing_time import TIME, Recorder
from engine.change.events import append
from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_types import Rotten
from models.rules.stage_kind import StageKind
from models.tables.event import NewEvent

IDLE_SINCE = "greatest(stage_entered_at, last_activity_at)"

CLOCKED = "closed_at IS NULL AND rotten_told_at IS NULL AND rot_check_at IS NULL"
"""The leads that go by the clock of their stage."""

INSTANT = DateTime(timezone=True)

NOW = bindparam("now", type_=INSTANT)

DUE = Statement(
    text(
        "SELECT org_id FROM stage WHERE rot_check_at < :now UNION SELECT org_id FROM lead WHERE rot_check_at < :now"
    ).bindparams(NOW)
)
"""The organisations in which a clock has run out: no others are looked at, however many there are."""

DUE_LEADS = Statement(
    text(
        f"""
        (SELECT id, stage_id FROM lead WHERE org_id = :org_id AND rot_check_at < :now
            ORDER BY rot_check_at LIMIT CAST(:size AS int))
        UNION ALL
        (SELECT idle.id, stage.id FROM stage, LATERAL (
            SELECT id FROM lead WHERE lead.org_id = :org_id AND lead.stage_id = stage.id AND {CLOCKED}
                AND {IDLE_SINCE} < :now - make_interval(days => stage.rotten_after_days)
            ORDER BY {IDLE_SINCE} LIMIT CAST(:size AS int)
        ) AS idle WHERE stage.org_id = :org_id AND stage.kind = 'OPEN' AND stage.rot_check_at < :now)
        LIMIT CAST(:size AS int)
        """
    ).bindparams(ORG, NOW)
)

LOCK_STAGES = Statement(
    text(
        """
        SELECT id, kind, rotten_after_days FROM stage
        WHERE org_id = :org_id AND (id = ANY(:ids) OR rot_check_at < :now)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        """
    ).bindparams(ORG, IDS, NOW)
)

LOCK_IDLE = Statement(
    text(
        f"""
        SELECT id, owner_id, pipeline_id, stage_id, closed_at, rotten_told_at, {IDLE_SINCE} AS idle_since FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) AND stage_id = ANY(:stage_ids)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        """
    ).bindparams(ORG, IDS, bindparam("stage_ids", type_=ARRAY(Uuid())))
)
"""What a change or another process holds is left for the next time, so nobody waits for this and this waits for
nobody."""

PLANNED = Statement(
    text(
        """
        SELECT lead_id, max(deadline) AS until FROM task
        WHERE org_id = :org_id AND lead_id = ANY(:ids) AND status = 'OPEN' AND deadline >= :now GROUP BY lead_id
        """
    ).bindparams(ORG, IDS, NOW)
)
"""The leads with a planned task, and until when they have one: no task changes while its lead is locked."""

MARK = Statement(
    text(
        """
        UPDATE lead SET rotten_told_at = CASE WHEN given.is_rotten THEN :now ELSE rotten_told_at END,
            rot_check_at = given.check_at
        FROM unnest(:ids, :are_rotten, :check_at) AS given (id, is_rotten, check_at)
        WHERE lead.org_id = :org_id AND lead.id = given.id
        """
    ).bindparams(
        ORG, IDS, NOW, bindparam("are_rotten", type_=ARRAY(Boolean())), bindparam("check_at", type_=ARRAY(INSTANT))
    )
)
"""It is no change of the leads: their version stays."""

ADVANCE = Statement(
    text(
        f"""
        UPDATE stage SET rot_check_at = CASE WHEN kind = 'OPEN' AND deleted_at IS NULL THEN (
            least(:now, (
                SELECT {IDLE_SINCE} FROM lead WHERE lead.org_id = :org_id AND lead.stage_id = stage.id AND {CLOCKED}
                ORDER BY {IDLE_SINCE} LIMIT 1
            )) AT TIME ZONE 'UTC' + make_interval(days => rotten_after_days)
        ) AT TIME ZONE 'UTC' END
        WHERE org_id = :org_id AND id = ANY(:ids)
        """
    ).bindparams(ORG, IDS, NOW)
)
"""Set the clocks of stages to when the first of their leads goes stale. A lead that enters later does so later."""


async def _record_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Record the leads of a batch that are stale, and set the clocks of the others and of their stages."""
    due = await DUE_LEADS.all(connection, org_id=org_id, now=now, size=size)
    wanted = sorted({row["stage_id"] for row in due})
    stages = {row["id"]: row for row in await LOCK_STAGES.all(connection, org_id=org_id, ids=wanted, now=now)}
    ids = sorted({row["id"] for row in due})
    leads = await LOCK_IDLE.all(connection, org_id=org_id, ids=ids, stage_ids=list(stages))
    held = [lead["id"] for lead in leads]
    planned = {row["lead_id"]: row["until"] for row in await PLANNED.all(connection, org_id=org_id, ids=held, now=now)}
    since = {lead["id"]: _rotten_since(lead, stages[lead["stage_id"]], now) for lead in leads}
    rotten = [lead for lead in leads if since[lead["id"]] is not None and lead["id"] not in planned]
    told = {lead["id"] for lead in rotten}
    await MARK.run(
        connection,
        org_id=org_id,
        now=now,
        ids=held,
        are_rotten=[id in told for id in held],
        check_at=[planned.get(id) if since[id] is not None else None for id in held],
    )
    await ADVANCE.run(connection, org_id=org_id, ids=list(stages), now=now)
    if rotten:
        in_order = sorted(rotten, key=lambda lead: (since[lead["id"]], lead["id"]))
        await append(connection, org_id, [_new_event(lead, stages[lead["stage_id"]], since) for lead in in_order], TIME)
    return len(due) if leads else 0, len(rotten)


def _rotten_since(lead: Row, stage: Row, now: datetime) -> datetime | None:
    """Since when a lead would be stale without a planned task, if that has not been recorded in this stay."""
    if stage["kind"] != StageKind.OPEN or lead["closed_at"] is not None or lead["rotten_told_at"] is not None:
        return None
    days = stage["rotten_after_days"]
    since: datetime | None = None if days is None else lead["idle_since"] + timedelta(days=days)
    return since if since is not None and since < now else None


def _new_event(lead: Row, stage: Row, since: Mapping[UUID, datetime | None]) -> NewEvent:
    began = since[lead["id"]]
    assert began is not None
    return NewEvent.of_lead(Rotten(rotten_since=began.isoformat(), days=stage["rotten_after_days"]), lead)


ROTTEN = Recorder("stale leads", DUE.all, _record_batch)
