"""A member's tasks as iCalendar (RFC 5545).

Tasks are events, because the calendars that people use show no tasks of feeds. All-day ones end the next day, as the
standard counts; timed ones are half an hour. What is done stays for a month, with a check mark.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Alarm, Calendar, Event

from models.database import Row
from models.rules.ids import public_id

LENGTH = timedelta(minutes=30)

AGAIN = timedelta(hours=1)
"""How often a calendar program is asked to read the feed. Many read it more rarely."""

PRINTABLE = {code: None for code in (*range(32), 127) if code not in (9, 10)}
"""Control characters, which the standard forbids."""


def write(name: str, tasks: Iterable[Row]) -> bytes:
    """The calendar of a member of this name."""
    calendar = Calendar()
    calendar.add("prodid", "-//Dealboard//Tasks//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", _text(f"Tasks of {name}"))
    calendar.add("refresh-interval", AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for task in tasks:
        calendar.add_component(_event(task))
    written: bytes = calendar.to_ical()
    return written


def _event(task: Row) -> Event:
    done = task["status"] == "DONE"
    event = Event()
    event.add("uid", public_id("task", task["id"]))
    event.add("sequence", task["version"])
    event.add("dtstamp", _utc(task["updated_at"]))
    event.add("created", _utc(task["created_at"]))
    event.add("last-modified", _utc(task["updated_at"]))
    if task["due_on"] is not None:
        event.add("dtstart", task["due_on"])
        event.add("dtend", task["due_on"] + timedelta(days=1))
    else:
        event.add("dtstart", _utc(task["due_at"]))
        event.add("dtend", _utc(task["due_at"]) + LENGTH)
    title = f"{task['title']} · {task['lead']}" if task["lead"] else task["title"]
    event.add("summary", _text(f"✓ {title}" if done else title))
    if task["notes"]:
        event.add("description", _text(task["notes"]))
    event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("class", "PRIVATE")
    if task["remind_at"] is not None and not done:
        event.add_component(_alarm(task))
    return event


def _alarm(task: Row) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _text(task["title"]))
    alarm.add("trigger", _utc(task["remind_at"]))
    return alarm


def _utc(value: Any) -> datetime:
    instant: datetime = value.astimezone(UTC).replace(microsecond=0)
    return instant


def _text(value: str) -> str:
    return value.replace("\r\n", "\n").translate(PRINTABLE)
