"""createWebhook: what it checks, the secret that is shown once, and where the webhook starts."""

from dataclasses import replace
from typing import Any

import pytest

from engine.change import idempotency
from engine.domain import Domain
from engine.engine import Engine
from engine.outgoing.outlet import Outlet
from engine.outgoing.target import TargetRefused
from models import organisation_id
from resolvers.changes.webhooks import webhooks
from tests.support.consistency import expect_consistent
from tests.support.recipes import HOOK
from tests.support.servers.receivers import SEALER
from tests.support.world import MIA, World

SHOW = "secret webhook { id url types pipeline { id } selection ordering role status behind secretHint version }"


async def test_creates_a_webhook(world: World) -> None:
    """With the defaults; it starts now, and the secret is in the payload."""
    head = await world.head()
    made = await world.change("createWebhook", {"url": HOOK}, SHOW)
    webhook, secret = made["webhook"], made["secret"]
    assert webhook == {
        "id": webhook["id"], "url": HOOK, "types": [], "pipeline": None, "selection": webhooks.DEFAULT_SELECTION,
        "ordering": "PER_RECORD", "role": "VIEWER", "status": "ACTIVE", "behind": 1, "secretHint": secret[-4:],
        "version": 1,
    }  # fmt: skip
    assert secret.startswith("whsec_")
    assert await world.recorded(head) == [("webhook.created", "create_webhook", {})]
    await expect_consistent(world.database)


async def test_the_secret_is_nowhere_else(world: World) -> None:
    """Neither in a row nor in the result of a retry with the same key."""
    given = {"url": HOOK, "idempotencyKey": "once"}
    made = await world.change("createWebhook", given, "secret webhook { id }")
    again = await world.change("createWebhook", given, "secret webhook { id }")
    assert again["webhook"] == made["webhook"]
    assert again["secret"] is None
    for table in ("webhook", "webhook_secret", "webhook_state", "event", "outcome"):
        rows = await world.database.pool.fetch(f"SELECT t::text FROM {table} AS t")
        assert [row for (row,) in rows if made["secret"] in row or made["secret"][6:] in row] == []
    sealed = await world.database.pool.fetchval("SELECT sealed FROM webhook_secret")
    assert made["secret"][6:].encode() not in sealed
    assert isinstance(idempotency.ShownOnce("x"), str)


async def test_one_s_own_secret_is_taken(world: World) -> None:
    """Of the form that Standard Webhooks has; no other."""
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert (await world.change("createWebhook", {"url": HOOK, "secret": secret}, "secret"))["secret"] == secret
    for wrong in ("", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_" + "A" * 90, "whsec_ä"):
        await world.refused("createWebhook", {"url": HOOK, "secret": wrong}, "INVALID", "secret")


@pytest.mark.parametrize(
    "url",
    ["https://169.254.169.254/latest", "https://10.0.0.1/", "https://user@127.0.0.1/", "ftp://example.com", "", "x",
     "https://[::ffff:10.0.0.1]/", "https://0x7f.1/"],
)  # fmt: skip
async def test_urls_that_are_not_allowed_are_refused(world: World, url: str) -> None:
    """The message says why; nothing is sent there."""
    payload = await world.refused("createWebhook", {"url": url}, "URL_NOT_ALLOWED", "url")
    assert payload["userErrors"][0]["message"].endswith(".")


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ("", "not a selection"),
        ("{ }", "Name at least one field"),
        ("id", "not a selection"),
        ("{ id", "not a selection"),
        ("{ nothing }", "Cannot query field 'nothing'"),
        ("{ id } fragment Other on Lead { id }", "one pair of braces"),
        ("{ id } query { viewer { id } }", "one pair of braces"),
        ("@skip(if: true) { id }", "one pair of braces"),
        ("{ lead(id: $id) { id } }", ""),
        ("{ ...Selected }", "Cannot spread fragment 'Selected' within itself"),
        ("{ delivery_id: type }", "conflict"),
        ("{ lead { tasks(first: 100) { nodes { lead { tasks(first: 100) { nodes { lead { tasks(first: 100) "
         "{ nodes { id } } } } } } } } } }", "rows"),
        ("{ " + "id " * 3_000 + "}", "not a selection"),
        ("{ a" + "{ a" * 500 + "}" * 501, ""),
    ],
)  # fmt: skip
async def test_selections_that_cannot_be_sent_are_refused(world: World, selection: str, says: str) -> None:
    """What is not GraphQL, does not fit the schema, is more than a selection, or costs too much."""
    given = {"url": HOOK, "selection": selection}
    payload = await world.refused("createWebhook", given, "INVALID", "selection")
    assert says in payload["userErrors"][0]["message"]


