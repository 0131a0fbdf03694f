"""Recurrence rules: the days they name are those of RFC 5545, and rules without a meaning are refused."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby, islice, takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules import recurrence
from models.rules.recurrence import Recurrence
from models.rules.rrule import DAYS, parse_rule, rule_text

YEARS = 4
"""The years that the slow evaluation covers, a day at a time."""


def naive_days(rule: Recurrence, start: date) -> Iterator[date]:
    """The days after `start` that the rule names, tested one by one."""
    first, last = start - timedelta(days=366), date(start.year + YEARS, 1, 1)
    days = (first + timedelta(days=at) for at in range((last - first).days))
    for _, together in groupby(days, lambda day: period_of(rule, day)):
        period = [day for day in together if named(rule, start, day)]
        for at, day in enumerate(period):
            if not rule.by_set_pos or {at + 1, at - len(period)} & set(rule.by_set_pos):
                yield from [day] if day > start else []


def period_of(rule: Recurrence, day: date) -> int:
    """The number of the day, week, month or year that contains a day, counted from a fixed one."""
    if rule.freq == "DAILY":
        return day.toordinal()
    if rule.freq == "WEEKLY":
        return (day.toordinal() - 1 - rule.week_start) // 7
    return day.year * 12 + day.month if rule.freq == "MONTHLY" else day.year


def named(rule: Recurrence, start: date, day: date) -> bool:
    """Whether every part of the rule but BYSETPOS matches the day."""
    if (period_of(rule, day) - period_of(rule, start)) % rule.interval:
        return False
    if rule.by_month and day.month not in rule.by_month:
        return False
    if rule.by_month_day and not any(is_month_day(day, nth) for nth in rule.by_month_day):
        return False
    if rule.by_day:
        return any(day.weekday() == weekday and (not nth or is_nth(rule, day, nth)) for nth, weekday in rule.by_day)
    if rule.by_month_day or rule.freq == "DAILY":
        return True
    if rule.freq == "WEEKLY":
        return day.weekday() == start.weekday()
    return day.day == start.day and (rule.freq == "MONTHLY" or bool(rule.by_month) or day.month == start.month)


def is_month_day(day: date, nth: int) -> bool:
    """Whether the day is the nth of its month, counted from the end when negative."""
    last = day - timedelta(days=nth + 1)
    return day.day == nth if nth > 0 else last.month == day.month and (last + timedelta(days=1)).day == 1


def is_nth(rule: Recurrence, day: date, nth: int) -> bool:
    """Whether the day is the nth of its weekday in the month, or in the year for a yearly rule without months."""
    step = timedelta(days=7 if nth > 0 else -7)
    whole_year = rule.freq == "YEARLY" and not rule.by_month
    before = (day - step * back for back in range(60))
    same = takewhile(lambda other: other.year == day.year and (whole_year or other.month == day.month), before)
    return sum(1 for _ in same) == abs(nth)


def some(values: st.SearchStrategy[int], most: int = 4) -> st.SearchStrategy[str]:
    """A list of numbers as a rule holds it."""
    return st.lists(values, min_size=1, max_size=most).map(lambda numbers: ",".join(map(str, numbers)))


def around_zero(most: int) -> st.SearchStrategy[int]:
    """A number that counts from the beginning or from the end."""
    return st.integers(1, most).flatmap(lambda nth: st.sampled_from((nth, -nth)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Valid rules of every kind, with their parts in any order."""
    freq = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    parts = {"FREQ": freq}
    optional = {
        "INTERVAL": st.integers(1, 4).map(str),
        "BYMONTH": some(st.integers(1, 12)),
        "BYMONTHDAY": some(around_zero(31)),
        "BYDAY": st.lists(st.sampled_from(DAYS), min_size=1, max_size=4).map(",".join),
        "WKST": st.sampled_from(DAYS),
    }
    for name, values in optional.items():
        if draw(st.booleans()) and not (name == "BYMONTHDAY" and freq == "WEEKLY"):
            parts[name] = draw(values)
    if freq in ("MONTHLY", "YEARLY"):
        if "BYDAY" in parts and "BYMONTHDAY" not in parts and draw(st.booleans()):
            most = 5 if freq == "MONTHLY" or "BYMONTH" in parts else 53
            parts["BYDAY"] = ",".join(f"{draw(around_zero(most))}{day}" for day in parts["BYDAY"].split(","))
        if ("BYDAY" in parts or "BYMONTHDAY" in parts) and draw(st.booleans()):
            parts["BYSETPOS"] = draw(some(around_zero(12)))
    return ";".join(f"{name}={parts[name]}" for name in draw(st.permutations(list(parts))))


@settings(deadline=None, max_examples=200)
@given(rules(), st.dates(date(1999, 1, 1), date(2031, 12, 31)))
def test_names_the_days_that_a_day_by_day_evaluation_finds(text: str, start: date) -> None:
    """Rules of every kind, from any day, name all the days of several years."""
    rule = parse_rule(text)
    found = list(takewhile(lambda day: day.year < start.year + YEARS, rule.days_after(start)))
    assert found == list(naive_days(rule, start))


