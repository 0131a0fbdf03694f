"""Time zones by their IANA names, and the days of a person who lives in one."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a day begins in a zone: midnight, or the end of the gap that swallows it."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a day ends in a zone: when the next one begins."""
    return start_of_day(day + timedelta(days=1), zone)
