"""The fields that conditions can test, as SQL over a lead's row."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.read.rows import rows
from models.records import RECORDS
from models.rules.text import spelled
from models.tables.contact import Contact, Customer
from models.tables.stage import Stage
from resolvers.reads import leads
from resolvers.reads.tasks.tasks import has_next

NAMING = {f"{record.noun}Id": record.noun for record in RECORDS.values() if record.merges}
"""The fields of a condition that hold ids of records that can be merged."""


def _column(name: str) -> Callable[[Any], Any]:
    return lambda lead: getattr(lead, name)


def _of(model: type[Any], id: str, name: str) -> Callable[[Any], Any]:
    """A column of the contact, customer or stage that the lead names."""
    return lambda lead: rows(model, getattr(lead, id)).value(lambda row: getattr(row, name))


def _has(name: str) -> Callable[[Any], Any]:
    return lambda lead: getattr(lead, name).is_not(None)


def _columns(*names: str) -> dict[str, Callable[[Any], Any]]:
    return {spelled(name): _column(name) for name in names}


COLUMNS: Mapping[str, Callable[[Any], Any]] = {
    **_columns("title", "description", "source", "external_id", "lost_reason", "score", "currency"),
    **_columns("expected_close_date", "created_at", "updated_at", "stage_entered_at", "last_activity_at"),
    **_columns("qualified_at", "closed_at", "pipeline_id", "stage_id", "owner_id", "contact_id", "customer_id"),
    "probability": lambda lead: leads.probability(lead, {}),
    "value": lambda lead: lead,
    "qualified": _has("qualified_at"),
    "closed": _has("closed_at"),
    "converted": _has("converted_at"),
    "hasNextTask": has_next,
    "kind": lambda lead: leads.kind(lead, {}),
    "stageKind": _of(Stage, "stage_id", "kind"),
    **{
        f"contact{name[:1].upper()}{spelled(name)[1:]}": _of(Contact, "contact_id", name)
        for name in ("name", "email", "phone", "job_title")
    },
    **{
        f"customer{name[:1].upper()}{spelled(name)[1:]}": _of(Customer, "customer_id", name)
        for name in ("name", "website", "industry", "phone", "external_id")
    },
}
"""Each field of the catalogue, over a lead's row; a value is the row itself, which has amount and currency."""
