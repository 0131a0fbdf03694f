"""What reports are grouped by: at most two of these at once, and at most 1,000 groups."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import CTE, Text, Uuid, cast, func, literal_column, select
from sqlalchemy.types import TypeEngine

from engine.publish.provided import wrong_if
from engine.read.json_text import Expression
from engine.read.rows import Same, rows
from engine.read.slots import Args, BadInput
from models.tables.routing import PoolMember
from resolvers.reads.periods.calendar import own_calendar

Group = TypeVar("Group", bound=StrEnum)

OWNER, POOL, PIPELINE, STAGE = "OWNER", "POOL", "PIPELINE", "STAGE"
SOURCE, MONTH, LOST_REASON, TYPE = "SOURCE", "MONTH", "LOST_REASON", "TYPE"

KEYS: dict[str, tuple[str, TypeEngine[Any]]] = {
    OWNER: ("owner_id", Uuid()),
    POOL: ("pool_id", Uuid()),
    PIPELINE: ("pipeline_id", Uuid()),
    STAGE: ("stage_id", Uuid()),
    SOURCE: ("source", Text()),
    MONTH: ("month", Text()),
    LOST_REASON: ("lost_reason", Text()),
    TYPE: ("type", Text()),
}
"""The column of each, and its type, in the order in which groups are sorted."""

MOST_KEYS = 2
MOST_GROUPS = 1_000

TOO_MANY = f"this report has more than {MOST_GROUPS:,} groups. Group it by less, or report on fewer days."


class LeadReportBy(StrEnum):
    """What reports on won and lost leads are grouped by."""

    OWNER = OWNER
    POOL = POOL
    SOURCE = SOURCE
    MONTH = MONTH


def grouped_by(args: Args, of: Iterable[Group], most: int = MOST_KEYS) -> tuple[Group, ...]:
    """What the argument `groupBy` asks for: each once, in one order."""
    asked = args.get("group_by") or ()
    found = tuple(one for one in of if one in asked)
    if len(found) > most:
        raise BadInput.at("groupBy", f"a report is grouped by up to {most} of these, not {len(found)}. Send fewer.")
    return found


def placed(facts: CTE, by: Iterable[str]) -> Any:
    """The facts with a `pool_id`: those of an owner in several pools once for each, if pools are asked for."""
    if POOL not in by:
        return facts
    found = rows(PoolMember)
    place = found.select(found.entity.pool_id, found.entity.member_id).subquery()
    joined = facts.outerjoin(place, place.c.member_id == facts.c.owner_id)
    return select(*facts.c, place.c.pool_id).select_from(joined).subquery()


def keys_of(row: Any, by: Iterable[str]) -> list[Any]:
    """The columns that a report is grouped by."""
    return [row.c[KEYS[one][0]] for one in by]


def no_keys(by: Iterable[str]) -> list[Any]:
    """A null for each column that it is not grouped by."""
    return [cast(literal_column("NULL"), type_).label(name) for one, (name, type_) in KEYS.items() if one not in by]


def order_of(row: Any, by: Iterable[str]) -> list[Expression]:
    """The order of groups: by what they are about, texts byte by byte, and nothing comes last."""
    columns = [(getattr(row, KEYS[one][0]), KEYS[one][1]) for one in by]
    return [(column.collate("C") if isinstance(type_, Text) else column).asc() for column, type_ in columns]


def month_of(instant: Expression) -> Expression:
    """The month of an instant in the organisation's time zone, as `2026-11`."""
    return func.to_char(func.timezone(own_calendar().zone, instant), literal_column("'YYYY-MM'"), type_=Text())


def too_many(groups: CTE, name: str = "groupBy", message: str = TOO_MANY) -> Expression:
    """What is wrong with the argument `name` where there are too many groups."""
    count = select(func.count()).select_from(groups.alias()).scalar_subquery()
    return wrong_if(name, (count > literal_column(str(MOST_GROUPS)), literal_column(f"'{message}'", Text())))


def key(row: Any, args: Args) -> Same:
    """What a group is about: an object of the row itself."""
    return Same(row)
