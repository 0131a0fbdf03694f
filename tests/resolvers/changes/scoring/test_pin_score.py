"""pinScore: a score that stays whatever the rules give."""

from tests.support.scoring.rules import group, publish, rule, scored
from tests.support.world import World


async def test_a_pinned_score_stays(world: World) -> None:
    """It is set with an event, explained by a part of its own, and stays when other rules are published."""
    await publish(world, group("Fit", rule("All", 5)))
    head = await world.head()
    made = await world.change("pinScore", {"leadId": world["Ada"], "score": 80}, "lead { score version }")
    assert made["lead"] == {"score": 80, "version": 2}
    assert [data for _, _, data in await world.recorded(head)] == [{"changes": {"score": [5, 80]}}]
    await publish(world, group("Fit", rule("All", 9)))
    ada = await scored(world, "Ada")
    assert (ada["score"], ada["scoreSource"], ada["scoreParts"][-1]["points"]) == (80, "PINNED", 71)


async def test_refusals(world: World, strangers: World) -> None:
    """A lead that is not there, and one that has changed since; nothing is pinned."""
    await world.refused("pinScore", {"leadId": strangers["Ada"], "score": 1}, "NOT_FOUND", "leadId")
    stale = {"leadId": world["Ada"], "score": 1, "expectedVersion": 7}
    await world.refused("pinScore", stale, "CONFLICT", "expectedVersion")
