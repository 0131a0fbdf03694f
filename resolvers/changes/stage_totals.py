"""The totals of stages: a change counts the leads that enter and leave, or counts whole stages anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.shards import OWN
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.rules.stage_kind import chance

TOTALS = f"""totals AS (
            INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
            SELECT own.id, total.stage_id, total.currency, total.leads, total.value, total.weighted
            FROM {OWN}, log, unnest(
                CAST(:stages AS uuid[]), CAST(:currencies AS text[]), CAST(:leads AS int[]),
                CAST(:values AS numeric[]), CAST(:weights AS numeric[])
            ) AS total (stage_id, currency, leads, value, weighted)
            WHERE own.id = :org_id
            ON CONFLICT (org_id, stage_id, currency) DO UPDATE SET
                leads = stage_total.leads + excluded.leads,
                value = stage_total.value + excluded.value,
                weighted = stage_total.weighted + excluded.weighted
        )"""
"""Beside the appending of events: brings the totals of the stages up to date."""

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
"""One row per stage and currency; the chance of a lead is that of models.rules.stage_kind.chance."""


async def refresh_totals(connection: Connection, org_id: UUID, stage_ids: Collection[UUID]) -> None:
    """Count the totals of these stages anew. The caller holds the stages `FOR UPDATE`, so no lead comes or goes."""
    ids = list(stage_ids)
    await CLEAR.run(connection, org_id=org_id, stage_ids=ids)
    await COUNT.run(connection, org_id=org_id, stage_ids=ids)


@dataclass
class Totals:
    """What a change adds to the totals of stages, by stage and currency: leads, value and weighted value."""

    added: dict[tuple[UUID, str], tuple[int, Decimal, Decimal]] = field(default_factory=dict)

    def values(self) -> Mapping[str, Any]:
        """The totals that change, in the order in which their rows are locked."""
        changed = sorted((key, found) for key, found in self.added.items() if any(found))
        return {
            "stages": [key[0] for key, _ in changed],
            "currencies": [key[1] for key, _ in changed],
            "leads": [found[0] for _, found in changed],
            "values": [found[1] for _, found in changed],
            "weights": [found[2] for _, found in changed],
        }

    def shown(self) -> Mapping[str, Any]:
        """The stages whose totals change, the one that is left first."""
        stages = dict.fromkeys(key[0] for key, found in self.added.items() if any(found))
        return {"stages": list(stages)} if stages else {}

    def count(self, lead: Mapping[str, Any], stage: Mapping[str, Any], sign: int) -> None:
        """A lead enters (`sign` 1) or leaves (-1) the totals of a stage; a lead without a value is only counted."""
        value = lead["value"]
        key = (stage["id"], lead["currency"] if value is not None else "")
        leads, total, weighted = self.added.get(key, (0, Decimal(0), Decimal(0)))
        amount = (value or Decimal(0)) * sign
        self.added[key] = (leads + sign, total + amount, weighted + amount * chance(lead, stage))


def count(change: Change, lead: Mapping[str, Any], stage: Mapping[str, Any], sign: int) -> None:
    """A lead enters (`sign` 1) or leaves (-1) the totals of a stage, when the change ends."""
    if change.counted is None:
        change.counted = Totals()
    change.counted.count(lead, stage, sign)
