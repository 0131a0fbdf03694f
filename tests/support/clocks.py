"""Two time zones with different days whenever a test runs, both far from midnight."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone


@dataclass(frozen=True)
class Clocks:
    """Here it is noon; elsewhere, it is another day."""

    east: int = field(default_factory=lambda: 12 - datetime.now(UTC).hour)
    """How many hours it is later here than in UTC."""

    @property
    def here(self) -> str:
        """The zone where it is noon."""
        return _zone(self.east)

    @property
    def ahead(self) -> str:
        """The zone of the two where days begin and end earlier."""
        return _zone(max(self.east, self._elsewhere))

    @property
    def behind(self) -> str:
        """The other zone."""
        return _zone(min(self.east, self._elsewhere))

    @property
    def today(self) -> date:
        """The day here."""
        return _day(self.east)

    @property
    def today_behind(self) -> date:
        """The day in the zone behind."""
        return _day(min(self.east, self._elsewhere))

    @property
    def monday(self) -> date:
        """The Monday of this week here."""
        return self.today - timedelta(days=self.today.weekday())

    def at(self, day: date, clock: str) -> str:
        """The instant at which a clock here shows this time."""
        return datetime.combine(day, time.fromisoformat(clock), timezone(timedelta(hours=self.east))).isoformat()

    @property
    def _elsewhere(self) -> int:
        return min(self.east + 14, 14) if self.east < 2 else self.east - 14


def _zone(hours: int) -> str:
    """The zone that is so many hours east of UTC; its name counts westward."""
    return f"Etc/GMT{-hours:+d}"


def _day(hours: int) -> date:
    return datetime.now(timezone(timedelta(hours=hours))).date()
