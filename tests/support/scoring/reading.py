"""The rules of reading scores: the rules of a pipeline, and the parts of a lead's score."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.reading.records import Record, World, shown

Given = Mapping[str, Any]


def model(world: World, source: Any, given: Given) -> Record | None:
    versions = [one for one in world.all("scoring_model") if one.row["pipeline_id"] == given["pipelineId"]]
    versions.sort(key=lambda one: one.row["version"])
    if given.get("draft"):
        return versions[-1] if versions and versions[-1].row["published_at"] is None else None
    published = [one for one in versions if one.row["published_at"] is not None]
    return published[-1] if published else None


def listed(table: str, column: str) -> Callable[[World, Record, Given], list[Record]]:
    """The objects of a list in a column that holds JSON, or in an object of it."""

    def found(world: World, source: Record, given: Given) -> list[Record]:
        value = source.row[column]
        value = json.loads(value) if isinstance(value, str) else value
        return [Record(table, one) for one in (value if isinstance(value, list) else [value]) if one is not None]

    return found


def score_of(world: World, lead: Record) -> Mapping[str, Any] | None:
    held = [one.row for one in world.all("lead_score", lead_id=lead.row["id"])]
    return held[0] if held else None


def held(column: str) -> Callable[[World, Record, Given], Any]:
    """A column of a lead's score, if it has one."""

    def found(world: World, lead: Record, given: Given) -> Any:
        score = score_of(world, lead)
        return shown(score[column]) if score else None

    return found


def source(world: World, lead: Record, given: Given) -> str | None:
    score = score_of(world, lead)
    if lead.row["score"] is None:
        return None
    return "PINNED" if score is None or score["pinned"] else "RULES"


def band(world: World, lead: Record, given: Given) -> Record | None:
    score = score_of(world, lead)
    if score is None:
        return None
    [rules] = world.all("scoring_model", pipeline_id=score["pipeline_id"], version=score["model_version"])
    found = [band for band in json.loads(rules.row["bands"]) if band["name"] == score["band"]]
    return Record("score_band", found[0]) if found else None


def parts(world: World, lead: Record, given: Given) -> list[Record]:
    score, found = score_of(world, lead), []
    if score is not None:
        key = {"pipeline_id": score["pipeline_id"], "version": score["model_version"]}
        [rules] = world.all("scoring_model", **key)
        for names, points in zip(json.loads(rules.row["parts"]), score["parts"], strict=True):
            kind = "RULE" if names["rule"] else "GROUP_LIMIT" if names["group"] else "SCORE_LIMIT"
            found.append({"kind": kind, "points": points, **names})
    pinned = (lead.row["score"] or 0) - (score["total"] if score else 0)
    found.append({"kind": "PINNED", "points": pinned, "group": None, "rule": None})
    return [Record("score_part", part) for part in found if part["points"]]


def kept(name: str) -> Callable[[World, Record, Given], Any]:
    """A value of an object that is kept as JSON."""
    return lambda world, one, given: one.row[name]


SCORING_RULES: Mapping[tuple[str, str], Callable[[World, Any, Given], Any]] = {
    ("Query", "scoringModel"): model,
    ("ScoringModel", "pipeline"): lambda world, one, given: world.one("pipeline", one.row["pipeline_id"]),
    ("ScoringModel", "groups"): listed("scoring_group", "groups"),
    ("ScoringModel", "bands"): listed("score_band", "bands"),
    ("ScoringGroup", "rules"): listed("scoring_rule", "rules"),
    ("ScoringRule", "activities"): listed("scored_activities", "activities"),
    ("ScoredActivities", "halfLifeDays"): kept("halfLifeDays"),
    ("ScoreBand", "leaveBelow"): kept("leaveBelow"),
    ("Lead", "scoreSource"): source,
    ("Lead", "scoreBand"): band,
    ("Lead", "scoredAt"): held("scored_at"),
    ("Lead", "scoreVersion"): held("model_version"),
    ("Lead", "scoreParts"): parts,
}
