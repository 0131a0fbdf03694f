"""Webhooks of a test: to a receiver that verifies what it gets, and how far they are."""

import asyncio
from typing import Any

from standardwebhooks import Webhook

from tests.support.servers.receivers import Delivered, Receiver
from tests.support.world import World

CHANGES = {"types": ["LEAD_UPDATED"], "selection": "{ changes { after } }"}
"""A webhook that is sent the new values of leads."""


async def subscribed(world: World, to: Receiver, **given: Any) -> str:
    """A webhook to a receiver, which verifies what it gets; returns its id."""
    made = await world.change("createWebhook", {"url": to.url, **given}, "webhook { id } secret")
    to.verify = verifying(made["secret"])
    id: str = made["webhook"]["id"]
    return id


def verifying(*secrets: str) -> Any:
    """Verify a request with each of the secrets."""

    def verify(request: Delivered) -> None:
        for secret in secrets:
            Webhook(secret).verify(request.raw, request.headers)

    return verify


async def state(world: World, id: str, fields: str = "status disabledReason") -> Any:
    """Fields of a webhook."""
    return (await world.ask(f"query($id: ID!) {{ webhook(id: $id) {{ {fields} }} }}", {"id": id}))["webhook"]


async def becomes(world: World, id: str, fields: str, wanted: Any) -> None:
    """Wait until fields of a webhook have these values."""
    async with asyncio.timeout(60):
        while await state(world, id, fields) != wanted:
            """Each question gives others their turn."""


async def settled(world: World, id: str) -> None:
    """Wait until everything is delivered, and written down."""
    await becomes(world, id, "behind waiting { nodes { eventId } }", {"behind": 0, "waiting": {"nodes": []}})


async def at_rest(world: World) -> None:
    """Wait until no process sends to any webhook: it notices a pause within a look."""
    async with asyncio.timeout(60):
        while await world.database.pool.fetchval("SELECT count(*) FROM webhook_state WHERE lease_until IS NOT NULL"):
            """The leases are given back."""


async def renamed(world: World, *titles: str, lead: str = "Ada") -> None:
    """Give a lead these titles, one after the other."""
    for title in titles:
        await world.change("updateLead", {"leadId": world[lead], "title": title})


def titles(of: Receiver) -> list[str]:
    """The titles that a receiver was sent, in order."""
    return [change["after"] for one in of.requests for change in one.body["data"].get("changes", ())]


def answers(*statuses: int | str | None) -> Any:
    """Answer with these, and with the last one from then on."""
    left = list(statuses)

    async def decide(request: Delivered) -> int | str | None:
        return left.pop(0) if len(left) > 1 else left[0]

    return decide
