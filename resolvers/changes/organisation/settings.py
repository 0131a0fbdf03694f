"""Settings of the organisation: its name, its own currency, and the calendar by which months and years are counted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text

from engine.change.fields import Fields, between, required
from engine.change.records import describe, differing
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType
from models.rules.ids import public_id
from models.rules.money import precision
from models.rules.text import line
from models.tables.event import NewEvent
from models.tables.organisation import Organisation
from resolvers.changes.locks import LOCK_ORGANISATION
from resolvers.changes.organisation.members import zone


def _currency(code: str, *field: str) -> str:
    precision(code, *field)
    return code


FIELDS = Fields(
    Organisation,
    {"currency": "USD", "time_zone": "UTC", "fiscal_year_start": 1},
    name=required(line),
    currency=required(_currency),
    time_zone=required(zone),
    fiscal_year_start=required(between(1, 12)),
)

SETTINGS = Statement(select(Organisation.__table__).where(Organisation.id == ORG))

SET = Statement(
    text(
        """
        UPDATE organisation SET name = :name, currency = :currency, time_zone = :time_zone,
            fiscal_year_start = :fiscal_year_start
        WHERE id = :org_id
        """
    ).bindparams(ORG)
)


async def update_organisation(change: Change, **given: Any) -> Mapping[str, Any]:
    """Change settings of the organisation; what is left out stays. Values, dates and tasks stay as they are: an amount
    keeps its currency, and an all-day task ends by its assignee's time zone.

    Raises `Refused` INVALID.
    """
    wanted = FIELDS.tidy(given)
    await change.run(LOCK_ORGANISATION)
    before = await change.first(SETTINGS)
    assert before is not None
    now = {**before, **wanted}
    changes = differing(before, wanted)
    if changes:
        await change.run(SET, **{name: now[name] for name in FIELDS.names})
        updated = Changed(EventType.ORGANISATION_UPDATED, describe(before, changes))
        change.emit(NewEvent(updated, record_id=change.org_id))
    return {"organisation": {**now, "id": public_id("organisation", change.org_id)}}
