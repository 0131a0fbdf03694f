"""What an import changes is in the log, with who imported, and reaches boards that are open."""

import asyncio
from contextlib import aclosing
from datetime import date
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from models.database import Database
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import IN_LINES, Deal
from tests.support.consistency import RULES, breaches
from tests.support.event_data import is_declared
from tests.support.world import World


def a_deal(line: int, stage: str, **given: Any) -> Deal:
    """A deal that begins in January."""
    lead = dict.fromkeys(IN_LINES) | {"title": f"Deal {line}"}
    return Deal(line, stage, lead, created_at=date(2026, 1, 1), **given)


DEALS = [
    a_deal(2, "Demo", owner="jane@acme.example", customer="Initech", contact="Bob"),
    a_deal(3, "Won", closed_at=date(2026, 2, 1)),
    a_deal(4, "Demo", owner="rita@acme.example"),
]


async def options(world: World, **given: Any) -> Import:
    """An import that creates what is missing, by Mia."""
    await world.sql("UPDATE member SET email = subject || '@acme.example', name = initcap(subject)")
    return Import(
        world.organisation, given.pop("pipeline", "Sales"), by="mia@acme.example", create_missing=True, **given
    )


async def test_everything_that_is_created_has_its_event(world: World, database: Database) -> None:
    """Stages, people, leads and their steps, and at last the import, which counts all rows; each by Mia."""
    given = await options(world)
    head = await world.head()
    report = await import_deals(database, given, [*DEALS, a_deal(5, "Demo", owner="gus")], rejected=2)
    assert (report.created, len(report.rejected)) == (4, 0)
    events = await world.events(head)
    assert [event["type"] for event in events] == [
        "stage.added",
        *("member.created", "member.created", "customer.created", "contact.created"),
        *("lead.created", "lead.created", "lead.stage_changed", "lead.created", "lead.created"),
        "import.finished",
    ]
    actors = await database.pool.fetch(
        "SELECT DISTINCT member.subject, mutation FROM event JOIN member ON member.id = actor_id WHERE number > $1",
        head,
    )
    assert [tuple(row) for row in actors] == [("mia", "import")]
    recorded = await world.recorded()
    assert [(type_, data) for type_, _, data in recorded if not is_declared(type_, data)] == []
    assert recorded[-1][2] == {"imported": 4, "unchanged": 0, "rejected": 2}
    for name, rule in RULES.items():
        assert await breaches(database, rule) == [], name


async def test_a_pipeline_that_is_created_has_one_event(world: World, database: Database) -> None:
    """As with `createPipeline`, it says it of its stages, too. What changes nothing has no event at all."""
    given = await options(world, pipeline="Imported")
    head = await world.head()
    await import_deals(database, given, DEALS)
    events = [event["type"] for event in await world.events(head)]
    assert (events[0], "stage.added" in events, events[-1]) == ("pipeline.created", False, "import.finished")
    head = await world.head()
    await import_deals(database, given, DEALS)
    assert await world.head() == head


async def test_the_summary_is_published(world: World, database: Database) -> None:
    """The change log shows who imported, where, and how many rows."""
    await import_deals(database, await options(world), DEALS, rejected=1)
    query = """{ changeLog(first: 1) { nodes { __typename type recordId actor { name } mutation
        ... on ImportFinished { imported unchanged rejected pipeline { name } } } } }"""
    (event,) = (await world.ask(query))["changeLog"]["nodes"]
    assert event == {
        "__typename": "ImportFinished",
        "type": "IMPORT_FINISHED",
        "recordId": world["Sales"],
        "actor": {"name": "Mia"},
        "mutation": "import",
        "imported": 3,
        "unchanged": 0,
        "rejected": 1,
        "pipeline": {"name": "Sales"},
    }


async def test_open_boards_follow_an_import(world: World, database: Database, engine: Engine) -> None:
    """A new column comes before the cards in it, and each card ends where it is."""
    query = """subscription ($id: ID!, $after: String) {
        boardChanged(pipelineId: $id, after: $after) { kind card { title stage { name } } stages { name } } }"""
    given = await options(world)
    variables = {"id": world["Sales"], "after": (await world.ask("{ cursor }"))["cursor"]}
    await import_deals(database, given, DEALS)
    prepared = engine.documents.prepare(query)
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    async with aclosing(engine.subscribe(prepared, variables, caller)) as stream, asyncio.timeout(20):
        seen = [orjson.loads((await anext(stream)).body)["data"]["boardChanged"] for _ in range(5)]
    assert [change["kind"] for change in seen] == ["COLUMNS", "ENTERED", "ENTERED", "MOVED", "ENTERED"]
    assert "Demo" in [stage["name"] for stage in seen[0]["stages"]]
    assert seen[3]["card"] == {"title": "Deal 3", "stage": {"name": "Won"}}


@pytest.mark.parametrize("by", ["nobody", "rita@acme.example"])
async def test_who_imports_is_an_active_member(world: World, database: Database, by: str) -> None:
    """Somebody unknown or deactivated is refused, and nothing is written."""
    await options(world)
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    head = await world.head()
    with pytest.raises(ImportFailed, match=f"--by {by}: there is no active member"):
        await import_deals(database, Import(world.organisation, "Sales", by=by, create_missing=True), DEALS)
    assert await world.head() == head
    assert await database.pool.fetchval("SELECT count(*) FROM stage WHERE name = 'Demo'") == 0


async def test_a_stage_of_another_kind_is_refused(world: World, database: Database) -> None:
    """`--won` does not change a stage that is there; the message says what it is."""
    given = Import(world.organisation, "Sales", won=["Talking"], create_missing=True)
    with pytest.raises(ImportFailed, match="--won Talking: this stage of the pipeline is of the kind OPEN"):
        await import_deals(database, given, DEALS)
