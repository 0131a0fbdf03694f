"""LEAD_SCORE_CROSSED: one event for each crossing of a band, and the subscription `scoreCrossed`."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from engine.background.consumers import Progress
from engine.caller import Caller
from engine.engine import Engine
from models import Role
from resolvers.reactions import score
from tests.support.scoring.rules import bands, group, publish, react, rule, scored
from tests.support.world import World, tables

POINTS = {"web": 10, "mail": 30, "fair": 66, "boss": 80}
LADDER = bands(("Warm", 20, 20), ("Hot", 70, 65))


async def publish_points(world: World, **given: Any) -> int:
    """Points by source, and two bands."""
    rules = [rule(name, points, condition={"source": {"equals": name}}) for name, points in POINTS.items()]
    return await publish(world, group("Fit", *rules), **{"bands": LADDER, **given})


async def come_from(world: World, name: str, *sources: str) -> None:
    """Let a lead come from one source after the other, and score it each time."""
    for source in sources:
        await world.change("updateLead", {"leadId": world[name], "source": source})
        await react(world)


async def crossings(world: World, after: int = 0) -> list[Any]:
    """What each crossing has recorded, in order."""
    return [data for type_, _, data in await world.recorded(after) if type_ == "lead.score_crossed"]


def crossed(from_band: str | None, band: str | None, start: int | None, to: int) -> dict[str, Any]:
    """What a crossing records."""
    return {"fromBand": from_band, "band": band, "from": start, "to": to}


async def test_each_crossing_is_recorded_once(world: World) -> None:
    """In and out of bands, with the scores; nothing within the two limits of a band, nor when nothing changed."""
    await publish_points(world)
    head = await world.head()
    await come_from(world, "Ada", "web", "mail", "boss", "fair", "boss", "mail", "mail", "web")
    assert await crossings(world, head) == [
        crossed(None, "Warm", 10, 30),
        crossed("Warm", "Hot", 30, 80),
        crossed("Hot", "Warm", 80, 30),
        crossed("Warm", None, 30, 10),
    ]
    assert await react(world) is Progress.CAUGHT_UP
    assert len(await crossings(world, head)) == 4


async def test_a_new_lead_and_a_publication_cross(world: World) -> None:
    """A lead that is in a band from the start was never scored before; when rules are published, each lead that gets
    into another band crosses, and names the run."""
    await world.change("updateLead", {"leadId": world["Bob"], "source": "boss"})
    head = await world.head()
    await publish_points(world)
    given = {"title": "Gil", "pipelineId": world["Sales"], "source": "mail"}
    made = await world.change("createLead", given, "lead { id }")
    await react(world)
    assert await crossings(world, head) == [crossed(None, "Hot", None, 80), crossed(None, "Warm", None, 30)]
    first, last = [one for one in await world.events(head) if one["type"] == "lead.score_crossed"]
    assert (first["run_id"] is not None, first["actor_kind"], last["run_id"], last["actor_kind"]) == (
        *(True, "MEMBER", None, "AUTOMATION"),
    )
    assert f"lead_{last['lead_id']}" == made["lead"]["id"]


async def test_a_score_by_hand_crosses(world: World) -> None:
    """The score before is the one with which the band was decided, no matter who set it."""
    await publish_points(world)
    await come_from(world, "Ada", "mail")
    head = await world.head()
    await world.change("pinScore", {"leadId": world["Ada"], "score": 90})
    await react(world)
    await world.change("unpinScore", {"leadId": world["Ada"]})
    assert await crossings(world, head) == [crossed("Warm", "Hot", 30, 90), crossed("Hot", "Warm", 90, 30)]


async def test_nothing_is_recorded_twice_or_lost_when_a_batch_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is taken back after its events were written leaves nothing; made again, it records each once."""
    await publish_points(world)
    await react(world)
    await world.change("updateLead", {"leadId": world["Ada"], "source": "boss"})
    before, append = await tables(world.database), score.append

    async def killed(*given: Any) -> None:
        await append(*given)
        raise RuntimeError("killed")

    monkeypatch.setattr(score, "append", killed)
    assert await react(world) is Progress.FAILED
    after = await tables(world.database)
    assert {name for name in after if after[name] != before[name]} == {"consumer"}
    monkeypatch.setattr(score, "append", append)
    await world.sql("UPDATE consumer SET retry_at = NULL")
    head = await world.head()
    await react(world)
    assert await crossings(world, head) == [crossed(None, "Hot", 0, 80)]


async def test_two_at_once_record_one_crossing(world: World) -> None:
    """A consumer and a call that score the same lead at the same time record its crossing once."""
    await publish_points(world)
    await react(world)
    head = await world.head()
    await world.change("updateLead", {"leadId": world["Ada"], "source": "boss"})
    given = {"leadIds": [world["Ada"]]}
    await asyncio.gather(react(world), *(world.change("scoreLeads", given) for _ in range(4)))
    assert await crossings(world, head) == [crossed(None, "Hot", 0, 80)]


SHOWN = "cursor lead { id scoreBand { name from leaveBelow } } fromBand band from to"


async def follow(engine: Engine, world: World, count: int, arguments: str) -> Sequence[Any]:
    """The first crossings that a subscription delivers."""
    query = f"subscription {{ scoreCrossed({arguments}) {{ {SHOWN} }} }}"
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    found: list[Any] = []
    async with asyncio.timeout(20), aclosing(engine.subscribe(engine.documents.prepare(query), {}, caller)) as stream:
        async for frame in stream:
            body = orjson.loads(frame.body)
            assert "errors" not in body, body
            found.append(body["data"]["scoreCrossed"])
            if len(found) == count:
                return found
    raise AssertionError("the stream has ended")


async def test_a_subscription_delivers_the_crossings_of_a_band(engine: Engine, world: World) -> None:
    """Those of a pipeline, or those that enter or leave a band, in order; none of another pipeline."""
    await publish_points(world)
    cursor = (await world.ask("{ cursor }"))["cursor"]
    await come_from(world, "Ada", "mail", "boss")
    await come_from(world, "Bob", "mail")
    await come_from(world, "Ada", "web")
    place = f'pipelineId: "{world["Sales"]}", after: "{cursor}"'
    every = await follow(engine, world, 4, place)
    assert [(one["fromBand"], one["band"], one["from"], one["to"]) for one in every] == [
        *((None, "Warm", 0, 30), ("Warm", "Hot", 30, 80), (None, "Warm", 0, 30), ("Hot", None, 80, 10)),
    ]
    assert await follow(engine, world, 2, f'{place}, band: "Hot"') == [every[1], every[3]]
    assert every[2]["lead"] == {"id": world["Bob"], "scoreBand": {"name": "Warm", "from": 20, "leaveBelow": 20}}
    await publish_points(world, bands=bands(("Warm", 30, 25)))
    assert (await world.lead("Bob", "scoreBand { from leaveBelow }"))["scoreBand"] == {"from": 30, "leaveBelow": 25}
    assert (await scored(world, "Bob"))["scoreBand"] == "Warm"
