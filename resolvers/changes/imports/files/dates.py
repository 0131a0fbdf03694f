"""Dates and times as files have them: read by a format, which is said or which all of a column's texts agree on."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from resolvers.changes.imports.files.encodings import FileRefused

Moment = date | datetime
"""A day, or an instant: one with an offset, or one of the organisation's time zone without."""

WORDS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "DD": "%d",
    "D": "%d",
    "HH": "%H",
    "H": "%H",
    "hh": "%I",
    "h": "%I",
    "mm": "%M",
    "m": "%M",
    "ss": "%S",
    "s": "%S",
    "A": "%p",
    "a": "%p",
}
"""How people write the parts of a date, and how Python does."""

TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p", "T%H:%M:%S")
"""The times that may follow a day, whatever the format says of them."""

_WORD = re.compile("|".join(WORDS))
_DAYS = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})(?![0-9])")
_SHORT = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2}(?![0-9])")
_YEAR_FIRST = re.compile(r"[0-9]{4}([./])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])")

DAY_FIRST, MONTH_FIRST = "DD{}MM{}YYYY", "MM{}DD{}YYYY"

EXAMPLES = (datetime(2026, 11, 23, tzinfo=UTC), datetime(2024, 2, 5, tzinfo=UTC))
"""Days that a format must give back: it has a year, a month and a day."""


def known_format(said: str) -> str:
    """The format in Python's directives, from the same or from words such as DD/MM/YYYY. Raises `FileRefused`."""
    format = said if "%" in said else _WORD.sub(lambda match: WORDS[match[0]], said)
    try:
        known = all(datetime.strptime(day.strftime(format), format).date() == day.date() for day in EXAMPLES)
    except (ValueError, re.error):  # A directive twice is an error of the pattern that Python makes of it.
        known = False
    if not known:
        raise FileRefused(
            f"--date-format {said}: it needs a year, a month and a day. Write it such as DD/MM/YYYY, or %d/%m/%Y."
        )
    return format


def spelled_format(format: str | None) -> str:
    """A format as people write it."""
    if format is None:
        return "YYYY-MM-DD"
    words = {directive: word for word, directive in reversed(WORDS.items())}
    return re.sub(r"%[A-Za-z]", lambda match: words.get(match[0], match[0]), format)


def read_moment(text: str, format: str | None) -> Moment:
    """The day or the instant of a text, in a format or, without one, in ISO 8601. Raises `ValueError`."""
    text = " ".join(text.split())
    if format is None:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    timed = "%H" in format or "%I" in format
    for time in TIMES[:1] if timed else TIMES:
        for offset in ("", "%z", " %z") if timed or time else ("",):
            try:
                read = datetime.strptime(text, format + time + ("" if "%z" in format else offset))
            except ValueError:
                continue
            return read if timed or time else read.date()
    raise ValueError(text)


def find_format(texts: Iterable[tuple[int, str]]) -> str | None:
    """The format that all of these texts agree on, each with its line; None where they are in ISO 8601, or in none.

    Raises `FileRefused` when days and months cannot be known apart.
    """
    day_first: dict[str, str] = {}
    month_first: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for line, text in texts:
        text = text.strip()
        shown = f"{text[:40]!r} on line {line}"
        if _YEAR_FIRST.match(text):
            return f"%Y{text[4]}%m{text[4]}%d"
        if _SHORT.match(text):
            raise FileRefused(f"dates such as {shown} have a year of two digits. Say --date-format, such as DD/MM/YY.")
        if not (match := _DAYS.match(text)):
            continue
        first, mark, second = int(match[1]), match[2], int(match[3])
        if first > 12 or mark == ".":
            day_first.setdefault(mark, shown)
        elif second > 12:
            month_first.setdefault(mark, shown)
        else:
            unclear.setdefault(mark, shown)
    return _agreed(day_first, month_first, unclear)


def _agreed(day_first: dict[str, str], month_first: dict[str, str], unclear: dict[str, str]) -> str | None:
    marks = [*dict.fromkeys((*day_first, *month_first, *unclear))]
    if not marks:
        return None
    mark = marks[0]
    if day_first and month_first:
        raise FileRefused(
            f"its dates do not agree: {next(iter(day_first.values()))} begins with the day,"
            f" {next(iter(month_first.values()))} with the month. Say which is right with --date-format"
            f" {DAY_FIRST.format(mark, mark)} or {MONTH_FIRST.format(mark, mark)}; the others are rejected."
        )
    if not day_first and not month_first:
        raise FileRefused(
            f"the date {unclear[mark]} can begin with the day or with the month. Add --date-format"
            f" {DAY_FIRST.format(mark, mark)} or --date-format {MONTH_FIRST.format(mark, mark)}."
        )
    return f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"


def is_serial(text: str) -> bool:
    """Whether a text is a spreadsheet's number of a day, not a date: 45352 is 1 March 2024."""
    return bool(re.fullmatch(r"[3-6][0-9]{4}(\.[0-9]+)?", text.strip()))


def serial_day(text: str) -> date:
    """The day that a spreadsheet means by a number."""
    return date(1899, 12, 30) + timedelta(days=int(float(text)))
