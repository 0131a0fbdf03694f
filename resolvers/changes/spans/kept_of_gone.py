"""What is kept of a lead that goes."""

from engine.change.records import inserted
from engine.change.shards import OWN
from models.tables.analytics.gone import GoneLead

KEPT = ("created_at", "pipeline_id", "stage_id", "owner_id", "source", "closed_at")


def kept_of(deleted: str) -> str:
    """The INSERT of what is kept of the leads that `deleted`, a CTE, returns."""
    columns, values = inserted(
        GoneLead,
        {
            "org_id": "own.id",
            "lead_id": f"{deleted}.id",
            "gone_at": "statement_timestamp()",
            **{name: f"{deleted}.{name}" for name in KEPT},
        },
    )
    return f"INSERT INTO gone_lead ({columns}) SELECT {values} FROM {OWN}, {deleted} WHERE own.id = :org_id"
