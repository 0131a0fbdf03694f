"""Webhooks receive events: all of them, signed, in their order, with the ids by which they are recognised."""

import asyncio
from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from models.rules.ids import parse_id
from resolvers.reactions.webhooks.delivering import WebhookDeliveries
from resolvers.reactions.webhooks.session import WebhookSession
from tests.support.consistency import expect_consistent
from tests.support.consuming import until_so
from tests.support.servers.receivers import Delivered, Receiver
from tests.support.servers.webhooks import (
    CHANGES,
    answers,
    at_rest,
    becomes,
    renamed,
    settled,
    state,
    subscribed,
    titles,
    verifying,
)
from tests.support.world import MIA, World

TITLE = "{ ... on LeadUpdated { changes { after } } }"


async def test_events_arrive_signed(world: World, hook: Receiver) -> None:
    """The body has the type, the time, the cursor and the organisation, and what was selected."""
    selection = "{ id type lead { title } ... on LeadUpdated { changes { field after } } }"
    id = await subscribed(world, hook, selection=selection, types=["LEAD_UPDATED", "LEAD_MOVED"])
    head = await world.head()
    await renamed(world, "Ada & sons")
    (request,) = await hook.got(1)
    (event,) = await world.events(head)
    body = request.body
    assert hook.unverified == []
    assert body == {
        "type": "lead.updated",
        "timestamp": body["timestamp"],
        "cursor": (await world.ask("{ cursor }"))["cursor"],
        "organisation": world.organisation,
        "data": {
            "id": f"event_{event['id']}",
            "type": "LEAD_UPDATED",
            "lead": {"title": "Ada & sons"},
            "changes": [{"field": "title", "after": "Ada & sons"}],
        },
    }
    assert body["timestamp"].startswith(event["occurred_at"].isoformat()[:19])
    assert request.id == f"event_{event['id'].hex}_{parse_id('webhook', id).hex}"
    assert request.headers["content-type"] == "application/json"
    await settled(world, id)
    attempts = await state(world, id, "attempts { nodes { eventId type delivered status error response } }")
    assert attempts["attempts"]["nodes"] == [
        {"eventId": f"event_{event['id']}", "type": "lead.updated", "delivered": True, "status": 204, "error": None,
         "response": None}
    ]  # fmt: skip
    await expect_consistent(world.database)


async def test_a_webhook_gets_all_events_by_default(world: World, hook: Receiver) -> None:
    """From its own creation on."""
    id = await subscribed(world, hook)
    await renamed(world, "one")
    await world.change("deleteLead", {"leadId": world["Bob"]})
    await settled(world, id)
    assert hook.types == ["webhook.created", "lead.updated", "lead.deleted"]


async def test_events_of_a_lead_come_in_their_order(world: World, hook: Receiver) -> None:
    """Also when the receiver fails now and then: an event waits for the one before; each arrives at last."""
    failed: set[str] = set()

    async def decide(request: Delivered) -> int:
        if request.id not in failed and len(failed) < 3 and len(hook.requests) % 5 == 1:
            failed.add(request.id)
            return 500
        return 200

    hook.decide = decide
    id = await subscribed(world, hook, **CHANGES)
    await asyncio.gather(
        renamed(world, *(f"Ada {nth}" for nth in range(10))),
        renamed(world, *(f"Bob {nth}" for nth in range(10)), lead="Bob"),
    )
    await world.sql("UPDATE webhook_delivery SET due_at = now() WHERE given_up_at IS NULL")
    await settled(world, id)
    ok = [one for one in hook.requests if not (one.id in failed and one is first(hook, one.id))]
    found = [one.body["data"]["changes"][0]["after"] for one in ok]
    for name in ("Ada", "Bob"):
        assert [title for title in found if title.startswith(name)] == [f"{name} {nth}" for nth in range(10)]
    assert len(hook.requests) == 20 + len(failed)


def first(of: Receiver, id: str) -> Delivered:
    """The first request with an id."""
    return next(one for one in of.requests if one.id == id)


async def test_a_retry_is_byte_equal(world: World, hook: Receiver) -> None:
    """The same id and the same body, although the lead has changed since; another timestamp and signature."""
    hook.decide = answers(500, 200, 200)
    id = await subscribed(world, hook, types=["LEAD_UPDATED"], selection="{ lead { title } }")
    await renamed(world, "one")
    await hook.got(1)
    await renamed(world, "two")
    waits = {"waiting": {"nodes": [{"attempts": 1}, {"attempts": 0}]}}
    await becomes(world, id, "waiting { nodes { attempts } }", waits)
    again, *_ = [
        node["eventId"] for node in (await state(world, id, "waiting { nodes { eventId } }"))["waiting"]["nodes"]
    ]
    await world.change("retryDelivery", {"webhookId": id, "eventId": again})
    await settled(world, id)
    one, two, three = hook.requests
    assert (one.id, one.raw) == (two.id, two.raw)
    assert one.body["data"]["lead"]["title"] == "one"
    assert three.body["data"]["lead"]["title"] == "two"
    assert hook.unverified == []


