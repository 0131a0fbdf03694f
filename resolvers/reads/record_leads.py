"""The leads and opportunities of a contact or a customer: how many, how they ended, and their value."""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Integer, Numeric, and_, cast, func, literal_column, select

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.reads.leads import chance

ZERO: Expression = literal_column("0")


@dataclass(frozen=True)
class Deals:
    """The leads whose `column` names a record."""

    column: str
    id: Any

    def leads(self) -> Rows:
        """The leads without converted ones, because the opportunities that they became are counted."""
        found = rows(Lead)
        return found.where(getattr(found.entity, self.column) == self.id, found.entity.converted_at.is_(None))

    def weight(self, lead: Any) -> Expression:
        """The value of one of them times its chance, in percent, of being won."""
        return rows(Stage, lead.stage_id).value(lambda stage: lead.value * chance(lead, stage))

    def count(self, kind: StageKind | None = None) -> Expression:
        """The number of leads, or of those that ended this way; one that was closed in an open stage counts as lost."""
        found = self.leads()
        if kind is not None:
            found = found.where(self._ended(found.entity, kind))
        return found.select(func.count()).scalar_subquery()

    def _ended(self, lead: Any, kind: StageKind) -> ColumnElement[bool]:
        stage: Any = rows(Stage, lead.stage_id).value(lambda stage: stage.kind)
        if kind is StageKind.OPEN:
            return lead.closed_at.is_(None)  # type: ignore[no-any-return]
        if kind is StageKind.LOST:
            is_lost: ColumnElement[bool] = and_(lead.closed_at.is_not(None), stage != quoted(StageKind.WON))
            return is_lost
        is_won: ColumnElement[bool] = stage == quoted(StageKind.WON)
        return is_won


def of_contact(contact: Any, args: Args) -> Same:
    """The deals with a contact."""
    return Same(Deals("contact_id", contact.id))


def of_customer(customer: Any, args: Args) -> Same:
    """The deals with a customer."""
    return Same(Deals("customer_id", customer.id))


def count(deals: Deals, args: Args) -> Expression:
    """The number of all deals."""
    return deals.count()


def open_count(deals: Deals, args: Args) -> Expression:
    """The number of open deals."""
    return deals.count(StageKind.OPEN)


def won_count(deals: Deals, args: Args) -> Expression:
    """The number of deals that were won."""
    return deals.count(StageKind.WON)


def lost_count(deals: Deals, args: Args) -> Expression:
    """The number of deals that were lost or disqualified."""
    return deals.count(StageKind.LOST)


class Counted(Protocol):
    """A record that leads are counted for."""

    def leads(self) -> Rows: ...

    def weight(self, lead: Any) -> Expression: ...


class Worth:
    """The value of leads in each currency; the columns are those of a stage's total."""

    def __init__(self, counted: Counted) -> None:
        found = counted.leads()
        lead = found.entity
        weight = counted.weight(lead).label("weight")
        priced = found.where(lead.value.is_not(None)).select(lead.currency, lead.value, weight).subquery()
        self.clause = (
            select(
                priced.c.currency,
                cast(func.count(), Integer).label("leads"),
                func.sum(priced.c.value, type_=Numeric()).label("value"),
                func.sum(priced.c.weight, type_=Numeric()).label("weighted"),
            )
            .group_by(priced.c.currency)
            .order_by(priced.c.currency)
            .lateral()
        )

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.clause.c, name)
        return found

    def __clause_element__(self) -> Any:
        return self.clause


def values(deals: Deals, args: Args) -> Rows:
    """The value of the deals, by currency."""
    return Rows(Worth, Worth(deals), ())
