"""JSON concatenated as text inside PostgreSQL.

`json_build_object` looks up the type of every value for every row, which takes as long as finding the rows.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, Integer, Numeric, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import aggregate_order_by

Expression = ColumnElement[Any]

_NAME = re.compile(r"[_A-Za-z0-9.]+", re.ASCII)

NULL: Expression = literal_column("'null'", Text())
"""JSON's null."""

MAX_ARGUMENTS = 100
"""The most arguments of a PostgreSQL function, including `concat`."""


def json_array(item: Expression, order: Expression | None = None, only: Expression | None = None) -> Expression:
    """A JSON array of `item` over the rows, unsorted or in this order; of all rows, or of `only` some."""
    comma: Any = literal_column("','")
    items: Any = func.string_agg(item, comma if order is None else aggregate_order_by(comma, order))
    return func.concat(
        literal_column("'['"), items if only is None else items.filter(only), literal_column("']'"), type_=Text()
    )


def quoted(name: str) -> Expression:
    """A constant text inside the SQL. Only for our own names and GraphQL names, which cannot contain a quote."""
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return literal_column(f"'{name}'", Text())


def json_object(pairs: Sequence[tuple[str, Expression]]) -> Expression:
    """A JSON object with these keys and JSON values, in this order.

    The JSON is concatenated as text: `json_build_object` looks up the type of every value for every row, which takes as
    long as finding the rows.
    """
    if not pairs:
        return literal_column("'{}'", Text())
    texts = [part for nth, (key, value) in enumerate(pairs) for part in (_key(key, nth == 0), value)]
    return concatenated([*texts, literal_column("'}'")])


def concatenated(texts: Sequence[Expression]) -> Expression:
    """Texts concatenated; null counts as empty, and so does no text at all."""
    if not texts:
        return literal_column("''", Text())
    parts = [func.concat(*texts[at : at + MAX_ARGUMENTS], type_=Text()) for at in range(0, len(texts), MAX_ARGUMENTS)]
    return parts[0] if len(parts) == 1 else concatenated(parts)


def json_member(name: str) -> Expression:
    """The key of a member that follows others."""
    return _key(name, first=False)


def _key(name: str, first: bool) -> Expression:
    quoted(name)  # refuses names that could end the text
    return literal_column(f"""'{"{" if first else ","}"{name}":'""", Text())


def json_value(value: Expression, plain: bool = False) -> Expression:
    """A scalar as JSON. `plain` means that it contains nothing that JSON would escape.

    Decimals are strings, so that no client reads them as floats.
    """
    text: Expression = cast(value, Text)
    if (isinstance(value.type, Numeric) and value.type.asdecimal) or plain:
        text = literal_column("'\"'").concat(text).concat(literal_column("'\"'"))
    elif not isinstance(value.type, Integer | Boolean | JSON):
        text = cast(func.to_json(value), Text)
    return func.coalesce(text, NULL)


def among(value: Expression, names: Iterable[str]) -> ColumnElement[bool]:
    """Whether a value is one of these constants; false if there are none."""
    texts = [quoted(name) for name in names]
    return value.in_(texts) if texts else literal_column("false")


def typed_id(prefix: str, id: Expression) -> Expression:
    """The public id of a record, or null."""
    return literal_column(f"'{prefix}_'", Text()).concat(cast(id, Text))
