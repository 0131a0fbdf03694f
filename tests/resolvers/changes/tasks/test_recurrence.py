"""The next occurrence of a repeating task: by the clock of a zone, not in the past, until its rule ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.changes.tasks.repeat import next_occurrence

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def due(when: str, rule: str, remind_at: str | None = None) -> dict[str, Any]:
    """A repeating task; due at an instant, or all day when `when` is a date."""
    all_day = len(when) == 10
    return {
        "due_on": date.fromisoformat(when) if all_day else None,
        "due_at": None if all_day else datetime.fromisoformat(when),
        "remind_at": remind_at and datetime.fromisoformat(remind_at),
        "recurrence": rule,
    }


def following(task: dict[str, Any], zone: str = "UTC", now: datetime = LONG_AGO) -> str | None:
    """When the next occurrence is due, as text."""
    found = next_occurrence(task, ZoneInfo(zone), now)
    return found and (found["due_at"] or found["due_on"]).isoformat()


@pytest.mark.parametrize(
    ("zone", "when", "expected"),
    [
        ("Europe/Berlin", "2031-03-29T09:00+01:00", "2031-03-30T07:00:00+00:00"),
        ("Europe/Berlin", "2031-10-25T09:00+02:00", "2031-10-26T08:00:00+00:00"),
        ("Europe/Berlin", "2031-03-29T02:30+01:00", "2031-03-31T00:30:00+00:00"),
        ("Europe/Berlin", "2031-10-25T02:30+02:00", "2031-10-26T00:30:00+00:00"),
        ("Europe/Berlin", "2031-10-26T02:30+01:00", "2031-10-27T01:30:00+00:00"),
        ("America/New_York", "2031-03-08T23:30-05:00", "2031-03-10T03:30:00+00:00"),
        ("Asia/Tokyo", "2031-03-29T23:30+09:00", "2031-03-30T14:30:00+00:00"),
        ("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-30T22:00:00+00:00"),
        ("America/Santiago", "2031-09-06", "2031-09-07"),
    ],
)
def test_at_the_same_time_of_the_clock(zone: str, when: str, expected: str) -> None:
    """Nine stays nine when clocks change; a skipped time does not occur, and a repeated one counts the first time.

    Samoa had no 30 December 2011; in Chile midnight is skipped in September, but not the day.
    """
    assert following(due(when, "FREQ=DAILY"), zone) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=WEEKLY", "2031-05-08"),
        ("FREQ=WEEKLY;BYDAY=MO,FR", "2031-05-02"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "2031-06-01"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2031-05-31"),
        ("FREQ=MONTHLY;BYDAY=2TU", "2031-05-13"),
        ("FREQ=YEARLY;BYMONTH=1,7", "2031-07-01"),
    ],
)
def test_on_the_days_of_the_rule(rule: str, expected: str) -> None:
    """The next days after Thursday, 1 May 2031, are those of the rule."""
    assert following(due("2031-05-01", rule)) == expected


def test_the_days_are_those_of_the_zone() -> None:
    """Sunday evening in New York is Monday in UTC: each occurrence is on a Sunday in New York."""
    sunday = due("2031-05-05T01:00+00:00", "FREQ=WEEKLY;BYDAY=SU")
    assert following(sunday, "America/New_York") == "2031-05-12T01:00:00+00:00"
    assert following(sunday, "UTC") == "2031-05-11T01:00:00+00:00"


def test_what_is_past_already_is_passed_over() -> None:
    """A task completed late has no occurrence in the past; today in the assignee's zone is not past."""
    daily = due("2031-05-01T09:00Z", "FREQ=DAILY")
    assert following(daily, now=datetime(2031, 5, 10, 8, tzinfo=UTC)) == "2031-05-10T09:00:00+00:00"
    assert following(daily, now=datetime(2031, 5, 10, 10, tzinfo=UTC)) == "2031-05-11T09:00:00+00:00"
    all_day = due("2031-05-01", "FREQ=DAILY")
    now = datetime(2031, 5, 10, 23, 30, tzinfo=UTC)
    assert [following(all_day, zone, now) for zone in ("UTC", "Asia/Tokyo")] == ["2031-05-10", "2031-05-11"]
    assert following(due("1990-05-01", "FREQ=WEEKLY"), now=now) == "2031-05-13"


