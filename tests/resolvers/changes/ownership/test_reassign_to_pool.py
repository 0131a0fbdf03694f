"""reassignAll to a pool: who leaves hands the work to several."""

from collections import Counter

from tests.resolvers.changes.ownership.test_pools import make
from tests.support.consistency import expect_consistent
from tests.support.world import World


async def test_a_pool_shares_the_work_out(world: World) -> None:
    """Leads go round among the others, daily caps or not; tasks go with their leads, other tasks to nobody."""
    pool_id = await make(world, "rita", "mia", "tester")
    await world.change("updateMember", {"memberId": world["mia"], "dailyCap": 0, "timeZone": "America/New_York"})
    for name in ("Ada", "Cleo", "Dan"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    due = {"assigneeId": world["rita"], "dueOn": "2031-07-01"}
    for title, more in (("On Bob", {"leadId": world["Bob"]}), ("On nothing", {})):
        await world.change("createTask", {"title": title, **due, **more})
    given = {"fromMemberId": world["rita"], "toPoolId": pool_id}
    done = await world.change("reassignAll", given, "leadCount taskCount toMember { name }")
    assert (done["leadCount"], done["taskCount"], done["toMember"]) == (4, 2, None)
    owners = [(await world.lead(name, "owner { name }"))["owner"]["name"] for name in ("Ada", "Bob", "Cleo", "Dan")]
    assert Counter(owners) == {"mia": 2, "tester": 2}
    found = await world.ask("{ tasks { nodes { title assignee { name } } } }")
    assigned = {task["title"]: task["assignee"] for task in found["tasks"]["nodes"]}
    assert assigned == {"On Bob": {"name": owners[1]}, "On nothing": None}
    await expect_consistent(world.database)


async def test_refusals(world: World, strangers: World) -> None:
    """A member and a pool at once, a pool that is not there, and one in which nobody is left."""
    rita, pool_id = {"fromMemberId": world["rita"]}, await make(world, "rita")
    both = {**rita, "toMemberId": world["mia"], "toPoolId": pool_id}
    await world.refused("reassignAll", both, "INVALID", "toPoolId")
    theirs = {**rita, "toPoolId": await make(strangers, "mia")}
    await world.refused("reassignAll", theirs, "NOT_FOUND", "toPoolId")
    await world.refused("reassignAll", {**rita, "toPoolId": pool_id}, "OWNER_INACTIVE", "toPoolId")
