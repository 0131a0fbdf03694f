"""updateWebhook: any field, by the same rules; of the URL, the log holds the host alone."""

from tests.support.consistency import expect_consistent
from tests.support.recipes import HOOK, webhook
from tests.support.world import World

SHOW = "webhook { url types ordering version }"


async def test_the_path_of_a_url_is_in_no_event(world: World) -> None:
    """All members read the log, and the path may hold a secret."""
    id = await webhook(world)
    head = await world.head()
    url = "https://127.0.0.1:8443/hook?key=secret"
    changed = await world.change("updateWebhook", {"webhookId": id, "url": url, "types": ["LEAD_MOVED"]}, SHOW)
    assert changed["webhook"] == {"url": url, "types": ["LEAD_MOVED"], "ordering": "PER_RECORD", "version": 2}
    changes = {"url": ["https://127.0.0.1:9", "https://127.0.0.1:8443"], "types": [[], ["LEAD_MOVED"]]}
    assert await world.recorded(head) == [("webhook.updated", "update_webhook", {"changes": changes})]
    await expect_consistent(world.database)


async def test_what_is_wrong_changes_nothing(world: World) -> None:
    """All at once, and the record is shown with a conflict."""
    id = await webhook(world)
    wrong = {"webhookId": id, "url": "https://10.0.0.1/", "selection": "{ x }", "ordering": "STRICT"}
    body = await world.attempt("updateWebhook", wrong)
    found = {(error["code"], *error["field"]) for error in body["data"]["result"]["userErrors"]}
    assert found == {("URL_NOT_ALLOWED", "url"), ("INVALID", "selection")}
    given = {"webhookId": id, "ordering": "STRICT", "expectedVersion": 7}
    shown = await world.refused("updateWebhook", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["webhook"]["ordering"] == "PER_RECORD"
    for name in ("url", "selection", "ordering", "role"):
        await world.refused("updateWebhook", {"webhookId": id, name: None}, "INVALID", name)


async def test_the_same_again_is_no_change(world: World) -> None:
    """No event, and the same version."""
    id = await webhook(world, types=["LEAD_MOVED", "LEAD_CREATED"])
    head = await world.head()
    same = {"webhookId": id, "url": HOOK, "types": ["LEAD_CREATED", "LEAD_MOVED", "LEAD_MOVED"]}
    assert (await world.change("updateWebhook", same, SHOW))["webhook"]["version"] == 1
    assert await world.recorded(head) == []


async def test_a_condition_is_kept_as_a_tree(world: World) -> None:
    """In its canonical form, in reads and in the log; the same again is no change, and null takes it away."""
    id = await webhook(world)
    tree = {"and": [{"source": {"equals": "web"}}, {"not": {"stageId": {"is": world["Offer"]}}}]}
    head = await world.head()
    for _ in range(2):
        shown = await world.change(
            "updateWebhook", {"webhookId": id, "condition": tree}, "webhook { condition version }"
        )
        assert shown["webhook"] == {"condition": tree, "version": 2}
    await world.change("updateWebhook", {"webhookId": id, "condition": None}, "webhook { condition version }")
    assert [data for *_, data in await world.recorded(head)] == [
        {"changes": {"condition": [None, tree]}},
        {"changes": {"condition": [tree, None]}},
    ]


async def test_a_wrong_condition_is_refused_with_the_other_faults(world: World, strangers: World) -> None:
    """Each with its path; a record of another organisation is not found."""
    id = await webhook(world)
    given = {"webhookId": id, "url": "https://10.0.0.1/", "condition": {"and": []}}
    body = await world.attempt("updateWebhook", given)
    found = {(error["code"], *error["field"]) for error in body["data"]["result"]["userErrors"]}
    assert found == {("URL_NOT_ALLOWED", "url"), ("INVALID", "condition", "and")}
    given = {"webhookId": id, "condition": {"stageId": {"is": strangers["Offer"]}}}
    await world.refused("updateWebhook", given, "NOT_FOUND", "condition", "stageId", "is")
    await world.refused(
        "createWebhook", {"url": HOOK, "condition": given["condition"]}, "NOT_FOUND", "condition", "stageId", "is"
    )
