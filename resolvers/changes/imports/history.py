"""The history of an imported deal: what people would have made, had they worked on it here.

It was created, entered its stages one after the other, and was won or lost, each at its time. A bare day begins in the
organisation's time zone, and so does a time without an offset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.rules.stage_kind import StageKind
from models.rules.time_zone import start_of_day
from resolvers.changes.imports.files.dates import Moment
from resolvers.changes.imports.rows import Deal, Rejected

Stages = Mapping[str, Mapping[str, Any]]
"""Stages by their names in lower case."""

TOLERATED = timedelta(days=1)
"""How much earlier than what it follows a step may seem to be: a bare day begins before whatever happened on it."""


@dataclass(frozen=True)
class HistoryStep:
    """That a deal entered a stage."""

    stage: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class History:
    """The steps of a deal, the first of them its creation."""

    steps: Sequence[HistoryStep]
    closed_at: datetime | None
    undated: bool
    """Whether it is won or lost, and the file does not say when, so that it is closed by the import."""


def instant(moment: Moment, zone: ZoneInfo) -> datetime:
    """The instant of a day, or of a time, in the organisation's zone unless it has an offset."""
    if not isinstance(moment, datetime):
        return start_of_day(moment, zone)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def history(deal: Deal, stages: Stages, first: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> History:
    """The history of a deal that is now in the stage it names; `first` is the first open stage of the pipeline.

    Raises `Rejected` for what is in the future, or in another order.
    """
    stage = stages[deal.stage.casefold()]
    closes = stage["kind"] != StageKind.OPEN
    entered = [(name, _past(at, f"the entry into {name!r}", zone, now)) for name, at in deal.entered]
    own = max((at for name, at in entered if stages[name.casefold()]["id"] == stage["id"]), default=None)
    given = _past(deal.closed_at, "closed_at", zone, now) if closes and deal.closed_at is not None else None
    ended = (given or own or now) if closes else None
    before = sorted(((at, name) for name, at in entered if stages[name.casefold()]["id"] != stage["id"]), key=_time)
    earliest = min([at for at, _ in before] + [at for at in (ended, own) if at is not None], default=now)
    created = earliest if deal.created_at is None else _past(deal.created_at, "created_at", zone, now)
    steps: list[HistoryStep] = []
    at = created
    for entry, name in before:
        at = _after(at, entry, f"the entry into {name!r}", "created_at" if at == created else "the step before")
        _add(steps, stages[name.casefold()], at)
    if not steps and (closes or own is not None):
        _add(steps, first, created)
    elif steps and steps[0].at > created:
        steps = [HistoryStep(first, created), *(steps[1:] if steps[0].stage["id"] == first["id"] else steps)]
    last = ended or own or at
    what = "closed_at" if closes else f"the entry into {stage['name']!r}"
    last = _after(at, last, what, "created_at" if at == created else "the last step")
    _add(steps, stage, last)
    return History(steps, steps[-1].at if closes else None, closes and given is None and own is None)


def expected_day(deal: Deal, closes: bool) -> date | None:
    """When a deal is expected to close: for an open one, its closing date says so unless another column does."""
    expected: date | None = deal.lead["expected_close_date"]
    if expected is None and deal.closed_at is not None and not closes:
        return deal.closed_at.date() if isinstance(deal.closed_at, datetime) else deal.closed_at
    return expected


def _time(entry: tuple[datetime, str]) -> datetime:
    return entry[0]


def _past(moment: Moment, what: str, zone: ZoneInfo, now: datetime) -> datetime:
    at = instant(moment, zone)
    if at > now:
        hint = "map its column to expected_close_date, or correct it" if what == "closed_at" else "correct it"
        raise Rejected(f"{what}: {moment} is in the future; {hint}")
    return at


def _after(earlier: datetime, at: datetime, what: str, of: str) -> datetime:
    """The instant, but not before the one that it follows. Raises `Rejected` where that is more than rounding."""
    if earlier - at >= TOLERATED:
        raise Rejected(f"{what} is before {of}; correct one of them")
    return max(earlier, at)


def _add(steps: list[HistoryStep], stage: Mapping[str, Any], at: datetime) -> None:
    if not steps or steps[-1].stage["id"] != stage["id"]:
        steps.append(HistoryStep(stage, at))
