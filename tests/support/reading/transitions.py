"""The rules of reading where a lead can move, how long it stayed in its stages, and whether it is rotting."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.reading.records import Record, World, shown
from tests.support.reading.rights import may

Given = Mapping[str, Any]

FIELDS = {
    "description": "DESCRIPTION", "contact_id": "CONTACT", "customer_id": "CUSTOMER", "owner_id": "OWNER",
    "value": "VALUE", "expected_close_date": "EXPECTED_CLOSE_DATE", "score": "SCORE", "source": "SOURCE",
}  # fmt: skip


def required(world: World, stage: Record, given: Given) -> list[str]:
    return [name for column, name in FIELDS.items() if column in stage.row["required_fields"]]


def transitions(world: World, lead: Record, given: Given) -> list[dict[str, Any]]:
    stages = world.all("stage", pipeline_id=lead.row["pipeline_id"], deleted_at=None)
    return [transition(world, lead, stage) for stage in sorted(stages, key=lambda s: (s.row["position"], s.row["id"]))]


def transition(world: World, lead: Record, stage: Record) -> dict[str, Any]:
    row, here = lead.row, world.one("stage", lead.row["stage_id"])
    assert here is not None
    elsewhere = stage.row["id"] != row["stage_id"]
    missing = [
        name for column, name in FIELDS.items()
        if elsewhere and column in stage.row["required_fields"] and row[column] is None
    ]  # fmt: skip
    code = "FORBIDDEN" if not may(world, "moveLead") else None
    code = code or ("LEAD_CONVERTED" if row["converted_at"] and elsewhere else "FIELDS_REQUIRED" if missing else None)
    lost = here.row["kind"] == "LOST" or row["disqualified_at"] is not None or row["lost_reason"] is not None
    return {
        "stage": stage, "allowed": code is None, "missingFields": missing, "refusedBecause": code,
        "needsReason": stage.row["kind"] == "LOST" and not lost,
    }  # fmt: skip


def steps(world: World, lead_id: Any) -> list[Record]:
    found = world.all("stage_change", lead_id=lead_id)
    return sorted(found, key=lambda step: (step.row["occurred_at"], step.row["id"]))


def left_at(world: World, step: Record, given: Given) -> Any:
    later = steps(world, step.row["lead_id"])
    at = later.index(step) + 1
    return shown(later[at]["occurred_at"]) if at < len(later) else None


def stays(world: World, lead: Record, given: Given) -> list[dict[str, Any]]:
    visits: dict[Any, int] = {}
    first: dict[Any, Any] = {}
    for step in steps(world, lead.row["id"]):
        stage_id = step.row["to_stage_id"]
        visits[stage_id] = visits.get(stage_id, 0) + 1
        first.setdefault(stage_id, (step.row["occurred_at"], stage_id))
    return [{"stage": world.one("stage", id), "visits": visits[id]} for id in sorted(visits, key=lambda id: first[id])]


def rotten_since(world: World, lead: Record, given: Given) -> Any:
    stage = world.one("stage", lead.row["stage_id"])
    assert stage is not None
    if stage.row["kind"] != "OPEN" or lead.row["closed_at"] or stage.row["rotten_after_days"] is None:
        return None
    now = datetime.now(UTC)
    tasks = world.all("task", lead_id=lead.row["id"], status="OPEN")
    if any(task.row["deadline"] and task.row["deadline"] >= now for task in tasks):
        return None
    since = max(filter(None, (lead.row["stage_entered_at"], lead.row["last_activity_at"])))
    rots_at: datetime = since + timedelta(days=stage.row["rotten_after_days"])
    return shown(rots_at) if rots_at <= now else None


TRANSITION_RULES: Mapping[tuple[str, str], Callable[[World, Any, Given], Any]] = {
    ("Stage", "requiredFields"): required,
    ("Lead", "allowedTransitions"): transitions,
    ("Lead", "timeInStage"): stays,
    ("Lead", "isRotten"): lambda world, lead, given: rotten_since(world, lead, given) is not None,
    ("Lead", "rottenSince"): rotten_since,
    ("StageChange", "leftAt"): left_at,
    ("Query", "lostReasons"): lambda world, source, given: sorted(
        world.all("lost_reason", archived_at=None), key=lambda reason: (reason.row["position"], reason.row["name"])
    ),
}
