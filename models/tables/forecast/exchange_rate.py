"""Exchange rates of an organisation: what one euro is worth in each currency, from a day on."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation


class RateSource(StrEnum):
    """Where an exchange rate comes from."""

    MANUAL = "MANUAL"
    ECB = "ECB"


class ExchangeRate(Base):
    """Units of a currency that one euro is worth from a day on, until the day of the next rate of that currency.

    Every pair of currencies is converted by its two rates, so none contradicts another. The euro has no rows: it is
    always 1.
    """

    __tablename__ = "exchange_rate"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("rate > 0", name="rate"),
        CheckConstraint("currency <> 'EUR'", name="currency"),
        CheckConstraint("source IN ('MANUAL', 'ECB')", name="source"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    rate: Mapped[Decimal] = mapped_column(Numeric)
    source: Mapped[str]
