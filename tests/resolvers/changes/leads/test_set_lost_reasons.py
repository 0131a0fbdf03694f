"""setLostReasons: the list is replaced as a whole, in the given order; leads keep the reasons they have."""

from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.world import MIA, World

SHOW = "lostReasons { name }"
LISTED = "{ lostReasons { name } }"


async def offered(world: World) -> list[str]:
    """The reasons that are offered, in order."""
    return [reason["name"] for reason in (await world.ask(LISTED))["lostReasons"]]


async def test_the_reasons_are_offered_as_they_are_given(world: World) -> None:
    """Spaces are tidied, and the event holds the list before and after."""
    head = await world.head()
    given = {"reasons": ["Price", " Bad \n timing "]}
    made = await world.change("setLostReasons", given, SHOW)
    assert made["lostReasons"] == [{"name": "Price"}, {"name": "Bad timing"}]
    await world.change("setLostReasons", {"reasons": ["Bad timing", "Price"]})
    assert await offered(world) == ["Bad timing", "Price"]
    assert await world.recorded(head) == [
        ("organisation.updated", "set_lost_reasons", {"changes": {"lostReasons": pair}})
        for pair in ([[], ["Price", "Bad timing"]], [["Price", "Bad timing"], ["Bad timing", "Price"]])
    ]


async def test_the_list_is_replaced(world: World) -> None:
    """A reason that was removed can be added again, and is then spelled as it is sent."""
    for reasons in (["Price", "Timing", "Other"], ["other", "Price"], [], ["Timing"], ["TIMING", "Other"]):
        made = await world.change("setLostReasons", {"reasons": reasons}, SHOW)
        assert [reason["name"] for reason in made["lostReasons"]] == reasons
        assert await offered(world) == reasons
    kept = await world.database.pool.fetchval("SELECT count(*) FROM lost_reason")
    assert kept == 3


async def test_the_same_list_leaves_no_trace(world: World) -> None:
    """The same list, whatever spaces are sent, changes nothing."""
    await world.change("setLostReasons", {"reasons": ["Bad timing"]})
    head = await world.head()
    await world.change("setLostReasons", {"reasons": [" Bad   timing"]})
    assert await world.head() == head


async def test_leads_keep_their_reasons(world: World) -> None:
    """A lead keeps a reason that the list no longer has."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "Moved away"})
    await world.change("setLostReasons", {"reasons": ["Price"]})
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "price"})
    await world.change("setLostReasons", {"reasons": ["PRICE", "Timing"]})
    found = [(await world.lead(name, "lostReason"))["lostReason"] for name in ("Ada", "Bob")]
    assert found == ["Moved away", "Price"]
    await world.refused("disqualifyLead", {"leadId": world["Cleo"], "reason": "Moved away"}, "REASON_UNKNOWN", "reason")
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("reasons", "path"),
    [
        (["Price", "PRICE"], ["reasons", "1"]),
        (["Price", "Timing", " price "], ["reasons", "2"]),
        (["É", "é"], ["reasons", "1"]),
        (["ΟΔΟΣ", "οδοσ"], ["reasons", "1"]),
        (["İ", "Other", "i"], ["reasons", "2"]),
        (["Price", " "], ["reasons", "1"]),
        (["Price", "Timing", "x" * 101], ["reasons", "2"]),
        (["a\0b"], ["reasons", "0"]),
        ([f"Reason {nth}" for nth in range(101)], ["reasons"]),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "backslashreplace").decode(),
)
async def test_refuses_a_list_that_cannot_be_offered(world: World, reasons: list[str], path: list[str]) -> None:
    """Each refusal is at the reason at fault: a duplicate in any case, an empty or a long one, or one too many."""
    await world.change("setLostReasons", {"reasons": ["Price"]})
    await world.refused("setLostReasons", {"reasons": reasons}, "INVALID", *path)
    assert await offered(world) == ["Price"]


async def test_the_limits_themselves_fit(world: World) -> None:
    """A hundred reasons of a hundred characters are accepted."""
    reasons = [f"{nth:0100}" for nth in range(100)]
    await world.change("setLostReasons", {"reasons": reasons})
    assert await offered(world) == reasons


async def test_each_organisation_has_its_own(world: World, strangers: World) -> None:
    """The reasons of one organisation are neither offered nor required in another."""
    await strangers.change("setLostReasons", {"reasons": ["Theirs"]})
    await world.change("setLostReasons", {"reasons": ["Price"]})
    await world.change("setLostReasons", {"reasons": []})
    assert (await offered(world), await offered(strangers)) == ([], ["Theirs"])
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "Anything"})


async def test_a_manager_does_not_set_reasons(world: World) -> None:
    """Reasons are a rule of the organisation, so they require the role admin."""
    body = await world.attempt("setLostReasons", {"reasons": ["Price"]}, **MIA)
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await offered(world) == []


async def test_twenty_lists_at_once(world: World) -> None:
    """One whole list is stored in the end, and the events lead from each list to the next."""
    lists: list[dict[str, Any]] = [{"reasons": [f"Reason {nth}", "Other", f"Last {nth % 3}"]} for nth in range(20)]
    head = await world.head()
    assert await world.at_once("setLostReasons", *lists) == {"done": 20}
    steps = [data["changes"]["lostReasons"] for _, _, data in await world.recorded(head)]
    assert [step[0] for step in steps] == [[], *(step[1] for step in steps[:-1])]
    assert await offered(world) == steps[-1][1]
    assert {"reasons": steps[-1][1]} in lists
