"""One line of an import: from the texts of a file to values that can be stored, or a reason to reject it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from models.rules.money import as_money
from models.rules.refusal import Refused
from models.rules.text import PROSE, line, optional_line, prose

FIELDS = {
    "external_id": "the record's id in the system it comes from; a second import with the same ids changes nothing",
    "title": "what the deal is about",
    "stage": "the stage, by name",
    "owner": "the member who works on it, by name or e-mail address",
    "customer": "the company, by name",
    "contact": "the person, by name",
    "contact_email": "the person's e-mail address",
    "value": "the amount",
    "currency": "the currency, as an ISO 4217 code",
    "created_at": "the day it began",
    "closed_at": "the day it was won or lost",
    "expected_close_date": "the day it is expected to close",
    "source": "where it came from",
    "description": "anything else",
}
"""What a column of a file can be mapped to."""

EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)

_AMOUNT = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?|-?[0-9]+(\.[0-9]+)?", re.ASCII)


class Rejected(Exception):
    """A line that cannot be imported; the message is the reason."""


@dataclass(frozen=True)
class Deal:
    """A line that is valid by itself."""

    line: int
    title: str
    stage: str
    external_id: str | None
    owner: str | None
    customer: str | None
    contact: str | None
    contact_email: str | None
    value: Decimal | None
    currency: str | None
    created_at: datetime | None
    closed_at: datetime | None
    expected_close_date: date | None
    source: str | None
    description: str | None


def read_deal(number: int, given: Mapping[str, str], *, currency: str, date_format: str | None) -> Deal:
    """The deal on a line, from its fields by name. Raises `Rejected`."""
    if any("\0" in text for text in given.values()):
        raise Rejected("contains the NUL character; remove it")
    if any(len(text) > PROSE for text in given.values()):
        raise Rejected(f"contains a text of more than {PROSE:,} characters; shorten it")
    if not given.get("stage", "").strip():
        raise Rejected("has no stage; name one")

    def short(name: str) -> str | None:
        return optional_line(given.get(name), name)

    def instant(name: str) -> datetime | None:
        day = read_day(given.get(name, ""), name, date_format)
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)

    try:
        code = (short("currency") or currency).upper()
        value = read_amount(given.get("value", ""))
        deal = Deal(
            line=number,
            title=line(given.get("title", ""), "title"),
            stage=line(given["stage"], "stage"),
            value=None if value is None else as_money(value, code, "value"),
            currency=None if value is None else code,
            external_id=short("external_id"),
            owner=short("owner"),
            customer=short("customer"),
            contact=short("contact"),
            contact_email=short("contact_email"),
            source=short("source"),
            created_at=instant("created_at"),
            closed_at=instant("closed_at"),
            expected_close_date=read_day(given.get("expected_close_date", ""), "expected_close_date", date_format),
            description=prose(given.get("description"), "description"),
        )
    except Refused as refused:
        raise Rejected(f"{'.'.join(refused.field) or 'value'}: {refused.message}") from refused
    if deal.created_at and deal.closed_at and deal.closed_at < deal.created_at:
        raise Rejected("closed_at is before created_at; correct one of them")
    return deal


def read_amount(text: str) -> Decimal | None:
    """An amount such as `1054`, `1054.50` or `1,054.50`; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    if not _AMOUNT.fullmatch(text) or len(text) > 40:
        raise Rejected(f"value: {text[:40]!r} is not an amount; write one such as 1054.50")
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise Rejected(f"value: {text[:40]!r} is not an amount; write one such as 1054.50") from error


def read_day(text: str, field: str, date_format: str | None) -> date | None:
    """A day in the given format, or in ISO 8601; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    try:
        day = datetime.strptime(text, date_format).date() if date_format else date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{field}: {text[:40]!r} is not a date; write it as {date_format or 'YYYY-MM-DD'}") from error
    if not EARLIEST <= day <= LATEST:
        raise Rejected(f"{field}: the year {day.year} is out of range; write {EARLIEST.year} to {LATEST.year}")
    return day