@settings(deadline=None)
@given(rules(), st.dates(date(1999, 1, 1), date(2031, 12, 31)), st.integers(-40, 365 * YEARS))
def test_passes_over_days_as_if_it_had_walked(text: str, start: date, days: int) -> None:
    """From a later day on, the rule names what the day-by-day evaluation finds there, in phase with the start."""
    rule, later = parse_rule(text), start + timedelta(days=days)
    expected = [day for day in naive_days(rule, start) if day >= later]
    assert list(islice(rule.days_after(start, later), len(expected))) == expected


@pytest.mark.parametrize("text", ["FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "FREQ=YEARLY"])
def test_two_centuries_are_not_walked_through(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the periods between the start and the day asked for, none is looked at."""
    rule, looked_at = parse_rule(text), []
    find = recurrence.PERIODS[rule.freq]

    def counted(*given: Any) -> Iterator[set[date]]:
        for period in find(*given):
            looked_at.append(period)
            yield period

    monkeypatch.setitem(recurrence.PERIODS, rule.freq, counted)
    day = next(rule.days_after(date(1900, 1, 2), date(2099, 6, 1)))
    assert (day - date(1900, 1, 2)).days > 72_000
    assert len(looked_at) <= 3


@given(rules())
def test_is_written_in_one_way(text: str) -> None:
    """The stored text means the same as what was sent, and stays the same when it is sent again."""
    rule = parse_rule(text)
    assert parse_rule(rule_text(rule)) == rule
    assert rule_text(parse_rule(f" rrule:{rule_text(rule).lower()} ")) == rule_text(rule)


@pytest.mark.parametrize(
    ("text", "start", "days"),
    [
        ("FREQ=DAILY;INTERVAL=10", "1997-09-02", "1997-09-12 1997-09-22 1997-10-02"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", "1997-08-05", "1997-08-10 1997-08-19 1997-08-24"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "1997-08-05", "1997-08-17 1997-08-19 1997-08-31"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02", "1998-02-13 1998-03-13 1998-11-13 1999-08-13"),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "1997-10-29 1997-11-28 1997-12-29 1998-01-29 1998-02-26"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-09-29", "1997-10-30 1997-11-27 1997-12-30"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU", "1997-09-07", "1997-09-28 1997-11-02 1997-11-30 1998-01-04"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30", "2007-01-15", "2007-01-30 2007-02-15 2007-03-15 2007-03-30"),
        ("FREQ=MONTHLY", "2026-01-31", "2026-03-31 2026-05-31 2026-07-31 2026-08-31"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "1996-11-05", "2000-11-07 2004-11-02"),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "1998-05-18 1999-05-17"),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=SU,MO,TU", "1998-01-04", "1998-01-05 1998-01-06 1998-01-11"),
        ("FREQ=YEARLY", "2024-02-29", "2028-02-29 2032-02-29"),
        ("FREQ=YEARLY;BYMONTHDAY=1", "2026-11-15", "2026-12-01 2027-01-01"),
    ],
)
def test_examples(text: str, start: str, days: str) -> None:
    """The examples of RFC 5545 that are about days are met, and so are the ends of short months."""
    found = parse_rule(text).days_after(date.fromisoformat(start))
    assert [str(day) for day in islice(found, len(days.split()))] == days.split()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not part of a rule"),
        ("WEEKLY", "'WEEKLY' is not part of a rule"),
        ("FREQ=HOURLY", "FREQ=HOURLY is not valid. Use DAILY, WEEKLY, MONTHLY or YEARLY."),
        ("INTERVAL=2", "A rule needs FREQ"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is given twice"),
        ("FREQ=DAILY;", "'' is not part of a rule"),
        ("FREQ=DAILY;BYHOUR=9", "'BYHOUR=9' is not part of a rule"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not valid. Use a whole number from 1 to 1000."),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL=1.5 is not valid"),
        ("FREQ=DAILY;INTERVAL=١", "INTERVAL=١ is not valid"),
        ("FREQ=DAILY;COUNT=1001", "COUNT=1001 is not valid"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20311231", "COUNT and UNTIL both end the rule"),
        ("FREQ=DAILY;UNTIL=20310229", "UNTIL=20310229 is not valid. Use a day, 20261231"),
        ("FREQ=DAILY;UNTIL=20311231T170000", "UNTIL=20311231T170000 is not valid"),
        ("FREQ=DAILY;UNTIL=10661014", "UNTIL=10661014 is not valid"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32 is not valid"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY cannot be 0"),
        ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH=-1 is not valid"),
        ("FREQ=MONTHLY;BYDAY=MON", "BYDAY=MON is not valid"),
        ("FREQ=YEARLY;BYDAY=54MO", "BYDAY=54MO is not valid"),
        ("FREQ=MONTHLY;BYDAY=6MO", "No month has more than five"),
        ("FREQ=WEEKLY;BYDAY=1MO", "Only a MONTHLY or YEARLY rule can name the first"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "A WEEKLY rule cannot name days of the month"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS chooses among the days"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=1", "cannot be combined with days such as 1MO"),
        ("FREQ=WEEKLY;WKST=1", "WKST=1 is not valid"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    """Each refusal names the part and says what to write instead."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_rule(text)
