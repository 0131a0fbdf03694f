"""One line of an import: from the texts of a file to values that can be stored, or a reason to reject it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from models.rules.money import as_money
from models.rules.numbers import FIRST_DAY, LAST_DAY
from models.rules.refusal import Refused
from models.rules.text import PROSE, line, optional_line, spelled
from models.tables.lead import Lead
from resolvers.changes.contacts.create_update import CONTACT_FIELDS
from resolvers.changes.imports.files.amounts import NoAmount, read_amount
from resolvers.changes.imports.files.dates import Moment, is_serial, read_moment, serial_day, spelled_format
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
    "created_at": "when it began: a day, or a day with its time",
    "closed_at": "when it was won or lost; of an open deal, the day it is expected to close",
    "lost_reason": "why it was lost",
    "expected_close_date": "the day it is expected to close",
    "probability": "the chance of winning it, in percent",
    "score": "how promising it looks: the higher, the better",
    "source": "where it came from",
    "description": "anything else",
}

FIELDS = NOTES | {name: f"as `{spelled(name)}` of `createLead`" for name in IN_LINES if name not in NOTES}
"""What a column of a file can be mapped to."""

_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)


MOMENTS = ("created_at", "closed_at")
"""Fields that are an instant, or a day of the organisation."""


@dataclass(frozen=True)
class Formats:
    """How a file writes amounts and dates; `date_format` has Python's directives, and is None for ISO 8601."""

    currency: str
    date_format: str | None = None
    decimal: str = "."


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
    created_at: Moment | None = None
    closed_at: Moment | None = None
    entered: Sequence[tuple[str, Moment]] = ()
    """Stages that it entered, by name, and when."""
    lost_reason: str | None = None

    @property
    def external_id(self) -> str | None:
        """The record's id in the system it comes from."""
        id: str | None = self.lead["external_id"]
        return id


def read_deal(
    number: int, given: Mapping[str, str], formats: Formats, entered: Mapping[str, str] = MappingProxyType({})
) -> Deal:
    """The deal on a line, from its fields by name, and from when it entered stages, by theirs. Raises `Rejected`."""
    if any("\0" in text for text in (*given.values(), *entered.values())):
        raise Rejected("contains the NUL character; remove it")
    if any(len(text) > PROSE for text in given.values()):
        raise Rejected(f"contains a text of more than {PROSE:,} characters; shorten it")
    if not given.get("stage", "").strip():
        raise Rejected("has no stage; name one")

    def short(name: str) -> str | None:
        return optional_line(given.get(name), name)

    try:
        formats = replace(formats, currency=(short("currency") or formats.currency).upper())
        lead = {
            name: LEAD_FIELDS.rules[name](read(given.get(name, ""), name, formats), name) for name, read in READ.items()
        }
        if lead["value"] is not None:
            lead["currency"] = formats.currency
            lead["value"] = as_money(lead["value"], lead["currency"], "value")
        deal = Deal(
            line=number,
            stage=line(given["stage"], "stage"),
            lead={"currency": None, **lead},
            owner=short("owner"),
            customer=short("customer"),
            contact=short("contact"),
            contact_email=CONTACT_FIELDS.rules["email"](given.get("contact_email"), "contact_email"),
            lost_reason=short("lost_reason"),
            entered=[
                (name, at)
                for name, text in entered.items()
                if (at := read_instant(text, f"entry into {name!r}", formats.date_format)) is not None
            ],
            **{name: read_instant(given.get(name, ""), name, formats.date_format) for name in MOMENTS},
        )
    except Refused as refused:
        raise Rejected(f"{'.'.join(refused.field) or 'value'}: {refused.message}") from refused
    if deal.created_at and deal.closed_at and _day(deal.closed_at) < _day(deal.created_at):
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


def read_value(text: str, field: str, formats: Formats) -> Decimal | None:
    """An amount as the file writes them; None for an empty text. Raises `Rejected`."""
    try:
        return read_amount(text, formats.decimal, formats.currency)
    except NoAmount as wrong:
        raise Rejected(f"{field}: {wrong}") from wrong


def read_instant(text: str, field: str, date_format: str | None) -> Moment | None:
    """A day, or a day with its time, in the given format or in ISO 8601; None for an empty text. Raises `Rejected`."""
    text = text.strip()
    if not text:
        return None
    try:
        moment = read_moment(text, date_format)
    except ValueError as error:
        hint = f"; it may be a spreadsheet's number for {serial_day(text)}" if is_serial(text) else ""
        expected = spelled_format(date_format)
        raise Rejected(f"{field}: {text[:40]!r} is not a date; write it as {expected}{hint}") from error
    if not FIRST_DAY <= _day(moment) <= LAST_DAY:
        raise Rejected(f"{field}: the year {moment.year} is out of range; write {FIRST_DAY.year} to {LAST_DAY.year}")
    return moment


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def read_day(text: str, field: str, date_format: str | None) -> date | None:
    """The day of such a text. Raises `Rejected`."""
    moment = read_instant(text, field, date_format)
    return None if moment is None else _day(moment)


READERS: Mapping[type, Callable[[str, str, Formats], Any]] = {
    str: lambda text, field, formats: text,
    int: lambda text, field, formats: read_number(text, field),
    Decimal: read_value,
    date: lambda text, field, formats: read_day(text, field, formats.date_format),
}
"""How the text of a file becomes the value of a column, by the column's type."""

# The currency is not read by itself: it is kept only beside a value.
READ = {name: READERS[Lead.__table__.c[name].type.python_type] for name in IN_LINES if name != "currency"}
"""The reader of each field of the lead."""
