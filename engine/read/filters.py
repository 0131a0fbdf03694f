"""Conditions that filters share: one of some ids, between two limits, contains a text."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, func, literal_column, or_

from engine.read.slots import Slot
from models.rules.ids import parse_id

LONGEST_SEARCH = 200
"""Characters of a search: every one costs time for each record that is searched."""


def pattern(text: str) -> str:
    """A LIKE pattern for texts that contain `text`: `%`, `_` and the backslash are literal."""
    if len(text) > LONGEST_SEARCH:
        raise ValueError(f"{len(text):,} characters are too many to search for. Send up to {LONGEST_SEARCH}.")
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def holds(search: Slot, *columns: Any) -> ColumnElement[bool]:
    """Whether one of the columns contains the text, in upper or lower case."""
    wanted = search.bind(Text(), pattern)
    return or_(*(column.ilike(wanted) for column in columns))


def one_of(column: Any, prefix: str, ids: Slot) -> ColumnElement[bool]:
    """Whether the column is one of the ids."""
    parsed = ids.bind(ARRAY(Uuid()), lambda texts: [parse_id(prefix, text) for text in texts])
    is_one: ColumnElement[bool] = column == func.any(parsed)
    return is_one


def between(column: Any, limits: Mapping[str, Any], type_: Any, low: str, high: str) -> ColumnElement[bool]:
    """Whether the column lies between the given limits, both inclusive."""
    parts = []
    if (least := limits.get(low)) is not None:
        parts.append(column >= least.bind(type_))
    if (most := limits.get(high)) is not None:
        parts.append(column <= most.bind(type_))
    return and_(literal_column("true"), *parts)
