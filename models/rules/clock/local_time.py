"""Times of day where a person lives: which instant they are on a day, the next of several, and hours of quiet.

A time that a day does not have, because clocks go forward, is the first valid minute after it. One that a day has
twice, because they go back, is the first of both.
"""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEK = 7

SECOND = timedelta(seconds=1)

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def clock_time(text: str) -> time:
    """The time of day that `HH:MM` means. Raises `ValueError`."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        shown = text if len(text) <= 20 else text[:20] + "…"
        raise ValueError(f"{shown!r} is not a time of day. Send hours and minutes, from 00:00 to 23:59, such as 08:30.")
    return time(int(found[1]), int(found[2]))


def instant_at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, of a time on a day in a zone."""
    wanted = datetime.combine(day, clock)
    found = wanted.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wanted:
        return found
    # Clocks go forward between what the time would be with the offset after, and with the offset before.
    before, after = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC), found
    offset = after.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def next_instant(after: datetime, times: Collection[time], weekdays: Collection[int], zone: ZoneInfo) -> datetime:
    """The first instant after this one at which it is one of these times on one of these weekdays, Monday as 0.

    There is at least one of each.
    """
    today = after.astimezone(zone).date()
    # A day that a zone leaves out, on its way over the date line, begins with the day after: so from yesterday on.
    days = (today + timedelta(days=nth) for nth in range(-1, WEEK + 2))
    chosen = [day for day in days if day.weekday() in weekdays]
    return min(at for day in chosen for clock in times if (at := instant_at(day, clock, zone)) > after)


def after_quiet(instant: datetime, start: time, end: time, zone: ZoneInfo) -> datetime:
    """When the quiet hours that this instant lies in have ended; the instant itself, if it lies in none. They go from
    `start` to before `end`, over midnight if `end` is the earlier one."""
    local = instant.astimezone(zone)
    now, over_midnight = local.time(), end < start
    if not (start <= now or now < end if over_midnight else start <= now < end):
        return instant
    day = local.date() + timedelta(days=1 if over_midnight and start <= now else 0)
    return max(instant, instant_at(day, end, zone))
