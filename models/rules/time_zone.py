"""Time zones by their IANA names, the days of a person who lives in one, and months."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.rules.numbers import FIRST_DAY, LAST_DAY

LINKED = {"CET": "Europe/Brussels", "EET": "Europe/Athens", "MET": "Europe/Brussels", "WET": "Europe/Lisbon"}
"""Old names that PostgreSQL reads as an offset without daylight saving time, and the zones that they link to."""

BESIDE = re.compile(r"localtime|posixrules|(posix|right)/.*", re.DOTALL)
"""Other entries of a machine's zone folder: they differ between machines, or PostgreSQL does not know them."""


def time_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name, read as PostgreSQL reads it. Raises `ValueError` for an unknown name."""
    try:
        if not BESIDE.fullmatch(name):
            return ZoneInfo(LINKED.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    shown = name if len(name) <= 60 else name[:60] + "…"
    raise ValueError(f"{shown!r} is not a time zone. Send a name of the IANA database, such as 'Europe/Paris'.")


def zone_or_utc(name: str) -> ZoneInfo:
    """The zone of a stored name; UTC where this machine does not know it, so that no work in the background stops."""
    try:
        return time_zone(name)
    except ValueError:
        return ZoneInfo("UTC")


def first_of_month(name: str) -> date:
    """The first day of a month, `2026-11`. Raises `ValueError` for any other text, and for a year that was mistyped."""
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", name, re.ASCII) and FIRST_DAY.year <= int(name[:4]) <= LAST_DAY.year:
        return date.fromisoformat(f"{name}-01")
    shown = name if len(name) <= 20 else name[:20] + "…"
    raise ValueError(f"{shown!r} is not a month. Send year and month, such as '2026-11'.")


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a day begins in a zone: midnight, or the end of the gap that swallows it."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a day ends in a zone: when the next one begins."""
    return start_of_day(day + timedelta(days=1), zone)
