"""When a member gets mail: what was chosen, or else the defaults, and what both give for an instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.rules.clock.local_time import after_quiet, clock_time, next_instant
from models.rules.time_zone import zone_or_utc

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

DEFAULTS: Mapping[str, Any] = {
    "digest_times": ["08:00"],
    "digest_weekdays": list(DAYS[:5]),
    "quiet_from": None,
    "quiet_until": None,
    "all_day_reminder_at": "09:00",
}
"""What a member has who has chosen nothing."""

GATHERED = timedelta(seconds=30)
"""How long an immediate mail waits for more: what comes soon after the first notification is in the same mail."""


def is_quiet(clock: str, start: str, end: str) -> bool:
    """Whether a time of day lies in quiet hours, over midnight if `end` is the earlier one."""
    return start <= clock < end if start <= end else clock >= start or clock < end


@dataclass(frozen=True)
class MailTimes:
    """What a member chose, or the defaults, with the member's time zone. It can be a key."""

    digest_times: tuple[str, ...]
    digest_weekdays: tuple[str, ...]
    quiet_from: str | None
    quiet_until: str | None
    time_zone: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "MailTimes":
        """Those of a row with these columns; where they are null, because nothing was chosen, the defaults."""
        chosen = row if row["digest_times"] is not None else {**DEFAULTS, "time_zone": row["time_zone"]}
        return cls(
            tuple(chosen["digest_times"]),
            tuple(chosen["digest_weekdays"]),
            chosen["quiet_from"],
            chosen["quiet_until"],
            row["time_zone"],
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return zone_or_utc(self.time_zone)

    def next_digest(self, now: datetime) -> datetime:
        """The next slot of the digest."""
        weekdays = [DAYS.index(day) for day in self.digest_weekdays]
        return next_instant(now, [clock_time(text) for text in self.digest_times], weekdays, self.zone)

    def next_immediate(self, now: datetime) -> datetime:
        """When an immediate mail goes out for what happens now."""
        due = now + GATHERED
        if self.quiet_from is None or self.quiet_until is None:
            return due
        return after_quiet(due, clock_time(self.quiet_from), clock_time(self.quiet_until), self.zone)
