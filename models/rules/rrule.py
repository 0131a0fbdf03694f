"""Recurrence rules as text: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR`.

Source: RFC 5545, section 3.3.10, limited to the parts that name days: FREQ of DAILY or coarser, INTERVAL,
COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from models.rules.numbers import FIRST_DAY, LAST_DAY
from models.rules.recurrence import PERIODS, Recurrence, Weekday

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_BY_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z)?", re.ASCII)


def parse_rule(text: str) -> Recurrence:
    """The rule in `text`, with or without `RRULE:` before it. Raises `ValueError`, saying what to correct."""
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or name not in PARTS:
            raise ValueError(
                f"{part[:40]!r} is not part of a rule. Use {', '.join(PARTS)}, as in 'FREQ=WEEKLY;BYDAY=MO,FR'."
            )
        if name in parts:
            raise ValueError(f"{name} is given twice. Keep one.")
        parts[name] = value
    fields: dict[str, Any] = {PARTS[name][0]: PARTS[name][1](name, value) for name, value in parts.items()}
    if "freq" not in fields:
        raise ValueError("A rule needs FREQ: DAILY, WEEKLY, MONTHLY or YEARLY.")
    rule = Recurrence(**fields)
    _expect_sense(rule)
    return rule


def rule_text(rule: Recurrence) -> str:
    """A rule as text, its parts always in the same order."""
    texts = {
        "FREQ": rule.freq,
        "INTERVAL": str(rule.interval) if rule.interval != 1 else "",
        "COUNT": str(rule.count or ""),
        "UNTIL": _until_text(rule.until),
        "BYMONTH": ",".join(map(str, rule.by_month)),
        "BYMONTHDAY": ",".join(map(str, rule.by_month_day)),
        "BYDAY": ",".join(f"{nth or ''}{DAYS[day]}" for nth, day in rule.by_day),
        "BYSETPOS": ",".join(map(str, rule.by_set_pos)),
        "WKST": DAYS[rule.week_start] if rule.week_start else "",
    }
    return ";".join(f"{name}={text}" for name, text in texts.items() if text)


def _expect_sense(rule: Recurrence) -> None:
    if rule.count is not None and rule.until is not None:
        raise ValueError("COUNT and UNTIL both end the rule. Keep one of them.")
    if rule.freq in ("DAILY", "WEEKLY") and any(nth for nth, _ in rule.by_day):
        raise ValueError("Only a MONTHLY or YEARLY rule can name the first or the last Monday. Use MO, not 1MO.")
    if rule.freq == "WEEKLY" and rule.by_month_day:
        raise ValueError("A WEEKLY rule cannot name days of the month. Use FREQ=MONTHLY.")
    if rule.by_set_pos and (rule.freq in ("DAILY", "WEEKLY") or not (rule.by_day or rule.by_month_day)):
        raise ValueError("BYSETPOS chooses among the days of a MONTHLY or YEARLY rule: give it BYDAY or BYMONTHDAY.")
    if rule.by_month_day and any(nth for nth, _ in rule.by_day):
        raise ValueError("BYMONTHDAY cannot be combined with days such as 1MO. Use MO instead, or leave one out.")
    monthly = rule.freq == "MONTHLY" or bool(rule.by_month)
    if monthly and any(abs(nth) > 5 for nth, _ in rule.by_day):
        raise ValueError("No month has more than five of any day of the week. Use 1 to 5, or -1 to -5.")


def _freq(name: str, value: str) -> str:
    if value not in PERIODS:
        raise ValueError(f"FREQ={value[:20]} is not valid. Use DAILY, WEEKLY, MONTHLY or YEARLY.")
    return value


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def parse(name: str, value: str) -> int:
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise ValueError(f"{name}={value[:20]} is not valid. Use a whole number from {least} to {most}.")
        return int(value)

    return parse


def _numbers(most: int, *, negative: bool = True) -> Callable[[str, str], tuple[int, ...]]:
    one = _whole(-most if negative else 1, most)

    def parse(name: str, value: str) -> tuple[int, ...]:
        numbers = tuple(sorted({one(name, item) for item in value.split(",")}))
        if 0 in numbers:
            raise ValueError(f"{name} cannot be 0. Count from 1, or backwards from -1.")
        return numbers

    return parse


def _by_day(name: str, value: str) -> tuple[Weekday, ...]:
    found = [(_BY_DAY.fullmatch(item), item) for item in value.split(",")]
    for match, item in found:
        if match is None or (match[1] and not 1 <= abs(int(match[1])) <= 53):
            raise ValueError(
                f"BYDAY={item[:20]} is not valid. Use MO, TU, WE, TH, FR, SA, SU, or with a number, 1MO, -1FR."
            )
    return tuple(sorted({(int(match[1] or 0), DAYS.index(match[2])) for match, _ in found if match}))


def _week_start(name: str, value: str) -> int:
    if value not in DAYS:
        raise ValueError(f"WKST={value[:20]} is not valid. Use MO, TU, WE, TH, FR, SA or SU.")
    return DAYS.index(value)


def _until(name: str, value: str) -> date:
    try:
        if _UNTIL.fullmatch(value):
            parsed = datetime.strptime(value, "%Y%m%d" if len(value) == 8 else "%Y%m%dT%H%M%SZ")
            if FIRST_DAY <= parsed.date() <= LAST_DAY:
                return parsed.date() if len(value) == 8 else parsed.replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ValueError(f"UNTIL={value[:20]} is not valid. Use a day, 20261231, or an instant in UTC, 20261231T170000Z.")


def _until_text(until: date | None) -> str:
    if until is None:
        return ""
    return until.strftime("%Y%m%dT%H%M%SZ" if isinstance(until, datetime) else "%Y%m%d")


PARTS: Mapping[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("freq", _freq),
    "INTERVAL": ("interval", _whole(1, 1000)),
    "COUNT": ("count", _whole(1, 1000)),
    "UNTIL": ("until", _until),
    "BYMONTH": ("by_month", _numbers(12, negative=False)),
    "BYMONTHDAY": ("by_month_day", _numbers(31)),
    "BYDAY": ("by_day", _by_day),
    "BYSETPOS": ("by_set_pos", _numbers(366)),
    "WKST": ("week_start", _week_start),
}
"""The parts of a rule: the field each becomes, and how it is read."""
