"""Events of earlier versions get what their records were like when they were created, and what kind of actor it was."""

import asyncio
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from models.database import Database
from models.rules.ids import parse_id
from resolvers.changes import created_values
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from resolvers.changes.missing_values import fill
from tests.support.consistency import expect_consistent
from tests.support.creations import Held, expect_undone, forget, held
from tests.support.lives import live
from tests.support.world import World, tables


def a_deal(line: int, stage: str, **given: Any) -> Deal:
    """A line of a file, with a new owner and a new contact."""
    return Deal(line, stage, dict.fromkeys(IN_LINES) | {"title": f"Deal {line}"}, owner=f"gus {line}", **given)


async def imported(world: World) -> None:
    """Import leads: an open one, one that was lost at once, and one that was lost later."""
    options = Import(world.organisation, "Imported", create_missing=True, lost=("Gone",), won=())
    deals = [
        a_deal(2, "Open", contact="Bob", customer="Initech"),
        a_deal(3, "Gone", lost_reason="Price"),
        a_deal(4, "Gone", lost_reason="Time", entered=(("Open", date(2026, 1, 1)),)),
    ]
    report = await import_deals(world.database, options, deals)
    assert report.created == 3, report.rejected


async def filled(database: Database, **how: Any) -> Held:
    """What events of creations hold after an upgrade."""
    async with database.acquire() as connection:
        await fill(connection, **how)
        return await held(connection)


async def forgotten(world: World) -> Held:
    """Leave the log as an earlier version has written it; returns what it held."""
    async with world.database.acquire() as connection:
        before = await held(connection)
        await forget(connection)
    return before


async def unfilled(world: World) -> list[int | None]:
    """Up to which number events may lack values, in each organisation."""
    rows = await world.database.pool.fetch("SELECT unfilled_to FROM event_log ORDER BY org_id")
    return [row["unfilled_to"] for row in rows]


class Stopped(Exception):
    """Ends an upgrade between two batches."""


def stop_after(batches: int) -> Any:
    """A progress that stops after so many batches; each is reported, and so is the beginning."""
    left: Iterator[int] = iter(range(batches))

    def progress(done: int, of: int) -> None:
        if next(left, None) is None:
            raise Stopped

    return progress


@pytest.mark.parametrize("seed", range(6))
async def test_undoing_leads_back_to_the_beginning(world: World, seed: int) -> None:
    """Whatever has happened to records since, each event gets the values that it was written with."""
    await imported(world)
    head = await world.head()
    await live(world, random.Random(seed), 80)
    assert await world.head() > head + 20
    await expect_consistent(world.database)
    await expect_undone(world.database)


