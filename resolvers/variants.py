"""Objects of several types that are made from rows of one table: a column of the row tells which type."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case

from resolvers.reading import NULL, Expression, Source, quoted


@dataclass(frozen=True)
class Variants:
    """The types by the values of a column; the last type is for all other values."""

    column: str
    types: Mapping[str, Sequence[str]]
    other: str

    def json(self, source: Source, build: Callable[[str, Source], Expression]) -> Expression:
        """A JSON object of the type that the row is of. `build` makes one, by the name that is published.

        Nothing is joined to the row: what one type asks for would be looked up for the rows of all others as well.
        """
        told = getattr(source.row, self.column)
        alone = Source(source.row, None)
        branches = [
            (told.in_([quoted(value) for value in values]), build(name, alone)) for name, values in self.types.items()
        ]
        known = told.is_not(None)
        return case(*branches, (known, build(self.other, alone)), else_=NULL)