async def test_strict_order_sends_one_after_the_other(world: World, hook: Receiver, quick: None) -> None:
    """While one fails, none of the later ones is sent, of whatever lead, and none is stored."""
    hook.decide = answers(500, 500, 200)
    id = await subscribed(world, hook, ordering="STRICT", **CHANGES)
    await renamed(world, "one")
    await hook.got(1)
    await renamed(world, "two", lead="Bob")
    await renamed(world, "three")
    await settled(world, id)
    assert titles(hook) == ["one", "one", "one", "two", "three"]


async def test_no_order_waits_for_nothing(world: World, hook: Receiver) -> None:
    """Later events of the same lead are delivered while an earlier one waits."""
    hook.decide = answers(500, 200)
    id = await subscribed(world, hook, ordering="NONE", **CHANGES)
    await renamed(world, "one")
    await hook.got(1)
    await renamed(world, "two", "three")
    await hook.got(3)
    waits = {"behind": 0, "waiting": {"nodes": [{"type": "lead.updated"}]}}
    await becomes(world, id, "behind waiting { nodes { type } }", waits)
    assert titles(hook)[0] == "one"
    assert sorted(titles(hook)[1:]) == ["three", "two"]


async def test_both_secrets_sign_while_they_rotate(world: World, hook: Receiver) -> None:
    """A receiver verifies with either; the old one signs no more when it has expired."""
    made = await world.change("createWebhook", {"url": hook.url, **CHANGES}, "webhook { id } secret")
    id = made["webhook"]["id"]
    rotated = await world.change("rotateWebhookSecret", {"webhookId": id}, "secret webhook { secretHint }")
    assert rotated["webhook"]["secretHint"] == rotated["secret"][-4:]
    hook.verify = verifying(made["secret"], rotated["secret"])
    await renamed(world, "one")
    await hook.got(1)
    assert [one.partition(",")[0] for one in hook.requests[0].headers["webhook-signature"].split()] == ["v1", "v1a"] * 2
    assert hook.unverified == []
    last = await world.change("rotateWebhookSecret", {"webhookId": id, "keepOldForHours": 0}, "secret")
    await world.sql("UPDATE webhook_secret SET expires_at = now() WHERE expires_at IS NOT NULL")
    await world.change("pauseWebhook", {"webhookId": id})
    await world.change("enableWebhook", {"webhookId": id})
    hook.verify = verifying(last["secret"])
    await renamed(world, "two")
    await hook.got(2)
    assert [one.partition(",")[0] for one in hook.requests[1].headers["webhook-signature"].split()] == ["v1", "v1a"]
    assert hook.unverified == []


async def test_a_pause_keeps_the_place(world: World, hook: Receiver) -> None:
    """What happens meanwhile is sent when the webhook is enabled, or left out when it is enabled from now on."""
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await settled(world, id)
    await world.change("pauseWebhook", {"webhookId": id})
    await at_rest(world)
    await renamed(world, "two")
    await becomes(world, id, "status behind", {"status": "PAUSED", "behind": 2})
    await world.change("enableWebhook", {"webhookId": id})
    await settled(world, id)
    await world.change("pauseWebhook", {"webhookId": id})
    await at_rest(world)
    await renamed(world, "three")
    await world.change("enableWebhook", {"webhookId": id, "startFrom": "NOW"})
    await renamed(world, "four")
    await settled(world, id)
    assert titles(hook) == ["one", "two", "four"]


async def test_a_replay_sends_the_same_ids(world: World, hook: Receiver) -> None:
    """With a header that says so; what happens later has none."""
    id = await subscribed(world, hook, **CHANGES)
    cursor = (await world.ask("{ cursor }"))["cursor"]
    await renamed(world, "one", "two")
    await settled(world, id)
    await world.change("replayWebhook", {"webhookId": id, "fromCursor": cursor})
    await hook.got(4)
    await renamed(world, "three")
    await settled(world, id)
    assert titles(hook) == ["one", "two", "one", "two", "three"]
    assert [one.id for one in hook.requests[:2]] == [one.id for one in hook.requests[2:4]]
    assert [one.headers.get("webhook-replay") for one in hook.requests] == [None, None, "true", "true", None]
    assert [one.raw for one in hook.requests[:2]] == [one.raw for one in hook.requests[2:4]]


async def test_a_test_is_sent_whatever_the_status(world: World, hook: Receiver) -> None:
    """Signed, without data, once; it is no event, and moves nothing."""
    id = await subscribed(world, hook, **CHANGES)
    await world.change("pauseWebhook", {"webhookId": id})
    await world.change("testWebhook", {"webhookId": id})
    (request,) = await hook.got(1)
    assert (request.body["type"], request.body["data"], request.id[:5]) == ("webhook.test", {}, "test_")
    shown = {"attempts": {"nodes": [{"type": "webhook.test", "delivered": True}]}, "status": "PAUSED"}
    await becomes(world, id, "attempts { nodes { type delivered } } status", shown)
    assert hook.unverified == []


