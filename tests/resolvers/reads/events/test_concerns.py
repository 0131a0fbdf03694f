"""`concerns`: the events that concern a member, in the change log, in a replay and live."""

import asyncio
from contextlib import aclosing
from typing import Any

import orjson

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from models.rules.ids import public_id
from models.tables.base import new_id
from tests.support.recipes import task
from tests.support.world import World

EVENTS = """
subscription ($after: String, $member: ID) { events(after: $after, concerns: $member) { type recordId } }
"""
LOG = """
query ($member: ID) { changeLog(first: 50, filter: {concerns: $member}) { nodes { type recordId cursor } } }
"""


async def story(world: World) -> list[tuple[str, str]]:
    """What happens around Mia and others; returns what concerns her, in order."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]})
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Ltd"})
    await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"})
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada & sons"})
    await task(world, "Call", leadId=world["Bob"], assigneeId=world["mia"])
    await world.change("updateTask", {"taskId": world["Call"], "title": "Call back"})
    await task(world, "Write")
    await world.change("updateTask", {"taskId": world["Write"], "assigneeId": world["mia"]})
    await world.change("updateTask", {"taskId": world["Write"], "assigneeId": world["rita"]})
    await world.change("updateTask", {"taskId": world["Write"], "title": "Write again"})
    await world.change("reorderStages", {"pipelineId": world["Renewals"], "stageIds": [world["Done"], world["Due"]]})
    return [
        ("LEAD_ASSIGNED", world["Ada"]),
        ("LEAD_UPDATED", world["Ada"]),
        ("LEAD_ASSIGNED", world["Ada"]),
        ("TASK_SCHEDULED", world["Call"]),
        ("TASK_UPDATED", world["Call"]),
        ("TASK_UPDATED", world["Write"]),
        ("TASK_UPDATED", world["Write"]),
    ]


async def taken(stream: Any, count: int) -> list[tuple[str, str]]:
    """The next events of a subscription."""
    found = [orjson.loads((await anext(stream)).body)["data"]["events"] for _ in range(count)]
    return [(event["type"], event["recordId"]) for event in found]


async def test_what_is_given_and_taken_concerns_a_member(world: World, engine: Engine) -> None:
    """Live, whatever somebody else does with what is theirs, gives them, or takes from them; nothing else."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    after = (await world.ask("{ cursor }"))["cursor"]
    given = {"after": after, "member": world["mia"]}
    async with aclosing(engine.subscribe(engine.documents.prepare(EVENTS), given, caller)) as live:
        first = asyncio.ensure_future(taken(live, 1))
        expected = await story(world)
        async with asyncio.timeout(20):
            assert [*await first, *await taken(live, len(expected) - 1)] == expected


async def test_the_log_and_a_replay_agree(world: World, engine: Engine) -> None:
    """Afterwards: an event of a task concerns whom the task is assigned to now, and who is named in the event."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    after = (await world.ask("{ cursor }"))["cursor"]
    expected = await story(world)
    given = {"after": after, "member": world["mia"]}
    async with (
        aclosing(engine.subscribe(engine.documents.prepare(EVENTS), given, caller)) as replay,
        asyncio.timeout(20),
    ):
        assert await taken(replay, len(expected)) == expected
    log = (await world.ask(LOG, {"member": world["mia"]}))["changeLog"]["nodes"]
    newest = [(event["type"], event["recordId"]) for event in log[: len(expected)]]
    assert newest == expected[::-1]


async def test_a_stranger_concerns_nobody(world: World, strangers: World) -> None:
    """The log has nothing of a member of another organisation, nor of one that nobody knows."""
    await story(strangers)
    for member in (strangers["mia"], public_id("member", new_id())):
        assert (await world.ask(LOG, {"member": member}))["changeLog"]["nodes"] == []