def test_count_is_what_is_left() -> None:
    """Each occurrence holds how many are left, itself included; passed ones count, and times that no clock shows do
    not."""
    task, days = due("2031-03-28T02:30+01:00", "FREQ=DAILY;COUNT=4"), []
    while (found := next_occurrence(task, ZoneInfo("Europe/Berlin"), LONG_AGO)) is not None:
        days.append((str(found["due_at"].date()), found["recurrence"]))
        task = {**task, **found}
    assert days == [
        ("2031-03-29", "FREQ=DAILY;COUNT=3"),
        ("2031-03-31", "FREQ=DAILY;COUNT=2"),
        ("2031-04-01", "FREQ=DAILY;COUNT=1"),
    ]
    late = next_occurrence(due("2031-05-01", "FREQ=DAILY;COUNT=9"), ZoneInfo("UTC"), datetime(2031, 5, 4, tzinfo=UTC))
    assert late is not None
    assert (str(late["due_on"]), late["recurrence"]) == ("2031-05-04", "FREQ=DAILY;COUNT=6")
    assert following(due("2031-05-01", "FREQ=DAILY;COUNT=3"), now=datetime(2031, 5, 4, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("when", "until", "comes"),
    [
        ("2031-05-01", "20310502", True),
        ("2031-05-01", "20310501", False),
        ("2031-05-01", "20310502T120000Z", True),
        ("2031-05-01T09:00Z", "20310502", True),
        ("2031-05-01T09:00Z", "20310502T090000Z", True),
        ("2031-05-01T09:00Z", "20310502T085959Z", False),
        ("2031-05-02T06:30+09:00", "20310502", False),
        ("2031-05-02T06:30+09:00", "20310502T213000Z", True),
    ],
)
def test_until_is_included(when: str, until: str, comes: bool) -> None:
    """A day includes the whole day in the assignee's zone; an instant includes that instant."""
    zone = "Asia/Tokyo" if "+09:00" in when else "UTC"
    assert (following(due(when, f"FREQ=DAILY;UNTIL={until}"), zone) is not None) == comes


def test_the_reminder_keeps_its_distance_by_the_clock() -> None:
    """A reminder at nine the day before stays at nine the day before, also when clocks change in between."""
    for when, remind_at, expected in (
        ("2031-03-29T09:00+01:00", "2031-03-28T09:00+01:00", "2031-03-29T08:00:00+00:00"),
        ("2031-03-29", "2031-03-29T08:00+01:00", "2031-03-30T06:00:00+00:00"),
    ):
        found = next_occurrence(due(when, "FREQ=DAILY", remind_at), ZoneInfo("Europe/Berlin"), LONG_AGO)
        assert found is not None
        assert found["remind_at"].isoformat() == expected


@settings(deadline=None)
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(
        ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
    ),
    st.sampled_from(("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=YEARLY;BYMONTH=3,10")),
    st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_comes_later_and_not_in_the_past(local: datetime, zone: str, rule: str, late: timedelta) -> None:
    """Whenever it is completed, the next one has the same time of day, and no occurrence is skipped without need."""
    due_at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shown = due_at.astimezone(ZoneInfo(zone)).time()
    task = due(due_at.isoformat(), rule)
    found = next_occurrence(task, ZoneInfo(zone), due_at + late)
    assert found is not None
    assert found["due_at"] > due_at
    assert found["due_at"] >= due_at + late
    assert found["due_at"].astimezone(ZoneInfo(zone)).time() == shown
    on_time = next_occurrence(task, ZoneInfo(zone), due_at)
    assert on_time is not None
    assert (found == on_time) == (on_time["due_at"] >= due_at + late)
