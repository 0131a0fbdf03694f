"""unpinScore: the rules give the score again."""

from tests.support.scoring.rules import group, publish, rule, scored
from tests.support.world import World


async def test_the_rules_give_it_again(world: World) -> None:
    """The score is that of the lead as it is now; one without rules is gone."""
    fair = {"source": {"equals": "fair"}}
    await world.change("pinScore", {"leadId": world["Ada"], "score": 80})
    await publish(world, group("Fit", rule("Fair", 5, condition=fair)))
    await world.change("updateLead", {"leadId": world["Ada"], "source": "fair"})
    made = await world.change("unpinScore", {"leadId": world["Ada"]}, "lead { score scoreSource }")
    assert made["lead"] == {"score": 5, "scoreSource": "RULES"}
    assert (await scored(world, "Ada"))["scoreParts"][-1]["rule"] == "Fair"
    await world.change("pinScore", {"leadId": world["Fay"], "score": 80})
    made = await world.change("unpinScore", {"leadId": world["Fay"]}, "lead { score scoreSource }")
    assert made["lead"] == {"score": None, "scoreSource": None}


async def test_refusals(world: World, strangers: World) -> None:
    """A lead that is not there, and one that has changed since."""
    await world.refused("unpinScore", {"leadId": strangers["Ada"]}, "NOT_FOUND", "leadId")
    stale = {"leadId": world["Ada"], "expectedVersion": 7}
    await world.refused("unpinScore", stale, "CONFLICT", "expectedVersion")
