"""A subscription that names what nobody knows is refused, instead of being silent for ever."""

import asyncio
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from models import Role
from models.rules.ids import public_id
from models.tables.base import new_id
from tests.support.world import World

OF = {"leadId": "lead", "pipelineId": "pipeline", "ownerId": "member", "concerns": "member"}

FIELDS = ("stageChanged", "events")


def subscription(field: str, argument: str) -> str:
    """A subscription that names one record."""
    kind = "ID!" if field == "boardChanged" else "ID"
    return f"subscription($id: {kind}, $after: String) {{ {field}({argument}: $id, after: $after) {{ cursor }} }}"


async def first(world: World, engine: Engine, field: str, argument: str, **variables: Any) -> Any:
    """The first result of a subscription. Raises what it is refused with."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    prepared = engine.documents.prepare(subscription(field, argument))
    async with aclosing(engine.subscribe(prepared, variables, caller)) as stream, asyncio.timeout(20):
        return orjson.loads((await anext(stream)).body)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("field", "argument"), [*((field, name) for field in FIELDS for name in OF), ("boardChanged", "pipelineId")]
)
async def test_what_nobody_knows_is_refused(
    world: World, strangers: World, engine: Engine, field: str, argument: str, after: bool
) -> None:
    """Also what another organisation has, and also after a cursor; the message names the argument and the id."""
    prefix = OF[argument]
    theirs = strangers[{"lead": "Ada", "pipeline": "Sales", "member": "mia"}[prefix]]
    more = {"after": (await world.ask("{ cursor }"))["cursor"]} if after else {}
    for id_ in (public_id(prefix, new_id()), theirs):
        with pytest.raises(RequestError) as refused:
            await first(world, engine, field, argument, id=id_, **more)
        assert refused.value.code == "NOT_FOUND"
        assert str(refused.value) == (
            f"{argument}: your organisation has no {prefix} {id_}, and never had. Check the id."
        )


async def test_what_the_log_knows_is_followed(world: World, engine: Engine) -> None:
    """A deleted lead, one that was merged into another, a deleted pipeline: their past is there, and is delivered."""
    after = (await world.ask("{ cursor }"))["cursor"]
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada"})
    await world.change("deleteLead", {"leadId": world["Ada"]})
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Cleo"]})
    await world.change("deletePipeline", {"pipelineId": world["Empty"]})
    for argument, name in (("leadId", "Ada"), ("leadId", "Cleo"), ("pipelineId", "Empty")):
        body = await first(world, engine, "events", argument, id=world[name], after=after)
        assert body["data"]["events"]["cursor"] > after


async def test_many_that_name_the_same_ask_once(world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known stays known: subscribing again costs no further statement."""
    after = (await world.ask("{ cursor }"))["cursor"]
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Adele"})
    known, asked = engine.feed.known, []
    find = known._find

    async def counted(*given: Any) -> Any:
        asked.append(given)
        return await find(*given)

    monkeypatch.setattr(known, "_find", counted)
    for _ in range(3):
        await first(world, engine, "events", "leadId", id=world["Ada"], after=after)
    assert len(asked) == 1
    for _ in range(2):
        with pytest.raises(RequestError):
            await first(world, engine, "events", "leadId", id=public_id("lead", new_id()))
    assert len(asked) == 3
