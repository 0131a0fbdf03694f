"""The filters and orders of leads."""

from typing import Any

import strawberry

from engine.publish.enums import ordering
from engine.publish.fields import optional
from engine.publish.parts import input_of
from engine.publish.scalars import Date, DateTime, Decimal_
from models.rules.stage_kind import ForecastCategory
from models.tables.pipeline import PipelineType
from resolvers.conditions.fields import FILTERS, ORDERS
from resolvers.conditions.filters import FilterValue

LeadOrder = ordering("Lead", ORDERS)


@strawberry.input(description="Amounts from `min` to `max`, both included. Omit one for no limit on that side.")
class DecimalRange:
    min: Decimal_ | None = optional("The smallest amount.")
    max: Decimal_ | None = optional("The largest amount.")


@strawberry.input(description="Days from `from` to `to`, both included. Omit one for no limit on that side.")
class DateRange:
    from_: Date | None = optional("The first day.", name="from")
    to: Date | None = optional("The last day.")


@strawberry.input(description="Instants from `from` to `to`, both included. Omit one for no limit on that side.")
class DateTimeRange:
    from_: DateTime | None = optional("The first instant.", name="from")
    to: DateTime | None = optional("The last instant.")


TYPES = {
    FilterValue.IDS: list[strawberry.ID],
    FilterValue.FLAG: bool,
    FilterValue.TEXT: str,
    FilterValue.PIPELINE_TYPE: PipelineType,
    FilterValue.FORECAST_CATEGORIES: list[ForecastCategory],
    FilterValue.AMOUNTS: DecimalRange,
    FilterValue.DAYS: DateRange,
    FilterValue.INSTANTS: DateTimeRange,
}
"""The type of what each part of a filter takes."""

LeadFilter: Any = input_of(
    "LeadFilter",
    "Filters leads. A lead must match every part that is given.",
    {name: (TYPES[part.takes], part.description) for name, part in FILTERS.items()},
)
