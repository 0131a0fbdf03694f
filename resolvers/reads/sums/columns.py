"""Rows that are summed up, of no table."""

from typing import Any

from sqlalchemy import cast, literal_column, select

from engine.read.json_text import Expression
from engine.read.rows import Rows


class Columns:
    """A FROM clause whose columns are attributes."""

    def __init__(self, clause: Any) -> None:
        self.clause = clause

    def __getattr__(self, name: str) -> Expression:
        if name not in self.clause.c:
            raise AttributeError(name)
        found: Expression = self.clause.c[name]
        return found

    def __clause_element__(self) -> Any:
        return self.clause


class Summed(Rows):
    """Rows of a FROM clause that is no table."""

    def picked(self) -> Rows:
        """The same rows, as a subquery."""
        return Rows(self.model, Columns(self.select(*self.entity.clause.c).subquery()), ())


def summed(clause: Any, *order: str) -> Summed:
    """The rows of a FROM clause, in the order of these columns."""
    entity = Columns(clause)
    return Summed(Columns, entity, (), tuple(getattr(entity, name).asc() for name in order))


def nothing(**types: Any) -> Summed:
    """No rows, with columns of these types."""
    columns: list[Any] = [cast(literal_column("NULL"), type_).label(name) for name, type_ in types.items()]
    return summed(select(*columns).where(literal_column("false")).subquery())