async def test_everything_that_is_wrong_is_said_at_once(world: World, strangers: World) -> None:
    """And nothing is half-made."""
    theirs = (await strangers.ask("{ cursor }"))["cursor"]
    wrong = {
        "url": "https://10.0.0.1/", "types": None, "selection": "{ x }", "secret": "short", "fromCursor": theirs,
        "pipelineId": strangers["Sales"],
    }  # fmt: skip
    before = await world.head()
    body = await world.attempt("createWebhook", wrong)
    errors = {(error["code"], error["field"][0]) for error in body["data"]["result"]["userErrors"]}
    assert errors == {
        ("URL_NOT_ALLOWED", "url"), ("INVALID", "selection"), ("INVALID", "secret"),
        ("INVALID", "fromCursor"), ("NOT_FOUND", "pipelineId"),
    }  # fmt: skip
    assert await world.head() == before
    assert await world.database.pool.fetchval("SELECT count(*) FROM webhook") == 0


async def test_positions_are_of_one_s_own_log(world: World) -> None:
    """One that is pruned, ahead or no cursor is refused; a webhook starts after one that is kept."""
    cursor = (await world.ask("{ cursor }"))["cursor"]
    for wrong in ("x", cursor[:-2], "A" * 32):
        await world.refused("createWebhook", {"url": HOOK, "fromCursor": wrong}, "INVALID", "fromCursor")
    made = await world.change("createWebhook", {"url": HOOK, "fromCursor": cursor}, SHOW)
    assert made["webhook"]["behind"] == 1
    await world.sql("UPDATE event_log SET tail = head + 1 WHERE org_id = $1", organisation_id(world.organisation))
    await world.refused("createWebhook", {"url": HOOK, "fromCursor": cursor}, "CURSOR_EXPIRED", "fromCursor")


async def test_there_is_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twenty at once, as many succeed as there is room for."""
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 3)
    assert await world.at_once("createWebhook", *[{"url": HOOK}] * 20) == {"done": 3, "INVALID": 17}
    await world.refused("createWebhook", {"url": HOOK}, "INVALID")


async def test_only_admins_see_webhooks(world: World) -> None:
    """Neither in a list nor by their ids."""
    await world.change("createWebhook", {"url": HOOK})
    for query in ("{ webhooks { url } }", '{ webhook(id: "webhook_018bcfe5-6800-7000-8000-000000000000") { url } }'):
        body = await refusal(world, query)
        assert body == "FORBIDDEN"


async def refusal(world: World, query: str) -> str:
    """The code with which a manager is refused."""
    try:
        await world.api(query, organisation=world.organisation, **MIA)
    except Exception as refused:
        return str(getattr(refused, "code", refused))
    return ""


async def test_without_a_key_no_secret_is_kept(world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has to set one; the message names the setting."""
    given: Any = engine.feed.domain
    assert isinstance(given, Domain)
    monkeypatch.setattr(engine.feed, "domain", replaced(given, Outlet(given.outlet.guard)))
    payload = await world.refused("createWebhook", {"url": HOOK}, "NO_SECRETS_KEY")
    assert "DEALBOARD_SECRETS_KEY" in payload["userErrors"][0]["message"]
    assert SEALER is not None


def replaced(domain: Domain, outlet: Outlet) -> Domain:
    """The domain with another outlet."""
    return Domain(**{**vars(domain), "outlet": outlet})


async def test_a_name_is_looked_up(world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that leads into a private network is refused, with all else that is wrong; an address has no name."""
    asked: list[str] = []

    async def look_up(url: str) -> None:
        asked.append(url)
        if "inside" in url:
            raise TargetRefused("inside.example has the address 10.0.0.1.")

    given: Any = engine.feed.domain
    monkeypatch.setattr(engine.feed, "domain", replaced(given, replace(given.outlet, look_up=look_up)))
    made = await world.change("createWebhook", {"url": HOOK}, SHOW)
    wrong = {"url": "https://inside.example/hook", "secret": "short"}
    body = await world.attempt("createWebhook", wrong)
    errors = [(error["code"], error["field"][0]) for error in body["data"]["result"]["userErrors"]]
    assert sorted(errors) == [("INVALID", "secret"), ("URL_NOT_ALLOWED", "url")]
    id = {"webhookId": made["webhook"]["id"]}
    await world.refused("updateWebhook", {**id, "url": wrong["url"]}, "URL_NOT_ALLOWED", "url")
    await world.change("updateWebhook", {**id, "types": ["LEAD_MOVED"]})
    await world.change("updateWebhook", {**id, "url": "http://127.0.0.1:9/hook"})
    assert asked == [wrong["url"]] * 2
