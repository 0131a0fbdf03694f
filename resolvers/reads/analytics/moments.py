"""Moments of the past: numbers of the event log, named by a cursor or by an instant.

Numbers are in the order of commits, instants need not be, so every moment becomes a number: that of the last event
before it. An instant is looked up by halving the log, a dozen or two of its events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text, Uuid, case, cast, func, literal_column, select

from engine.live.selection import decode_cursor
from engine.publish.provided import together, wrong_if
from engine.read.json_text import Expression
from engine.read.rows import ORG, Rows, rows
from engine.read.slots import Slot
from models.tables.event import Event, EventLog

INSTANT = DateTime(timezone=True)


@dataclass(frozen=True)
class Moment:
    """A number of the log, as SQL, and what is wrong with the argument that named it, or null."""

    number: Any
    wrong: Expression


def _organisation(text: str) -> UUID:
    return decode_cursor(text)[0]


def _number(text: str) -> int:
    return decode_cursor(text)[1]


def _log(column: str) -> Any:
    return rows(EventLog).value(lambda log: getattr(log, column))


def _events_after(number: Any) -> Rows:
    found = rows(Event)
    return found.where(found.entity.number > number).ordered(found.entity.number.asc())


def _begins() -> Expression:
    """The instant of the first event that is known."""
    return _events_after(_log("known_from")).first().value(lambda event: event.occurred_at)


def message(text: str) -> Expression:
    """A constant message, as SQL."""
    return literal_column("'" + text.replace("'", "''") + "'", Text())


def _since(text: str) -> Expression:
    """A message that ends with the instant from which the past is known."""
    instant = func.coalesce(func.trim(cast(func.to_json(_begins()), Text), message('"')), message("the next event"))
    return func.concat(message(text), instant, message("."), type_=Text())


def moment(name: str, given: Mapping[str, Any]) -> Moment:
    """The moment that an `AsOf` names, which is the argument `name`."""
    if "cursor" in given:
        return _at_cursor(f"{name}.cursor", given["cursor"])
    return _at_instant(f"{name}.at", given["at"])


def latest() -> Moment:
    """Now: the last event."""
    return Moment(_once(func.coalesce(_log("head"), literal_column("0"))), literal_column("NULL", Text()))


def _once(number: Any) -> Any:
    """A number that is looked up once, however often it is used."""
    found = select(cast(number, BigInteger).label("number")).cte()
    return select(found.c.number).scalar_subquery()


def _at_cursor(name: str, given: Slot) -> Moment:
    number = given.bind(BigInteger(), _number)
    wrong = wrong_if(
        name,
        (
            given.bind(Uuid(), _organisation) != ORG,
            message("this cursor belongs to another organisation. Query `cursor` for one of yours."),
        ),
        (
            number > func.coalesce(_log("head"), literal_column("0")),
            message("this is no cursor of an event that has happened. Send a cursor exactly as it came from this API."),
        ),
        (
            number < func.coalesce(_log("known_from"), number + literal_column("1")),
            _since("what was before this cursor is no longer known. The past is known from "),
        ),
    )
    return Moment(number, wrong)


def _at_instant(name: str, given: Slot) -> Moment:
    at = given.bind(INSTANT)
    wrong = wrong_if(
        name,
        (at > func.now(), message("this instant lies in the future. Send one that has passed.")),
        (
            at < func.coalesce(_begins(), func.now()),
            _since("nothing is known of this instant. The past is known from "),
        ),
    )
    return Moment(_once(_last_before(at)), wrong)


def _last_before(at: Any) -> Any:
    """The number of the last event at or before an instant."""
    begun = rows(EventLog)
    log = begun.entity
    search = begun.select(log.known_from.label("low"), log.head.label("high")).cte(recursive=True)
    low, high = search.c.low, search.c.high
    middle = cast((low + high + literal_column("1", BigInteger())) // literal_column("2", BigInteger()), BigInteger)
    found = rows(Event)
    event = found.entity
    probe = (
        found.where(event.number > low, event.number <= middle)
        .ordered(event.number.desc())
        .first()
        .select(event.number, event.occurred_at)
        .lateral()
    )
    # Between two events that are left there may have been others: they have changed nothing that is known.
    is_late = probe.c.occurred_at > at
    halved = (
        select(
            case((is_late, low), else_=middle),
            case((is_late, probe.c.number - literal_column("1")), else_=high),
        )
        .select_from(search.outerjoin(probe, literal_column("true")))
        .where(low < high)
    )
    search = search.union_all(halved)
    return select(search.c.low).where(search.c.low == search.c.high).scalar_subquery()


def wrong_of(*moments: Moment, also: Expression | None = None) -> Expression:
    """What is wrong with arguments that name moments; and what else is wrong."""
    return together([*(one.wrong for one in moments), *([] if also is None else [also])])
