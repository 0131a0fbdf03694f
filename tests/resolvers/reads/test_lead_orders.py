"""Every order of leads is a walk along an index, and "newest" goes by when a lead came in."""

import pytest

from models.rules.ids import parse_id
from models.tables.lead import Lead
from resolvers.conditions.fields import ORDERS
from tests.support.world import World

INDEXES = {tuple(column.name for column in index.columns) for index in Lead.__table__.indexes}


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_has_an_index_in_a_stage(name: str) -> None:
    """Without one, a column of 100,000 cards is sorted for each page."""
    column = ORDERS[name].column(Lead.__table__.c).name
    assert ("org_id", "stage_id", column, "id") in INDEXES


async def test_a_lead_from_before_1970_is_the_oldest(world: World) -> None:
    """Ids begin with a time that cannot be negative, so the order goes by `createdAt` itself."""
    await world.sql("UPDATE lead SET created_at = '1899-12-30' WHERE id = $1", parse_id("lead", world["Fay"]))
    found = await world.ask("{ leads(orderBy: {field: CREATED_AT, direction: ASC}) { nodes { createdAt } } }")
    days = [node["createdAt"] for node in found["leads"]["nodes"]]
    assert days[0].startswith("1899-12-30")
    assert days == sorted(days)


async def test_pages_over_all_stages_hold_every_lead_once(world: World) -> None:
    """The pages of an order merge those of the stages, in either direction."""
    for field in ORDERS:
        for direction in ("ASC", "DESC"):
            order = f"orderBy: {{field: {field}, direction: {direction}}}"
            whole = await world.ask(f"{{ leads(first: 100, {order}) {{ nodes {{ id }} totalCount }} }}")
            expected = [node["id"] for node in whole["leads"]["nodes"]]
            assert len(set(expected)) == whole["leads"]["totalCount"]
            seen, after = [], ""
            while True:
                shown = "{ nodes { id } pageInfo { endCursor hasNextPage } }"
                page = (await world.ask(f"{{ leads(first: 2, {order}{after}) {shown} }}"))["leads"]
                seen += [node["id"] for node in page["nodes"]]
                if not page["pageInfo"]["hasNextPage"]:
                    break
                after = f', after: "{page["pageInfo"]["endCursor"]}"'
            assert seen == expected, order
