"""A forecast that is kept up to date: which rows each event may have changed, as they are now.

What an event touches is found without the deal as it was: the groups of its owners and pipelines, before and after.
Some of them may not have changed. Several changes in a row may all show the last state, which does no harm, because the
last one shows it, too.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, case, cast, column, func, literal_column, or_, select
from sqlalchemy.dialects import postgresql

from engine.read.json_text import Expression, among, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.event_names import OF_LEADS_COUNTED
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.routing import PoolMember
from resolvers.reads.events.concerns import FROM_OWNER, OWNER
from resolvers.reads.events.event_fields import CHANGES
from resolvers.reads.events.subscriptions import EventFilter
from resolvers.reads.forecast.deals import NONE, ForecastBy, ForecastDeals
from resolvers.reads.forecast.forecast import Forecast, divided
from resolvers.reads.sums.columns import Columns

OF_ALL = (
    EventType.STAGE_UPDATED,
    EventType.POOL_CREATED,
    EventType.POOL_UPDATED,
    EventType.POOL_DELETED,
    EventType.ORGANISATION_UPDATED,
)
"""Events that may change every row: odds and categories of stages, members of pools, quotas, the calendar."""

FIELDS = tuple(
    spelled(name)
    for name in ("value", "currency", "probability", "expected_close_date", "forecast_category", "owner_id")
)
"""The fields of a lead that a forecast depends on."""


@dataclass(frozen=True, eq=False)
class ForecastEvent:
    """An event, seen from a forecast. Its attributes are those of the event."""

    event: Any
    forecast: Forecast

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.event, name)
        return found

    def __clause_element__(self) -> Any:
        return self.event.__clause_element__()

    @property
    def is_of_all(self) -> ColumnElement[bool]:
        """Whether it may change every row."""
        return among(self.event.type, OF_ALL)

    def touched(self) -> Expression:
        """The groups that it may have changed; none where it may have changed all."""
        event, deals = self.event, self.forecast.deals
        changed: Any = event.data.op("->")(quoted(CHANGES)).op("->")(quoted(OWNER))
        was = case(
            (event.type == quoted(EventType.LEAD_ASSIGNED), _member(event.data.op("->>")(quoted(FROM_OWNER)))),
            (changed.is_not(None), _member(changed.op("->>")(literal_column("0")))),
            else_=event.owner_id,
        )
        owner = _each("owner_id", event.owner_id, was)
        pipeline = _each("pipeline_id", event.pipeline_id, event.from_pipeline_id)
        source, pool_id = owner.join(pipeline, pipeline.c.pipeline_id.is_not(None)), NONE
        if ForecastBy.POOL in deals.by:
            place = rows(PoolMember)
            member = place.select(place.entity.pool_id, place.entity.member_id).subquery()
            source, pool_id = source.outerjoin(member, member.c.member_id == owner.c.owner_id), member.c.pool_id
        keys = select(owner.c.owner_id, pool_id.label("pool_id"), pipeline.c.pipeline_id)
        touched = keys.select_from(source).where(~self.is_of_all).subquery()
        groups = select(deals.group(Columns(touched)).label("group")).distinct().subquery()
        listed = select(func.array_agg(groups.c.group, type_=ARRAY(Text()))).scalar_subquery()
        return func.coalesce(listed, literal_column("'{}'"), type_=ARRAY(Text()))


def _member(public: Any) -> Expression:
    """The id of a member without its prefix."""
    return cast(func.right(public, literal_column("36")), Uuid)


def _each(name: str, *ids: Any) -> Any:
    """A row for each of these ids."""
    return func.unnest(postgresql.array(ids, type_=Uuid())).table_valued(column(name, Uuid())).render_derived()


@dataclass(frozen=True)
class ForecastSelection(EventFilter):
    """The events that a forecast may change with."""

    deals: ForecastDeals

    def row(self, event: Any) -> ForecastEvent:
        """An event as the forecast's fields see it."""
        return ForecastEvent(event, Forecast(self.deals))

    def rows(self) -> Rows:
        """The events of these types; of updates those that name a field which a forecast depends on."""
        found = super().rows()
        event = found.entity
        names = postgresql.array([quoted(name) for name in FIELDS])
        concerned = event.data.op("->")(quoted(CHANGES)).op("?|")(names)
        return found.where(or_(event.type != quoted(EventType.LEAD_UPDATED), concerned))


def forecast_changes(root: Any, args: Args) -> ForecastSelection:
    """The events that the forecast of a period may change with."""
    types = (*OF_LEADS_COUNTED, *OF_ALL)
    return ForecastSelection(types, None, None, None, None, args.get("after"), divided(args))


def of_all(event: ForecastEvent, args: Args) -> Expression:
    """Whether every row may have changed."""
    return event.is_of_all


def groups(event: ForecastEvent, args: Args) -> Expression:
    """The groups that may have changed."""
    return event.touched()


def too_many(event: ForecastEvent, args: Args) -> Expression:
    """Whether the forecast is about too much."""
    return event.forecast.too_many().is_not(None)


def changed_rows(event: ForecastEvent, args: Args) -> Rows:
    """The rows of these groups now; or all; none where the forecast is about too much."""
    found = event.forecast.rows().where(event.forecast.too_many().is_(None))
    return found.where(or_(event.is_of_all, found.entity.group == func.any(event.touched())))
