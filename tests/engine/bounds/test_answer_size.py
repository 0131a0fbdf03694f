"""An answer has at most so many bytes. PostgreSQL measures it, so what is too large is never sent."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from engine.failures import Failed
from engine.live.feed import Feed
from models import Role
from models.rules.ids import split_id
from resolvers.domain import CRM
from tests.support.world import World

MOST = 2_000
WIDE = "subscription ($after: String) { stageChanged(after: $after) { lead { id description } } }"


@pytest.fixture
async def narrow(engine: Engine) -> AsyncIterator[Engine]:
    """An engine whose answers may have 2,000 bytes."""
    async with Feed.open(engine.database, CRM, poll_seconds=30) as feed:
        yield Engine(engine.schema, engine.database, engine.documents, feed, most_bytes=MOST)


async def ask(engine: Engine, world: World, query: str, **variables: Any) -> dict[str, Any]:
    """The body of the answer to an admin of the world."""
    caller = Caller(world.organisation, "tester", Role.ADMIN)
    body: dict[str, Any] = orjson.loads((await engine.execute(engine.documents.prepare(query), variables, caller)).body)
    return body


async def test_a_query(narrow: Engine, world: World) -> None:
    """At the limit it is answered; a byte more is refused with its size, in bytes and not in characters."""
    lead = "query ($id: ID!) { lead(id: $id) { description } }"
    frame = len(b'{"lead":{"description":""}}')
    wide = {"id": world["Ada"]}
    await world.change("updateLead", {"leadId": world["Ada"], "description": "ä" + "x" * (MOST - frame - 2)})
    body = await ask(narrow, world, lead, **wide)
    assert len(body["data"]["lead"]["description"]) == MOST - frame - 1
    await world.change("updateLead", {"leadId": world["Ada"], "description": "ä" + "x" * (MOST - frame - 1)})
    (error,) = (await ask(narrow, world, lead, **wide))["errors"]
    assert error["extensions"] == {"code": "ANSWER_TOO_LARGE", "value": MOST + 1, "limit": MOST}
    assert error["message"].startswith("This answer has 2,001 bytes; the limit is 2,000")
    assert "errors" not in await ask(narrow, world, "{ cursor }")


async def test_introspection_counts(narrow: Engine, world: World) -> None:
    """What is answered without PostgreSQL is an answer as well."""
    (error,) = (await ask(narrow, world, "{ __schema { types { name description } } cursor }"))["errors"]
    assert error["extensions"]["code"] == "ANSWER_TOO_LARGE"


async def test_a_payload_says_that_the_change_was_made(narrow: Engine, world: World) -> None:
    """All its records count together; the change is committed by then."""
    wide = " ".join(f"d{number}: description" for number in range(3))
    update = f"""mutation ($input: UpdateLeadInput!) {{
      updateLead(input: $input) {{ a: lead {{ {wide} }} b: lead {{ title }} userErrors {{ message }} }}
    }}"""
    given = {"leadId": world["Ada"], "description": "x" * 700}
    (error,) = (await ask(narrow, world, update, input=given))["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("ANSWER_TOO_LARGE", ["updateLead"])
    assert "The change was made" in error["message"]
    assert await world.database.pool.fetchval("SELECT count(*) FROM lead WHERE description = $1", "x" * 700) == 1
    data = (await ask(narrow, world, update, input={**given, "description": "y" * 600}))["data"]["updateLead"]
    assert data["a"] == {f"d{number}": "y" * 600 for number in range(3)}
    assert (data["b"]["title"], data["userErrors"]) == ("Ada", [])


async def test_the_payloads_of_one_request_count_together(narrow: Engine, world: World) -> None:
    """The one that is too much says so; the others are shown."""
    field = 'updateLead(input: {leadId: "%s", description: "%s"}) { lead { description } userErrors { message } }'
    leads = zip("abc", ("Ada", "Bob", "Cleo"), strict=True)
    fields = [f"{key}: {field % (world[name], key * 900)}" for key, name in leads]
    body = await ask(narrow, world, f"mutation {{ {' '.join(fields)} }}")
    shown = {key: {"lead": {"description": key * 900}, "userErrors": []} for key in "ab"}
    assert body["data"] == {**shown, "c": None}
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("ANSWER_TOO_LARGE", ["c"])
    assert (await world.lead("Cleo", "description"))["description"] == "c" * 900


async def test_events_come_in_pages_that_fit(narrow: Engine, make_board: Any) -> None:
    """Together they are larger than an answer may be; each is delivered, once and in order."""
    board = replace(await make_board(), engine=narrow)
    async with board.listening() as live:
        after = await board.cursor()
        for turn in range(24):
            await board.move(board.leads[turn % 5], ("Talking", "Offer")[turn // 5 % 2])
        events = await live.until(24)
    async with board.listening(after=after) as replayed:
        assert await replayed.until(24) == events


async def test_an_event_that_is_too_large_ends_its_subscription(narrow: Engine, make_board: Any) -> None:
    """Those before it are delivered, and the code says why there are no more."""
    board = replace(await make_board(), engine=narrow)
    wide = split_id(board.leads[2])[1]
    await narrow.database.pool.execute("UPDATE lead SET description = repeat('x', 3000) WHERE id = $1", wide)
    after = await board.cursor()
    for lead in board.leads:
        await board.move(lead, "Offer")
    events = narrow.subscribe(narrow.documents.prepare(WIDE), {"after": after}, board.caller)
    found = [orjson.loads((await anext(events)).body)["data"]["stageChanged"]["lead"]["id"] for _ in range(2)]
    assert found == board.leads[:2]
    with pytest.raises(Failed, match="Ask for fewer fields of an event") as failure:
        await anext(events)
    assert (failure.value.code, failure.value.extensions["limit"]) == ("ANSWER_TOO_LARGE", MOST)


async def test_nodes_takes_each_id_once(world: World) -> None:
    """The same record a hundred times is the same bytes a hundred times; spelling it in another way is no way out."""
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ada, bob = world["Ada"], world["Bob"]
    assert await world.ask(nodes, {"ids": [ada, bob]}) == {"nodes": [{"id": ada}, {"id": bob}]}
    for again in (ada, ada.replace(ada[5:], ada[5:].upper())):
        with pytest.raises(RequestError) as refused:
            await world.ask(nodes, {"ids": [ada, bob, again]})
        assert (refused.value.code, str(refused.value)[:5]) == ("BAD_USER_INPUT", "ids: ")
