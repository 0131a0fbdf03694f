"""An import is written in batches: nobody waits for it, and one that was stopped goes on where it was."""

import asyncio
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from models import organisation_id
from models.database import Database
from models.rules.ids import parse_id
from resolvers.changes.imports import import_leads
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import IN_LINES, Deal
from tests.support.consistency import RULES, breaches
from tests.support.world import World

KEPT = [rule for name, rule in RULES.items() if name.startswith(("totals are", "the log has no gap"))]


@pytest.fixture(autouse=True)
def batches_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch has ten lines."""
    monkeypatch.setattr(import_leads, "BATCH", 10)


def deals_of(count: int, stage: str = "Talking", **given: Any) -> list[Deal]:
    """Deals on the lines 2, 3, …: every second one has an external id."""
    return [
        Deal(
            line,
            stage,
            dict.fromkeys(IN_LINES)
            | {
                "title": f"Deal {line}",
                "external_id": None if line % 2 else f"X{line}",
                "value": line,
                "currency": "USD",
            },
            **given,
        )
        for line in range(2, count + 2)
    ]


def options_of(world: World, **given: Any) -> Import:
    """An import into the world's first pipeline."""
    return Import(world.organisation, "Sales", **given)


async def titles(world: World) -> list[str]:
    """The titles of the imported leads, in the order of their lines."""
    rows = await world.database.pool.fetch("SELECT title FROM lead WHERE title LIKE 'Deal %'")
    return sorted((row["title"] for row in rows), key=lambda title: int(title.split()[1]))


async def expect_whole(database: Database) -> None:
    """Totals are the sums over the leads, and the log has no gap."""
    for rule in KEPT:
        assert await breaches(database, rule) == []


async def waits(database: Database, count: int = 1) -> None:
    """Wait until so many connections wait for a row that another transaction holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(20):
        while await database.pool.fetchval(waiting) < count:
            pass


class Stopped(Exception):
    """Stops an import between two batches."""


def stop_after(batches: int) -> Any:
    """A progress that stops the import after so many batches."""
    left: Iterator[int] = iter(range(batches - 1))

    def progress(done: int) -> None:
        if next(left, None) is None:
            raise Stopped

    return progress


async def test_a_move_does_not_wait_for_a_batch(world: World, database: Database) -> None:
    """A card moves between the stages of the pipeline while a batch of an import is open, and totals add up."""
    customer = parse_id("customer", world["Acme"])
    done: list[int] = []
    deals = deals_of(25, customer="Acme")
    async with database.acquire() as blocker, asyncio.TaskGroup() as group:
        await blocker.execute("BEGIN")
        await blocker.execute("SELECT FROM customer WHERE id = $1 FOR UPDATE", customer)
        importing = group.create_task(import_deals(database, options_of(world), deals, done.append))
        await waits(database)
        async with asyncio.timeout(20):
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
        assert not importing.done()
        await blocker.execute("COMMIT")
    assert importing.result().created == 25
    assert done == [10, 10, 5]
    assert await titles(world) == [deal.lead["title"] for deal in deals]
    await expect_whole(database)


async def test_each_batch_is_whole(world: World, database: Database) -> None:
    """What is stored when an import stops between two batches has its history, events, words and totals."""
    head = await world.head()
    deals = deals_of(30)
    with pytest.raises(Stopped):
        await import_deals(database, options_of(world), deals, stop_after(2))
    assert await titles(world) == [deal.lead["title"] for deal in deals[:20]]
    assert [event["type"] for event in await world.events(head)] == ["lead.created"] * 20
    stored = "SELECT count(*) FROM stage_change JOIN lead ON lead.id = lead_id WHERE title LIKE 'Deal %'"
    assert await database.pool.fetchval(stored) == 20
    assert await database.pool.fetchval("SELECT count(*) FROM lead_search JOIN lead ON lead.id = lead_id") == 26
    await expect_whole(database)


async def test_a_batch_that_fails_leaves_nothing_of_it(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches before it stay, and none of its lines is stored."""
    real = import_leads.Batch.append
    left = iter([real])

    async def broken(batch: Any, leads: Any) -> None:
        if (write := next(left, None)) is None:
            raise asyncpg.InterfaceError("cut")
        await write(batch, leads)

    monkeypatch.setattr(import_leads.Batch, "append", broken)
    with pytest.raises(asyncpg.InterfaceError):
        await import_deals(database, options_of(world), deals_of(30))
    assert len(await titles(world)) == 10
    await expect_whole(database)


async def test_a_stopped_import_goes_on_where_it_was(world: World, database: Database) -> None:
    """Sent again, each line is imported once, with an external id and without one; a third time changes nothing."""
    deals = deals_of(35)
    with pytest.raises(Stopped):
        await import_deals(database, options_of(world), deals, stop_after(2))
    report = await import_deals(database, options_of(world), deals)
    assert (report.created, report.unchanged, report.resumed, report.rejected) == (15, 20, 10, [])
    assert await titles(world) == [deal.lead["title"] for deal in deals]
    again = await import_deals(database, options_of(world), deals)
    assert (again.created, again.unchanged, again.resumed) == (0, 35, 17)
    await expect_whole(database)


