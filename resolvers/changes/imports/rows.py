"""One line of an import: from the texts of a file to values that can be stored, or a reason to reject it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from models.rules.money import as_money
from models.rules.numbers import FIRST_DAY, LAST_DAY
from models.rules.refusal import Refused
from models.rules.text import PROSE, line, optional_line, spelled
from models.tables.lead import Lead
from resolvers.changes.leads.fields import FIELDS as LEAD_FIELDS

FOUND = ("contact_id", "customer_id", "owner_id")
"""Fields of a lead that a line names, to be looked up or created."""

IN_LINES = tuple(name for name in LEAD_FIELDS.names if name not in FOUND)
"""Fields of a lead that a line contains: all others that people fill in, by the same rules."""

NOTES = {
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
    "probability": "the chance of winning it, in percent",
    "score": "how promising it looks: the higher, the better",
    "source": "where it came from",
    "description": "anything else",
}

FIELDS = NOTES | {name: f"as `{spelled(name)}` of `createLead`" for name in IN_LINES if name not in NOTES}
"""What a column of a file can be mapped to."""

_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_AMOUNT = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?|-?[0-9]+(\.[0-9]+)?", re.ASCII)


class Rejected(Exception):
    """A line that cannot be imported; the message is the reason."""


@dataclass(frozen=True)
class Deal:
    """A line that is valid by itself."""

    line: int
    stage: str
    lead: Mapping[str, Any]
    """The fields of the lead that the line contains, as they are stored."""
    owner: str | None = None
    customer: str | None = None
    contact: str | None = None
    contact_email: str | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def external_id(self) -> str | None:
        """The record's id in the system it comes from."""
        id: str | None = self.lead["external_id"]
        return id


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
        lead = {
            name: LEAD_FIELDS.rules[name](read(given.get(name, ""), name, date_format), name)
            for name, read in READ.items()
        }
        if lead["value"] is not None:
            lead["currency"] = (short("currency") or currency).upper()
            lead["value"] = as_money(lead["value"], lead["currency"], "value")
        deal = Deal(
            line=number,
            stage=line(given["stage"], "stage"),
            lead={"currency": None, **lead},
            owner=short("owner"),
            customer=short("customer"),
            contact=short("contact"),
            contact_email=short("contact_email"),
            created_at=instant("created_at"),
            closed_at=instant("closed_at"),
        )
    except Refused as refused:
        raise Rejected(f"{'.'.join(refused.field) or 'value'}: {refused.message}") from refused
    if deal.created_at and deal.closed_at and deal.closed_at < deal.created_at:
        raise Rejected("closed_at is before created_at; correct one of them")
    return deal


def read_number(text: str, field: str) -> int | None:
    """A whole number of 32 bits, as GraphQL has them; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        raise Rejected(f"{field}: {text[:40]!r} is not a whole number of 32 bits; write one such as 42")
    return int(text)


def read_amount(text: str, field: str) -> Decimal | None:
    """An amount such as `1054`, `1054.50` or `1,054.50`; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    if not _AMOUNT.fullmatch(text) or len(text) > 40:
        raise Rejected(f"{field}: {text[:40]!r} is not an amount; write one such as 1054.50")
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text[:40]!r} is not an amount; write one such as 1054.50") from error


def read_day(text: str, field: str, date_format: str | None) -> date | None:
    """A day in the given format, or in ISO 8601; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    try:
        day = datetime.strptime(text, date_format).date() if date_format else date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{field}: {text[:40]!r} is not a date; write it as {date_format or 'YYYY-MM-DD'}") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected(f"{field}: the year {day.year} is out of range; write {FIRST_DAY.year} to {LAST_DAY.year}")
    return day


READERS: Mapping[type, Callable[[str, str, str | None], Any]] = {
    str: lambda text, field, date_format: text,
    int: lambda text, field, date_format: read_number(text, field),
    Decimal: lambda text, field, date_format: read_amount(text, field),
    date: read_day,
}
"""How the text of a file becomes the value of a column, by the column's type."""

# The currency is not read by itself: it is kept only beside a value.
READ = {name: READERS[Lead.__table__.c[name].type.python_type] for name in IN_LINES if name != "currency"}
"""The reader of each field of the lead."""
