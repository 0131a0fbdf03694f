"""Rows in memory as one caller sees them, and their values in JSON: the base of the reference executor."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from engine.caller import Caller
from tests.support.reading.dataset import Row, Tables

TYPES = {
    "pipeline": "Pipeline", "stage": "Stage", "lead": "Lead", "contact": "Contact", "customer": "Customer",
    "task": "Task", "member": "Member", "stage_change": "StageChange", "organisation": "Organisation",
    "activity": "Activity", "pool": "Pool", "pool_member": "PoolMember", "routing_rule": "RoutingRule",
    "lost_reason": "LostReason", "run": "Run", "notification": "Notification",
    "notification_setting": "NotificationSetting", "calendar_feed": "CalendarFeed", "webhook": "Webhook",
    "exchange_rate": "ExchangeRate", "quota": "Quota", "forecast_submission": "ForecastSubmission",
    "scoring_model": "ScoringModel", "scoring_group": "ScoringGroup",
    "scoring_rule": "ScoringRule", "scored_activities": "ScoredActivities", "score_band": "ScoreBand",
    "score_part": "ScorePart",
}  # fmt: skip
NODES = ("pipeline", "stage", "lead", "contact", "customer", "task", "member", "activity", "pool", "run", "webhook")


@dataclass(frozen=True)
class Record:
    """A row and the type it is published as."""

    table: str
    row: Row

    @property
    def type(self) -> str:
        if self.table == "event":
            return event_type(self.row["type"])
        return TYPES[self.table]

    def __getitem__(self, column: str) -> Any:
        return public_id(self.table, self.row["id"]) if column == "id" and self.table in NODES else self.row[column]


OTHERS = ("ForecastSubmitted", "ScoresChanged", "WebhookReplayed", "WebhookFailing", "WebhookDisabled")


def event_type(type_: str) -> str:
    """The GraphQL type of an event: `lead.created` is a LeadCreated, and one without its own type a RecordChanged."""
    name = "".join(part.capitalize() for part in type_.replace(".", "_").split("_"))
    name = {"LeadStageChanged": "StageChanged"}.get(name, name)
    return (
        name
        if name.startswith(("Lead", "Task", "Activity", "StageChanged", "ImportFinished", *OTHERS))
        else "RecordChanged"
    )


class World:
    """What one caller can see."""

    def __init__(self, tables: Tables, caller: Caller) -> None:
        self.caller = caller
        self.tables = {
            name: [Record(name, row) for row in rows if row.get("org_id", row.get("id")) == caller.org_id]
            for name, rows in tables.items()
        }
        self.by_id = {name: {record.row.get("id"): record for record in found} for name, found in self.tables.items()}

    def all(self, table: str, **columns: Any) -> list[Record]:
        """The records with these values in these columns."""
        return [r for r in self.tables[table] if all(r.row[name] == value for name, value in columns.items())]

    def one(self, table: str, id: UUID | None) -> Record | None:
        return self.by_id[table].get(id)


def resolved(world: World, prefix: str, id: UUID) -> UUID:
    """The id, or that of the record into which its record was merged."""
    merged = world.one("merged_record", id) if prefix in ("lead", "contact", "customer") else None
    return id if merged is None else merged.row["into_id"]


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def public_id(table: str, id: UUID) -> str:
    return f"{table}_{id}"


def shown(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, datetime):
        return instant(value, "T") + "+00:00"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def instant(value: datetime, separator: str) -> str:
    """Date and time in UTC, with as many digits after the second as it needs."""
    text = value.astimezone(UTC).strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".")


def lower(text: str) -> str:
    """Lower case as in the database: one letter stays one letter."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
