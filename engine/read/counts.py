"""How many rows a list holds: as it is kept, or counted, all of them or up to a limit."""

from enum import StrEnum
from typing import Any, Self

from sqlalchemy import CompoundSelect, Integer, Select, case, func, literal_column, select, union_all

from engine.read.json_text import Expression, quoted
from engine.read.paging import Page
from engine.read.rows import Rows, Source
from engine.read.slots import Args

LIMIT = 10_000
"""Rows that are counted if no limit is asked for: a few milliseconds."""

MAX_LIMIT = 100_000

ONE: Expression = literal_column("1")


class CountPrecision(StrEnum):
    """What a count says of the number of rows."""

    EXACT = "EXACT"
    AT_LEAST = "AT_LEAST"


def _expect_limit(limit: Any) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"{limit} is out of range. Send 1 to {MAX_LIMIT:,}.")
    return int(limit)


def _all_rows(page: Page) -> Select[Any] | CompoundSelect[Any]:
    """A row for each row of the list, whatever the page."""
    rows = page.rows.select(ONE)
    return rows if page.beside is None else union_all(rows, page.beside.select(ONE))


def total(page: Page) -> Expression:
    """The number of rows on all pages together."""
    if page.kept is not None:
        return page.kept
    every: Expression = page.rows.select(func.count()).scalar_subquery()
    if page.beside is None:
        return every
    beside = page.beside.select(ONE).subquery()
    return every + select(func.count()).select_from(beside).scalar_subquery()


class _Counted:
    """The number of rows of a list, up to a limit, and whether there are more."""

    def __init__(self, page: Page, limit: Expression) -> None:
        counted: Expression = func.count()
        # One row more shows whether there is one more; a kept number is exact, whatever the limit.
        rows = [] if page.kept is not None else [_all_rows(page).limit(limit + ONE).subquery()]
        found = (page.kept if page.kept is not None else counted).label("found")
        self.clause = select(found, limit.label("most")).select_from(*rows).lateral()
        self.is_exact = literal_column("true") if page.kept is not None else self.clause.c.found <= self.clause.c.most
        self.count = case((self.is_exact, self.clause.c.found), else_=self.clause.c.most)
        self.precision = case((self.is_exact, quoted(CountPrecision.EXACT)), else_=quoted(CountPrecision.AT_LEAST))

    def __clause_element__(self) -> Any:
        return self.clause


class Count(Rows):
    """The single row of a `_Counted`: a subquery of its own, because what stands beside it are rows of the page."""

    def json_one(self, build: Any, beside: Source) -> Expression:
        """Its JSON object."""
        return self.json_or_nothing(build)

    @classmethod
    def of(cls, page: Page, args: Args) -> Self:
        """The rows of a list, counted up to the limit in its arguments."""
        asked = args.get("limit")
        limit = literal_column(str(LIMIT), Integer()) if asked is None else asked.bind(Integer(), _expect_limit)
        return cls(_Counted, _Counted(page, limit), ())
