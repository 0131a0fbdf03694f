"""Times of day in every zone of the IANA database, above all when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.clock.local_time import after_quiet, clock_time, instant_at, next_instant
from models.rules.time_zone import BESIDE, time_zone

ZONES = sorted(name for name in available_timezones() if not BESIDE.fullmatch(name))

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@cache
def transitions(name: str) -> tuple[datetime, ...]:
    """The hours of 2011 and of 2024 to 2027 in which the offset of a zone changes; of 2011, because Samoa left out a
    day."""
    zone, found = time_zone(name), []
    for first, last in ((datetime(2011, 12, 1, tzinfo=UTC), 32), (datetime(2024, 1, 1, tzinfo=UTC), 1_461)):
        days = [first + nth * DAY for nth in range(last)]
        for day in days:
            if day.astimezone(zone).utcoffset() != (day + DAY).astimezone(zone).utcoffset():
                hours = [day + nth * HOUR for nth in range(24)]
                found += [
                    at for at in hours if at.astimezone(zone).utcoffset() != (at + HOUR).astimezone(zone).utcoffset()
                ]
    return tuple(found)


def minutes(around: datetime, zone: ZoneInfo, hours: int = 30) -> dict[datetime, datetime]:
    """Each minute of the hours around an instant, as local time, and the first instant at which it is that time."""
    found: dict[datetime, datetime] = {}
    for nth in range(-hours * 60, hours * 60):
        at = around + nth * MINUTE
        found.setdefault(at.astimezone(zone).replace(tzinfo=None), at)
    return found


CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@pytest.mark.parametrize("name", ZONES)
def test_a_time_is_the_first_of_two_or_the_next_there_is(name: str) -> None:
    """Around each change of clocks, each quarter of an hour of the day is what a walk through all minutes finds."""
    zone = time_zone(name)
    for change in transitions(name)[:4]:
        known = minutes(change, zone)
        local = sorted(known)
        for day in {change.astimezone(zone).date() + nth * DAY for nth in (-1, 0, 1)}:
            for quarter in range(0, 96, 3):
                wanted = datetime.combine(day, time(quarter // 4, quarter % 4 * 15))
                if wanted < local[0] or wanted > local[-1] - DAY:
                    continue
                first = known.get(wanted) or known[next(one for one in local if one > wanted)]
                assert instant_at(day, wanted.time(), zone) == first, (wanted, change)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 20),
    st.integers(-3_000, 3_000),
    st.sets(CLOCKS, min_size=1, max_size=4),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_slots_come_in_order_and_none_twice(
    name: str, nth: int, offset: int, times: set[time], weekdays: set[int]
) -> None:
    """From each slot on, the next one is later, within nine days, and none lies between them."""
    zone, found = time_zone(name), transitions(name)
    at = (found[nth % len(found)] if found else datetime(2026, 3, 1, tzinfo=UTC)) + offset * MINUTE
    slots = []
    for _ in range(6):
        following = next_instant(at, times, weekdays, zone)
        assert at < following <= at + 9 * DAY
        assert next_instant(following - timedelta(microseconds=1), times, weekdays, zone) == following
        slots.append(following)
        at = following
    first, last = slots[0].astimezone(zone).date() - DAY, slots[-1].astimezone(zone).date() + DAY
    days = [first + day * DAY for day in range((last - first).days + 1)]
    every = {instant_at(day, clock, zone) for day in days if day.weekday() in weekdays for clock in times}
    assert slots == sorted(one for one in every if slots[0] <= one <= slots[-1])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 20), st.integers(-3_000, 3_000), CLOCKS, CLOCKS)
def test_quiet_hours_end_in_the_morning(name: str, nth: int, offset: int, start: time, end: time) -> None:
    """What would come in them comes at their end, the first that there is; all else at once. It never comes earlier,
    and waits less than a day, or two where a day is left out."""
    zone, found = time_zone(name), transitions(name)
    at = (found[nth % len(found)] if found else datetime(2026, 3, 1, tzinfo=UTC)) + offset * MINUTE
    came, local = after_quiet(at, start, end, zone), at.astimezone(zone).time()
    quiet = start <= local < end if start <= end else local >= start or local < end
    if not quiet:
        assert came == at
        return
    assert at <= came <= at + 2 * DAY
    today = at.astimezone(zone).date()
    ends = [instant_at(today + day * DAY, end, zone) for day in (0, 1, 2)]
    # Where the hour comes twice, and the end had come in the first, the second is quiet no more.
    assert came == at or came == next(one for one in ends if one > at)


def test_a_gap_an_overlap_and_a_day_that_is_left_out() -> None:
    """Berlin in spring and in autumn, Lord Howe with its half hour, Samoa without a Friday."""
    berlin, howe, apia = map(ZoneInfo, ("Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"))
    assert instant_at(date(2026, 3, 29), time(2, 30), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert instant_at(date(2026, 10, 25), time(2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant_at(date(2026, 10, 4), time(2, 15), howe) == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    assert instant_at(date(2011, 12, 30), time(9), apia) == datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert instant_at(date(2011, 12, 31), time(9), apia) == datetime(2011, 12, 30, 19, 0, tzinfo=UTC)
    night = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    assert after_quiet(night, time(22), time(2, 30), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["24:00", "8:00", "08:60", "08:00:00", "", "٠٨:٠٠", "noon", "08:00 " * 9])
def test_what_is_no_time_of_day(text: str) -> None:
    """The message shows it and says what to send."""
    with pytest.raises(ValueError, match=r"is not a time of day\. Send hours and minutes, from 00:00 to 23:59"):
        clock_time(text)
    assert clock_time("23:59") == time(23, 59)
