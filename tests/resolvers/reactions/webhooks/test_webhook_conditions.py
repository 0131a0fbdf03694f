"""The condition of a webhook: asked on the lead as the event's change left it, not as it is when it is sent."""

from typing import Any

from tests.support.servers.receivers import Receiver
from tests.support.servers.webhooks import CHANGES, renamed, settled, state, subscribed, titles
from tests.support.world import World

IS_WANTED = {"title": {"startsWith": "wanted"}}


async def live(world: World, id: str) -> None:
    """Let a paused webhook send everything since it was made."""
    await world.change("enableWebhook", {"webhookId": id})
    await settled(world, id)


async def paused(world: World, hook: Receiver, condition: dict[str, Any], **given: Any) -> str:
    """A paused webhook with a condition."""
    id = await subscribed(world, hook, condition=condition, **given)
    await world.change("pauseWebhook", {"webhookId": id})
    return id


async def test_a_lead_is_asked_as_it_was(world: World, hook: Receiver) -> None:
    """What it became later does not matter, and other leads are left out."""
    id = await paused(world, hook, IS_WANTED, **CHANGES)
    await renamed(world, "wanted 1", "other", "wanted 2", "at last")
    await renamed(world, "other", lead="Bob")
    await live(world, id)
    assert titles(hook) == ["wanted 1", "wanted 2"]


async def test_stages_owners_and_outcomes_are_as_they_were(world: World, hook: Receiver) -> None:
    """All that an event of the lead says, in one change or in several."""
    ask = "query($id: ID!) { lead(id: $id) { stage { id } owner { id } } }"
    lead = (await world.ask(ask, {"id": world["Ada"]}))["lead"]
    is_owned = {"ownerId": {"is": lead["owner"]["id"]} if lead["owner"] else {"isSet": False}}
    condition = {"and": [{"stageId": {"is": lead["stage"]["id"]}}, {"closed": {"is": False}}, is_owned]}
    id = await paused(world, hook, condition, **CHANGES)
    await renamed(world, "open")
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await renamed(world, "closed")
    await live(world, id)
    assert titles(hook) == ["open"]


async def test_events_about_no_lead_are_left_out(world: World, hook: Receiver) -> None:
    """A lead that is gone when its event is sent cannot be asked: its events are sent."""
    id = await paused(world, hook, {"title": {"equals": "nobody"}})
    await renamed(world, "gone", lead="Bob")
    await world.change("deleteLead", {"leadId": world["Bob"]})
    await live(world, id)
    assert hook.types == ["lead.updated", "lead.deleted"]


async def test_another_condition_applies_soon(world: World, hook: Receiver) -> None:
    """Also for a session that is under way; null asks for nothing."""
    id = await subscribed(world, hook, condition=IS_WANTED, **CHANGES)
    await renamed(world, "wanted")
    await settled(world, id)
    head = await world.head()
    changed = await world.change("updateWebhook", {"webhookId": id, "condition": None}, "webhook { condition }")
    assert changed["webhook"] == {"condition": None}
    changes = {"condition": [IS_WANTED, None]}
    assert await world.recorded(head) == [("webhook.updated", "update_webhook", {"changes": changes})]

    async def sent() -> bool:
        await renamed(world, "any", "other")
        await settled(world, id)
        return "other" in titles(hook)

    while not await sent():
        """The session notices within a look."""


async def test_the_condition_is_shown_and_checked(world: World, hook: Receiver, strangers: World) -> None:
    """All faults at once, each with its path; nothing changes."""
    id = await subscribed(world, hook, condition=IS_WANTED)
    assert await state(world, id, "condition") == {"condition": IS_WANTED}
    head = await world.head()
    wrong = {"and": [{"title": {"equals": ""}}, {"or": []}, {"stageId": {"is": "lead_x"}}]}
    body = await world.attempt("updateWebhook", {"webhookId": id, "condition": wrong, "selection": "{ x }"})
    found = {(error["code"], *map(str, error["field"])) for error in body["data"]["result"]["userErrors"]}
    assert found == {
        ("INVALID", "condition", "and", "0", "title", "equals"),
        ("INVALID", "condition", "and", "1", "or"),
        ("WRONG_ID", "condition", "and", "2", "stageId", "is"),
        ("INVALID", "selection"),
    }
    theirs = {"pipelineId": {"is": strangers["Sales"]}}
    given = {"url": hook.url, "condition": theirs, "secret": "short"}
    body = await world.attempt("createWebhook", given)
    found = {(error["code"], *error["field"]) for error in body["data"]["result"]["userErrors"]}
    assert found == {("NOT_FOUND", "condition", "pipelineId", "is"), ("INVALID", "secret")}
    assert await world.head() == head