async def test_what_is_too_large_is_sent_thin(world: World, hook: Receiver) -> None:
    """Its ids are sent, for the receiver to query what it needs."""
    many = " ".join(f"a{nth}: lead {{ description }}" for nth in range(15))
    await subscribed(world, hook, types=["LEAD_UPDATED"], selection=f"{{ {many} }}")
    await world.change("updateLead", {"leadId": world["Ada"], "description": "x" * 20_000})
    (request,) = await hook.got(1)
    assert request.body["data"] == {"id": request.body["data"]["id"], "recordId": world["Ada"]}
    assert request.body["thin"] is True
    assert len(request.raw) < 1_000


async def test_a_webhook_sees_what_its_role_sees(world: World, hook: Receiver) -> None:
    """A viewer sees no webhook, also in the event of its change; an admin does."""
    selection = "{ ... on RecordChanged { record { id } } }"
    webhook = await subscribed(world, hook, types=["WEBHOOK_UPDATED"], selection=selection)
    await world.change("pauseWebhook", {"webhookId": webhook})
    await world.change("enableWebhook", {"webhookId": webhook})
    await hook.got(2)
    assert [one.body["data"] for one in hook.requests] == [{"record": None}] * 2
    await world.change("updateWebhook", {"webhookId": webhook, "role": "ADMIN"})
    await hook.got(3)
    assert hook.requests[2].body["data"] == {"record": {"id": webhook}}


async def test_another_organisation_gets_nothing(world: World, strangers: World, hook: Receiver) -> None:
    """Each webhook is sent what happens in its own organisation."""
    id = await subscribed(world, hook, **CHANGES)
    await renamed(strangers, "theirs")
    await renamed(world, "ours")
    await settled(world, id)
    assert titles(hook) == ["ours"]
    query = "query($id: ID!) { webhook(id: $id) { url } node(id: $id) { id } webhooks { id } }"
    assert await strangers.ask(query, {"id": id}) == {"webhook": None, "node": None, "webhooks": []}
    assert await world.ask("query($id: ID!) { node(id: $id) { id } }", {"id": id}, **MIA) == {"node": None}


async def test_a_session_at_rest_does_nothing(
    world: World, hook: Receiver, deliveries: WebhookDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a lease is held and nothing happens, nobody asks again and again whether something is to be written."""
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await settled(world, id)
    looks, asked = [], []
    look = WebhookSession.look

    def looked(self: WebhookSession) -> None:
        looks.append(self)
        look(self)

    monkeypatch.setattr(WebhookSession, "look", looked)
    monkeypatch.setattr(WebhookSession, "_has_news", lambda self: asked.append(self))
    await until_so(lambda: len(looks) >= 10)
    assert len(asked) <= 1  # the end of the write before
    assert len(deliveries.sessions) == 1


async def test_a_public_key_verifies_without_the_secret(world: World, hook: Receiver) -> None:
    """It is read at any time; during a rotation the one from before verifies, too, and another body does not."""
    id = await subscribed(world, hook, **CHANGES)
    before = (await state(world, id, "publicKey"))["publicKey"]
    await world.change("rotateWebhookSecret", {"webhookId": id})
    after = (await state(world, id, "publicKey"))["publicKey"]
    assert before != after
    hook.verify = lambda request: None
    await renamed(world, "one")
    (request,) = await hook.got(1)
    signatures = [one.split(",") for one in request.headers["webhook-signature"].split()]
    found = [b64decode(signature) for version, signature in signatures if version == "v1a"]
    content = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.raw
    for public, signature in zip((after, before), found, strict=True):
        assert public.startswith("whpk_")
        key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
        key.verify(signature, content)
        with pytest.raises(InvalidSignature):
            key.verify(signature, content + b" ")


async def test_a_condition_chooses_by_what_the_lead_was(world: World, hook: Receiver) -> None:
    """Right after each event, although it is another one by the time that the event is sent."""
    id = await subscribed(world, hook, condition={"title": {"startsWith": "Ada"}}, selection=TITLE)
    await world.change("pauseWebhook", {"webhookId": id})
    await renamed(world, "Bea 1", "Ada 2", "Bea 3", "Ada 4", "Bea 5")
    await world.change("deleteLead", {"leadId": world["Bob"]})
    await world.change("enableWebhook", {"webhookId": id})
    await settled(world, id)
    assert sorted(hook.types) == ["lead.deleted", "lead.updated", "lead.updated"]
    updates = [one.body["data"]["changes"] for one in hook.requests if one.body["type"] == "lead.updated"]
    assert updates == [[{"after": "Ada 2"}], [{"after": "Ada 4"}]]
