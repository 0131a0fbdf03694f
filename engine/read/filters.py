"""Conditions that filters share: one of some ids, between two limits, contains a text, has the words of a text."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, cast, func, literal_column, or_
from sqlalchemy.dialects.postgresql import TSQUERY

from engine.read.rows import ORG
from engine.read.slots import Slot
from models.rules.ids import parse_id, split_id
from models.rules.search import KEY, LONGEST_SEARCH, MARK, question

MOST_IDS = 500
"""Ids that a filter can list."""


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


def parse_ids(prefix: str | None, texts: Sequence[str]) -> list[UUID]:
    """The ids of records of one type, or of any. Raises `ValueError` for an id of another type, and for more than
    MOST_IDS."""
    if len(texts) > MOST_IDS:
        raise ValueError(f"{len(texts):,} ids are too many for a filter. Send up to {MOST_IDS}, in several requests.")
    return [split_id(text)[1] if prefix is None else parse_id(prefix, text) for text in texts]


def has_words(words: Any, search: Slot) -> ColumnElement[bool]:
    """Whether stored words have, for each word of the text, one that begins with it: see `models.rules.search`."""
    key = func.left(cast(ORG, Text), literal_column(str(KEY)))
    asked = func.replace(search.bind(Text(), question), literal_column(f"'{MARK}'"), key)
    found: ColumnElement[bool] = words.bool_op("@@")(cast(asked, TSQUERY))
    return found


def found_by(records: str, fields: str) -> str:
    """The published description of a search by `has_words`, among these fields of these records."""
    return (
        f"Only {records} found by this text of up to {LONGEST_SEARCH} characters: each of its words begins a word of"
        f" {fields}, in any order and in any of them. Case, accents and punctuation do not matter. An e-mail address is"
        " one word, and digits are found anywhere in a telephone number."
    )


def one_of(column: Any, prefix: str, ids: Slot) -> ColumnElement[bool]:
    """Whether the column is one of the ids."""
    parsed = ids.bind(ARRAY(Uuid()), parse_ids, prefix)
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
