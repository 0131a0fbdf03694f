"""The relay to NATS: the stream has each event of the log once and in order, whatever fails or is killed between."""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from engine.background import relay_nats
from engine.background.consumers import Progress, consume, start
from engine.background.positions import replay
from engine.background.relay import NAME, Message, relay
from engine.background.relay_nats import NatsBroker, open_nats
from models import organisation_id
from models.database import Database
from models.rules.ids import public_id
from resolvers.reactions.relayed import message
from tests.support.consuming import add_events, add_organisation
from tests.support.servers.nats import Nats, serving_nats
from tests.support.world import MIA, World

ACME = organisation_id("acme")
POSITION = "SELECT position FROM consumer WHERE org_id = $1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server."""
    with serving_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(autouse=True)
async def empty(server: Nats) -> None:
    """No stream is left from another test."""
    async with server.jetstream() as jetstream:
        for info in await jetstream.streams_info():
            assert info.config.name is not None
            await jetstream.delete_stream(info.config.name)


@pytest.fixture
async def broker(server: Nats) -> AsyncIterator[NatsBroker]:
    """The server as the relay uses it."""
    async with open_nats(server.url) as broker:
        yield broker


@pytest.fixture
async def acme(database: Database) -> Database:
    """An organisation, and the relay's place in its log."""
    await add_organisation(database, "acme", ACME)
    await start(database, ACME, NAME)
    return database


async def nobody(_: UUID) -> None:
    """Wake nobody."""


async def once(database: Database, broker: Any, org_id: UUID = ACME) -> Progress:
    """Publish the next events."""
    return await consume(database, relay(broker, message), org_id, nobody)


async def logged(database: Database, org_id: UUID = ACME, after: int = 0) -> list[tuple[int, str]]:
    """The number and the id of each event of the log."""
    rows = await database.pool.fetch(
        "SELECT number, id FROM event WHERE org_id = $1 AND number > $2 ORDER BY number", org_id, after
    )
    return [(row["number"], public_id("event", row["id"])) for row in rows]


async def streamed(server: Nats) -> list[tuple[int, str]]:
    """The number and the id of each event of the stream."""
    return [(number, id) for number, id, _, _ in await server.published()]


class Dying:
    """A broker behind which the process dies after it has published so many events."""

    def __init__(self, broker: NatsBroker, events: int) -> None:
        self.broker = broker
        self.left = events

    async def last(self, org_id: UUID) -> tuple[int, str] | None:
        """As the broker has it."""
        return await self.broker.last(org_id)

    async def publish(self, event: Message) -> None:
        """Publish, or die."""
        if not self.left:
            raise ConnectionError
        self.left -= 1
        await self.broker.publish(event)


async def test_each_event_is_published_with_all_it_holds(world: World, server: Nats, broker: NatsBroker) -> None:
    """In the order of the log, on the subject of its organisation and type, with the ids of the API."""
    org_id = organisation_id(world.organisation)
    await start(world.database, org_id, NAME)
    await replay(world.database, org_id, NAME, 0)
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ädä", "ownerId": world["rita"]}, **MIA)
    await world.change("reorderStages", {"pipelineId": world["Renewals"], "stageIds": [world["Done"], world["Due"]]})
    assert await once(world.database, broker, org_id) is Progress.CAUGHT_UP
    assert await streamed(server) == await logged(world.database, org_id)
    [*_, (number, id, subject, updated), (_, _, _, assigned), (_, _, last, reordered)] = await server.published()
    [event] = [event for event in await world.events() if event["number"] == number]
    assert subject == f"dealboard.{org_id}.lead.updated"
    assert updated == {
        "id": id,
        "organisationId": str(org_id),
        "number": number,
        "type": "lead.updated",
        "occurredAt": updated["occurredAt"],
        "actorKind": "MEMBER",
        "mutation": "updateLead",
        "depth": 0,
        "runId": None,
        "actorId": world["mia"],
        "recordId": world["Ada"],
        "leadId": world["Ada"],
        "ownerId": world["rita"],
        "pipelineId": world["Sales"],
        "stageId": world["New"],
        "fromPipelineId": None,
        "fromStageId": None,
        "data": {"changes": {"title": ["Ada", "Ädä"]}},
    }
    assert updated["data"] == json.loads(event["data"])
    assert assigned["data"] == {"from": None, "to": world["rita"]}
    assert (last, reordered["recordId"]) == (f"dealboard.{org_id}.stages.reordered", world["Renewals"])


@pytest.mark.parametrize("published", [0, 1, 7, 20])
async def test_a_process_dies_within_a_batch(acme: Database, server: Nats, broker: NatsBroker, published: int) -> None:
    """The position stays, and the next process goes on after what is stored, however long ago that was."""
    await server.forgetful()
    await add_events(acme, ACME, 20)
    with suppress(ConnectionError):
        await once(acme, Dying(broker, published))
    if published == 20:  # it dies after the last event, before the commit
        await acme.pool.execute("UPDATE consumer SET position = 0")
    assert await acme.pool.fetchval(POSITION, ACME) == 0
    assert len(await streamed(server)) == published
    await asyncio.sleep(0.2)  # until the stream has forgotten the ids
    assert await once(acme, broker) is Progress.CAUGHT_UP
    assert await streamed(server) == await logged(acme)


async def test_a_message_that_was_under_way_is_stored_once(acme: Database, server: Nats, broker: NatsBroker) -> None:
    """A process that is gone may have sent an event that arrives after the next one has sent it, too."""
    await add_events(acme, ACME, 3)
    await once(acme, broker)
    row = await acme.pool.fetchrow("SELECT * FROM event WHERE number = 2")
    await broker.publish(message(row))
    assert await streamed(server) == await logged(acme)


