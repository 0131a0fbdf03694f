"""A column under random drops equals a plain list: the same order, one row written per drop, the same on every page."""

import asyncio
from itertools import count
from random import Random

import pytest

from models import organisation_id
from tests.support.consistency import expect_consistent
from tests.support.world import World

TITLES = [f"Card {at:02}" for at in range(12)]
OUTSIDE = ("Dan", "Eve", "Bob")
"""Leads outside the column, which may be dropped into it."""

PAGE = """query ($id: ID!, $first: Int!, $after: Cursor) { node(id: $id) { ... on Stage {
    leads(first: $first, after: $after) { nodes { title } pageInfo { hasNextPage endCursor } }
} } }"""


@pytest.fixture
async def column(world: World) -> list[str]:
    """The titles of the cards in Offer, from the top."""
    for title in reversed(TITLES):
        made = await world.change("createLead", {"title": title, "stageId": world["Offer"]}, "lead { id }")
        world.ids[title] = made["lead"]["id"]
    return list(TITLES)


async def paged(world: World, size: int) -> list[str]:
    """The titles of all cards in Offer, page by page."""
    found: list[str] = []
    after = None
    for _ in count():
        asked = {"id": world["Offer"], "first": size, "after": after}
        page = (await world.ask(PAGE, asked))["node"]["leads"]
        found += [lead["title"] for lead in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return found


async def written(world: World) -> dict[str, str]:
    """The transaction that wrote each lead last, by its title."""
    rows = await world.database.pool.fetch(
        "SELECT title, xmin::text AS written FROM lead WHERE org_id = $1", organisation_id(world.organisation)
    )
    return {row["title"]: row["written"] for row in rows}


async def drop(world: World, card: str, above: str | None, below: str | None) -> None:
    """Drop a card into Offer right below one card and right above another, where they are given."""
    given = {"leadId": world[card], "stageId": world["Offer"]}
    given |= {"afterLeadId": world[above]} if above else {}
    given |= {"beforeLeadId": world[below]} if below else {}
    await world.change("moveLead", given)


@pytest.mark.parametrize("seed", range(3))
async def test_drops_one_after_the_other(world: World, column: list[str], seed: int) -> None:
    """A card dropped below one, above one, between two or on top stands where the list has it; one lead row is written,
    and pages of any size show the same order."""
    random = Random(seed)
    for _ in range(40):
        card = random.choice([*TITLES, *OUTSIDE])
        if card in column:
            column.remove(card)
        at = random.randrange(len(column) + 1)
        above = column[at - 1] if at else None
        below = column[at] if at < len(column) else None
        kind = random.choice(["above", "below", "both"])
        before = await written(world)
        match kind:
            case "above" if above:
                await drop(world, card, above, None)
            case "below" if below:
                await drop(world, card, None, below)
            case "both" if above and below:
                await drop(world, card, above, below)
            case _:
                at = 0
                await drop(world, card, None, None)
        column.insert(at, card)
        after = await written(world)
        assert [title for title in after if after[title] != before[title]] == [card]
        assert await world.cards("Offer") == column
    for size in (1, 2, 3, 5, len(column)):
        assert await paged(world, size) == column
    await expect_consistent(world.database)


@pytest.mark.parametrize("downwards", [True, False])
async def test_drops_beside_one_card(world: World, column: list[str], downwards: bool) -> None:
    """Of cards dropped right below or right above the same card, the last one is the closest."""
    kept = TITLES[6]
    for nth in range(60):
        card = TITLES[nth % 6 if downwards else 7 + nth % 5]
        await drop(world, card, kept if downwards else None, None if downwards else kept)
        column.remove(card)
        column.insert(column.index(kept) + downwards, card)
    assert await world.cards("Offer") == column
    assert await paged(world, 5) == column


@pytest.mark.parametrize("seed", range(3))
async def test_drops_at_once(world: World, column: list[str], seed: int) -> None:
    """Five drops at once beside cards that stay: those keep their order, and between a card and the neighbour that it
    was dropped beside are only cards of the same five. All places differ, and pages show all cards."""
    random = Random(seed)
    for _ in range(10):
        dropped = random.sample([*TITLES, *OUTSIDE], 5)
        staying = [title for title in column if title not in dropped]
        drops: dict[str, tuple[str | None, str | None]] = {}
        for card in dropped:
            at = random.randrange(1, len(staying))
            drops[card] = random.choice([(staying[at - 1], None), (None, staying[at]), (staying[at - 1], staying[at])])
        before = await written(world)
        await asyncio.gather(*(drop(world, card, *neighbours) for card, neighbours in drops.items()))
        after = await written(world)
        assert {title for title in after if after[title] != before[title]} == set(dropped)
        column = await world.cards("Offer")
        assert sorted(column) == sorted({*staying, *dropped})
        assert [title for title in column if title not in dropped] == staying
        for card, (above, below) in drops.items():
            at = column.index(card)
            if above:
                assert set(column[column.index(above) + 1 : at]) < set(dropped)
                assert column.index(above) < at
            if below:
                assert at < column.index(below)
                assert set(column[at + 1 : column.index(below)]) < set(dropped)
        ranks = await world.database.pool.fetch("SELECT rank FROM lead WHERE title = ANY($1)", column)
        assert len({row["rank"] for row in ranks}) == len(column)
        assert await paged(world, random.randint(1, 6)) == column
    await expect_consistent(world.database)
