"""Scoring rules for tests, and what is seen of scores."""

from typing import Any
from uuid import UUID

from engine.background.consumers import Progress, consume, start
from engine.background.runner import work_off
from models import organisation_id
from resolvers.domain import CRM
from resolvers.reactions.score import SCORES
from tests.support.world import World

SCORE = "score scoreSource scoreBand { name } scoreVersion scoreParts { kind group rule points } version updatedAt"


async def nobody(_: UUID) -> None:
    """Wake nobody."""


async def finish(world: World) -> None:
    """Make all batches of all runs."""
    await work_off(world.database, CRM, nobody)


async def react(world: World) -> Progress:
    """Make what follows from all events until now; returns how the last batch has ended."""
    org_id = organisation_id(world.organisation)
    await start(world.database, org_id, SCORES.name)
    while (progress := await consume(world.database, SCORES, org_id, nobody)) is Progress.MORE:
        pass
    return progress


def rule(name: str, points: int, **given: Any) -> dict[str, Any]:
    """A rule; of every lead with a title, unless something else is given."""
    return {"name": name, "points": points, **(given or {"condition": {"title": {"isSet": True}}})}


def group(name: str, *rules: dict[str, Any], **limits: int) -> dict[str, Any]:
    """A group of rules."""
    return {"name": name, "rules": list(rules), **limits}


def bands(*limits: tuple[str, int, int]) -> list[dict[str, Any]]:
    """Bands by name, with the scores at which leads enter and leave them."""
    return [{"name": name, "from": start, "leaveBelow": leave} for name, start, leave in limits]


async def publish(world: World, *groups: dict[str, Any], **given: Any) -> int:
    """Publish rules of the pipeline Sales and score its leads; returns the version."""
    made = await world.change(
        "setScoringRules", {"pipelineId": world["Sales"], "groups": list(groups), **given}, "version"
    )
    await finish(world)
    version: int = made["version"]
    return version


async def scored(world: World, name: str) -> dict[str, Any]:
    """The score of a lead, and how it comes about: the sum of its parts is the score."""
    lead = await world.lead(name, SCORE)
    assert sum(part["points"] for part in lead["scoreParts"]) == (lead["score"] or 0)
    lead["scoreBand"] = lead["scoreBand"] and lead["scoreBand"]["name"]
    return lead