async def test_another_file_is_not_taken_for_it(world: World, database: Database) -> None:
    """A file with other lines, other options or `again` imports its lines without external ids."""
    deals = deals_of(12)
    await import_deals(database, options_of(world), deals)
    other = [*deals, replace(deals[0], line=99, lead={**deals[0].lead, "external_id": None})]
    assert (await import_deals(database, options_of(world), other)).created == 7
    assert (await import_deals(database, options_of(world, create_missing=True), deals)).created == 6
    report = await import_deals(database, options_of(world, again=True), deals)
    assert (report.created, report.unchanged, report.resumed) == (6, 6, 0)


async def test_a_file_is_remembered_for_a_week(world: World, database: Database) -> None:
    """After seven days its lines without external ids are new, and its fingerprint is not kept."""
    await import_deals(database, options_of(world), deals_of(12))
    await world.sql("UPDATE imported_file SET imported_at = imported_at - interval '7 days'")
    assert (await import_deals(database, options_of(world), deals_of(12))).created == 6
    assert await database.pool.fetchval("SELECT count(*) FROM imported_file") == 1


async def test_an_id_is_taken_once_across_batches(world: World, database: Database) -> None:
    """A second line of the same id is rejected though the first is in an earlier batch, and still when sent again."""
    deals = deals_of(30)
    deals[25] = replace(deals[25], lead={**deals[25].lead, "external_id": "X2"})
    report = await import_deals(database, options_of(world), deals)
    assert (report.created, report.rejected) == (29, [(27, "external_id: 'X2' is already used on line 2")])


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE member SET active = false WHERE subject = 'rita'", "is no longer active"),
        ("UPDATE stage SET deleted_at = now(), version = version + 1 WHERE name = 'Talking'", "there is no stage"),
        ("UPDATE contact SET archived_at = now() WHERE name = 'Contact of rita'", "there is no contact"),
    ],
)
async def test_what_changes_meanwhile_is_looked_up_again(
    world: World, database: Database, sql: str, reason: str
) -> None:
    """The lines after it are rejected, as if the import had started then."""
    await world.sql("UPDATE member SET name = 'Rita' WHERE subject = 'rita'")
    changes = iter([sql])
    real = import_leads._Importer._batch

    async def batch(importer: Any, connection: Any, first: int, deals: Any) -> Any:
        if first == 10 and (change := next(changes, None)) is not None:
            async with database.acquire() as other:
                await other.execute(change)
        return await real(importer, connection, first, deals)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_leads._Importer, "_batch", batch)
        deals = deals_of(20, owner="Rita", contact="Contact of rita")
        report = await import_deals(database, options_of(world), deals)
    assert report.created == 10
    assert [line for line, _ in report.rejected] == list(range(12, 22))
    assert {reason in why for _, why in report.rejected} == {True}
    assert len(await titles(world)) == 10


async def test_a_changed_probability_counts(world: World, database: Database) -> None:
    """The totals follow a probability that changes between two batches."""
    deals = deals_of(20)
    with pytest.raises(Stopped):
        await import_deals(database, options_of(world), deals, stop_after(1))
    await world.change("updateStage", {"stageId": world["Talking"], "probability": 77})
    await import_deals(database, options_of(world), deals)
    await expect_whole(database)


async def test_a_file_that_is_refused_writes_nothing(database: Database) -> None:
    """Without a pipeline, or without an open stage, there is not even the organisation."""
    closed = Import("other", "Sales", stages=["Won"], won=["Won"], create_missing=True)
    for options in (Import("other", "Sales"), closed):
        with pytest.raises(ImportFailed):
            await import_deals(database, options, deals_of(3, stage="Won"))
    for table in ("organisation", "pipeline", "stage", "imported_file"):
        assert await database.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_killed_import_is_sent_again(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """The process is killed within a later batch: those before are there. The same command imports each line once."""
    path = tmp_path / "deals.csv"
    with path.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["title", "stage", "external_id", "customer"])
        for line in range(2, 3002):
            writer.writerow([f"Deal {line}", "Open", "" if line % 2 else f"X{line}", "Last" if line > 2002 else "Acme"])
    arguments = ["import", str(path), "--org", "acme", "--pipeline", "Sales", "--create-missing"]
    environment = os.environ | {"DEALBOARD_DATABASE_URL": postgres_url, "DEALBOARD_JWT_SECRET": "s" * 40}

    async def command() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
        )

    org_id = organisation_id("acme")
    async with database.acquire() as blocker:
        await blocker.execute("INSERT INTO organisation (id, key, name) VALUES ($1, 'acme', 'acme')", org_id)
        await blocker.execute("INSERT INTO event_log (org_id) VALUES ($1)", org_id)
        killed = await command()
        async with asyncio.timeout(60):
            while await blocker.fetchval("SELECT count(*) FROM lead") < 1000:
                pass
        await blocker.execute("BEGIN")
        await blocker.execute("SELECT FROM event_log WHERE org_id = $1 FOR UPDATE", org_id)
        await waits(database)
        killed.kill()
        await killed.wait()
        stored = await blocker.fetchval("SELECT count(*) FROM lead")
        await blocker.execute("COMMIT")
    assert stored in (1000, 2000)
    ended = await command()
    output, _ = await ended.communicate()
    assert f"{3000 - stored:,} imported, {stored:,} unchanged, 0 rejected." in output.decode()
    assert f"Of the unchanged lines, {stored // 2:,} have no external_id." in output.decode()
    rows = await database.pool.fetch("SELECT title, count(*) FROM lead GROUP BY title HAVING count(*) > 1")
    assert rows == []
    assert await database.pool.fetchval("SELECT count(*) FROM lead") == 3000
    assert await database.pool.fetchval("SELECT count(*) FROM customer") == 2
    await expect_whole(database)