async def test_an_upgrade_goes_on_where_it_stopped(
    world: World, strangers: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was filled in before a kill stays, the rest follows, in every organisation; a third time changes nothing."""
    monkeypatch.setattr(created_values, "BATCH", 5)
    await imported(world)
    before = await forgotten(world)
    async with world.database.acquire() as connection:
        with pytest.raises(Stopped):
            await fill(connection, stop_after(3))
        some = await held(connection)
    assert 0 < sum(some[at][2] == before[at][2] != {} for at in before) < len(before)
    assert None not in await unfilled(world)
    counted: list[tuple[int, int]] = []
    async with world.database.acquire() as connection:
        left = sum(number or 0 for number in await unfilled(world))
        await fill(connection, lambda *done: counted.append(done))
        assert await held(connection) == before
    assert (sum(done for done, _ in counted), {of for _, of in counted}) == (left, {left})
    assert await unfilled(world) == [None, None]
    stored = await tables(world.database)
    assert await filled(world.database) == before
    assert await tables(world.database) == stored


async def test_two_servers_fill_in_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the batches of the other, neither fails, and both end when all is filled in."""
    monkeypatch.setattr(created_values, "BATCH", 2)
    before = await forgotten(world)
    assert await asyncio.gather(*(filled(world.database) for _ in range(3))) == [before] * 3


async def test_changes_go_on_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that changes between two batches is undone from what it is by then."""
    monkeypatch.setattr(created_values, "BATCH", 1)
    before = await forgotten(world)
    filling = asyncio.create_task(filled(world.database))
    for nth in range(10):
        given = {"leadId": world["Ada"], "title": f"Ada {nth}", "ownerId": world[("rita", "mia")[nth % 2]]}
        await world.change("updateLead", given)
    assert await filling == before
    await expect_consistent(world.database)


async def test_kinds_of_actors_are_filled_in(world: World) -> None:
    """Events of imports and of deadlines that passed differ from those of members."""
    await imported(world)
    await world.change("scheduleFollowUp", {"leadId": world["Ada"], "dueOn": "2020-01-01"})
    await world.sql("UPDATE event SET type = 'task.overdue', mutation = NULL WHERE type = 'task.scheduled'")
    await forgotten(world)
    await filled(world.database)
    kinds = await world.database.pool.fetch("SELECT DISTINCT type, mutation, actor_kind FROM event")
    assert {row["actor_kind"] for row in kinds if row["mutation"] == "import"} == {"IMPORT"}
    assert {row["actor_kind"] for row in kinds if row["type"] == "task.overdue"} == {"SYSTEM"}
    others = [row for row in kinds if row["mutation"] != "import" and row["type"] != "task.overdue"]
    assert {row["actor_kind"] for row in others} == {"MEMBER"}


async def lacking(world: World, **how: Any) -> list[str]:
    """The types of the events that are left as they are, once each."""
    after = await filled(world.database, **how)
    return sorted({type_ for type_, _, data in after.values() if data == {}})


async def test_what_the_log_does_not_say_stays_unknown(world: World) -> None:
    """Of a record one of whose changes is missing from the log, nothing is guessed; of the others all is known."""
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada 2"})
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada 3"})
    before = await forgotten(world)
    await world.sql("DELETE FROM event WHERE data #>> '{changes,title,0}' = 'Ada 2'")
    after = await filled(world.database)
    unknown = [before[at][2]["title"] for at in before if after[at] != before[at]]
    assert (unknown, [data for _, _, data in after.values() if data == {}]) == (["Ada"], [{}])


async def test_old_events_where_the_log_is_not_kept(world: World) -> None:
    """What may have lost events stays as it is: all that is old but the leads that are there, and those merged into
    them."""
    await world.change("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]})
    await world.change("deleteLead", {"leadId": world["Cleo"]})
    before = await forgotten(world)
    await world.sql("UPDATE event_log SET tail = head")
    after = await filled(world.database, keeps_log=False)
    same = {after[at][2].get("title") for at in before if after[at] == before[at]}
    assert same == {"Ada", "Bob", "Dan", "Eve", "Fay"}
    assert await lacking(world) == ["contact.created", "customer.created", "lead.created", "pipeline.created"]


async def test_where_the_log_is_kept_age_does_not_matter(world: World) -> None:
    """The same log, kept for ever, says all."""
    await world.change("deleteLead", {"leadId": world["Cleo"]})
    before = await forgotten(world)
    await world.sql("UPDATE event_log SET tail = head")
    assert await filled(world.database) == before


async def test_a_member_who_was_claimed_by_a_change_stays_unknown(world: World) -> None:
    """That change is no event of the member, so the name before it is not known; one nobody has claimed is known."""
    await imported(world)
    before = await forgotten(world)
    await world.sql("UPDATE member SET version = 2, subject = 'gus' WHERE name = 'gus 2'")
    after = await filled(world.database)
    assert [before[at][2]["name"] for at in before if after[at] != before[at]] == ["gus 2"]


async def test_a_record_that_is_gone_without_an_event_stays_unknown(world: World) -> None:
    """Nothing says what it was."""
    before = await forgotten(world)
    await world.sql("DELETE FROM lead WHERE id = $1", parse_id("lead", world["Cleo"]))
    after = await filled(world.database)
    assert [before[at][2]["title"] for at in before if after[at] != before[at]] == ["Cleo"]