async def test_setting_it_back_publishes_what_the_stream_lacks(
    acme: Database, server: Nats, broker: NatsBroker
) -> None:
    """Nothing twice; after the stream was emptied, everything again."""
    await add_events(acme, ACME, 5)
    await once(acme, broker)
    await replay(acme, ACME, NAME, 0)
    await once(acme, broker)
    assert await streamed(server) == await logged(acme)
    async with server.jetstream() as jetstream:
        await jetstream.delete_stream("DEALBOARD")
    await broker.close()
    await replay(acme, ACME, NAME, 0)
    await once(acme, broker)
    assert await streamed(server) == await logged(acme)


async def test_organisations_are_kept_apart(acme: Database, server: Nats, broker: NatsBroker) -> None:
    """Each has its numbers and its subjects in one stream."""
    other = organisation_id("globex")
    await add_organisation(acme, "globex", other)
    await start(acme, other, NAME)
    for org_id, count in ((ACME, 3), (other, 2), (ACME, 1)):
        await add_events(acme, org_id, count)
        await once(acme, broker, org_id)
    subjects = [subject.split(".")[1] for _, _, subject, _ in await server.published()]
    assert subjects == [str(org_id) for org_id, count in ((ACME, 3), (other, 2), (ACME, 1)) for _ in range(count)]


async def test_a_restored_database_is_noticed(acme: Database, server: Nats, broker: NatsBroker) -> None:
    """Where the stream has events that the log has not, or others of the same numbers, nothing is left out silently."""
    await server.forgetful(2)
    await add_events(acme, ACME, 4)
    await once(acme, broker)
    await acme.pool.execute("DELETE FROM event WHERE number > 2")
    await acme.pool.execute("UPDATE event_log SET head = 2")
    await acme.pool.execute("UPDATE consumer SET position = 2")
    await add_events(acme, ACME, 1)
    assert await once(acme, broker) is Progress.FAILED
    await add_events(acme, ACME, 3)
    await acme.pool.execute("UPDATE consumer SET retry_at = NULL")
    assert await once(acme, broker) is Progress.FAILED
    assert await acme.pool.fetchrow("SELECT position, error FROM consumer") == (2, "Diverged")
    assert len(await streamed(server)) == 4
    async with server.jetstream() as jetstream:
        await jetstream.purge_stream("DEALBOARD", subject=f"dealboard.{ACME}.>")
    await replay(acme, ACME, NAME, 0)
    while await streamed(server) != await logged(acme):
        with suppress(ConnectionError):  # until the stream has forgotten the ids of what was removed
            await once(acme, broker)
    assert await acme.pool.fetchval(POSITION, ACME) == await acme.pool.fetchval("SELECT head FROM event_log")


async def test_what_nats_refuses_is_reported(acme: Database, server: Nats, broker: NatsBroker) -> None:
    """An event that is too large for the stream stops the relay there, and those before it are published."""
    async with server.jetstream() as jetstream:
        await jetstream.add_stream(name="DEALBOARD", subjects=["dealboard.>"], max_msg_size=4096)
    await add_events(acme, ACME, 3)
    await acme.pool.execute("UPDATE event SET data = jsonb_build_object('a', repeat('a', 5000)) WHERE number = 3")
    assert await once(acme, broker) is Progress.FAILED
    assert await acme.pool.fetchrow("SELECT position, error FROM consumer") == (0, "BadRequestError")
    assert await streamed(server) == (await logged(acme))[:2]


async def test_a_stream_of_the_operator_is_used(acme: Database, server: Nats, broker: NatsBroker) -> None:
    """One that takes the subjects already, whatever its name."""
    async with server.jetstream() as jetstream:
        await jetstream.add_stream(name="crm", subjects=["dealboard.>"])
        await add_events(acme, ACME, 2)
        assert await once(acme, broker) is Progress.CAUGHT_UP
        assert (await jetstream.stream_info("crm")).state.messages == 2
        assert [info.config.name for info in await jetstream.streams_info()] == ["crm"]


async def test_nats_is_killed_and_comes_back(acme: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While it is away nothing moves and no failure is counted; that it is away and that it is back are logged."""
    caplog.set_level(logging.WARNING, "dealboard.relay")
    with serving_nats(tmp_path) as server:
        async with open_nats(server.url) as broker:
            await add_events(acme, ACME, 2)
            await once(acme, broker)
            server.kill()
            await add_events(acme, ACME, 2)
            for _ in range(2):
                with pytest.raises(ConnectionError):
                    await once(acme, broker)
            assert await acme.pool.fetchrow("SELECT position, failures FROM consumer") == (2, 0)
            server.start()
            assert await once(acme, broker) is Progress.CAUGHT_UP
            assert await streamed(server) == await logged(acme)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "NATS cannot be reached, trying again",
        "NATS is reached again",
    ]


async def test_nats_hangs(acme: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits for it no longer than it may, and what arrives later is stored once."""
    monkeypatch.setattr(relay_nats, "TIMEOUT", 0.5)
    with serving_nats(tmp_path) as server:
        assert server.process is not None
        async with open_nats(server.url) as broker:
            await add_events(acme, ACME, 2)
            await once(acme, broker)
            await add_events(acme, ACME, 2)
            third = message((await acme.pool.fetch("SELECT * FROM event ORDER BY number"))[2])
            server.process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(60):
                with suppress(ConnectionError):
                    while True:  # until all of its threads have stopped
                        await broker.publish(third)
                with pytest.raises(ConnectionError):
                    await once(acme, broker)
            server.process.send_signal(signal.SIGCONT)
            while await acme.pool.fetchval(POSITION, ACME) < 4:
                with suppress(ConnectionError):
                    await once(acme, broker)
            assert await streamed(server) == await logged(acme)
