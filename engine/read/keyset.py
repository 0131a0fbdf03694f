"""Sorting by columns, and comparing rows with a place in that order, as one row comparison that an index answers."""

from operator import methodcaller
from typing import Any

from sqlalchemy import ColumnElement, Uuid, tuple_

from engine.read.json_text import Expression
from engine.read.slots import Slot


def sorted_by(columns: tuple[Any, ...], ascending: bool) -> tuple[Expression, ...]:
    """The columns as a sort order, all in one direction."""
    return tuple(column.asc() if ascending else column.desc() for column in columns)


def beyond(cursor: Slot, columns: tuple[Any, ...], ascending: bool, inclusive: bool = False) -> ColumnElement[bool]:
    """The keyset condition: beyond the cursor in reading direction, or at the cursor."""
    values = [cursor.bind(column.type, methodcaller("read", column.type)) for column in columns[:-1]]
    here, there = tuple_(*columns), tuple_(*values, cursor.bind(Uuid(), lambda place: place.id))
    if inclusive:
        return here >= there if ascending else here <= there
    return here > there if ascending else here < there
