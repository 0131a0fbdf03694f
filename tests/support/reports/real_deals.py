"""The published data set of real deals, if it is beside this checkout, and how its file is imported."""

import csv
from pathlib import Path

REAL = Path(__file__).parents[4] / "shared" / "data" / "crm-opportunities" / "sales_pipeline.csv"
MAPPING = [
    *("--map", "external_id=opportunity_id", "--map", "owner=sales_agent", "--map", "customer=account"),
    *("--map", "stage=deal_stage", "--map", "created_at=engage_date", "--map", "closed_at=close_date"),
    *("--map", "value=close_value", "--title", "{product} for {account}", "--date-format", "%m/%d/%Y"),
    *("--won", "Won", "--lost", "Lost"),
]
STAGES = ["--create-missing", "--stages", "Prospecting,Engaging,Won,Lost"]
WHERE = ["--org", "acme", "--pipeline", "Hardware"]


def deals() -> list[dict[str, str]]:
    """The lines of the file."""
    with REAL.open(newline="") as opened:
        return list(csv.DictReader(opened))
