"""Records of any type: an id that names its type, and the object of that type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from engine.read.json_text import NULL, Expression, json_array, quoted
from engine.read.rows import Rows, Source
from models.records import RECORDS


@dataclass(frozen=True)
class AnyOf:
    """Records of several types: a noun and an id for each, from `source` if there can be many.

    `find` selects the row of one type with an id.
    """

    find: Callable[[str, Expression], Rows]
    noun: Expression
    id: Expression
    source: Any = None

    def json(self, build: Callable[[str, Source], Expression]) -> Expression:
        """A JSON object for the record with this noun and id, or null; in a list if there can be many.

        `build` builds the object of one type, by its published name, from a source.
        """
        item = func.coalesce(*(self._one(noun, build) for noun in RECORDS), NULL)
        return item if self.source is None else select(json_array(item)).select_from(self.source).scalar_subquery()

    def _one(self, noun: str, build: Callable[[str, Source], Expression]) -> Expression:
        """The record if it is of this type, or SQL's NULL."""
        found = self.find(noun, self.id).where(self.noun == quoted(noun))
        return found.json_or_nothing(lambda source: build(RECORDS[noun].published, source))
