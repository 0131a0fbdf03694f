"""The totals of whole stages, counted anew: after changes that touch many leads, or the odds of a stage."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.read.rows import ORG
from models.database import Connection, Statement

STAGE_IDS = bindparam("stage_ids", type_=ARRAY(Uuid()))

CLEAR = Statement(
    text("DELETE FROM stage_total WHERE org_id = :org_id AND stage_id = ANY(:stage_ids)").bindparams(ORG, STAGE_IDS)
)

COUNT = Statement(
    text(
        """
        INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
        SELECT stage.org_id, stage.id, CASE WHEN lead.value IS NULL THEN '' ELSE lead.currency END,
            count(*), coalesce(sum(lead.value), 0), coalesce(sum(lead.value * CASE
                WHEN stage.kind <> 'OPEN' THEN stage.probability
                WHEN lead.closed_at IS NOT NULL THEN 0
                ELSE coalesce(lead.probability, stage.probability)
            END), 0)
        FROM stage JOIN lead ON lead.org_id = stage.org_id AND lead.stage_id = stage.id
        WHERE stage.org_id = :org_id AND stage.id = ANY(:stage_ids)
        GROUP BY 1, 2, 3
        """
    ).bindparams(ORG, STAGE_IDS)
)
"""One row per stage and currency; the chance of a lead is that of models.tables.lead.chance."""


async def refresh_totals(connection: Connection, org_id: UUID, stage_ids: Collection[UUID]) -> None:
    """Count the totals of these stages anew. The caller holds the stages `FOR UPDATE`, so no lead comes or goes."""
    ids = list(stage_ids)
    await CLEAR.run(connection, org_id=org_id, stage_ids=ids)
    await COUNT.run(connection, org_id=org_id, stage_ids=ids)
