"""Every order of leads is a walk along an index, and "newest" goes by when a lead came in."""

from typing import Any

import pytest
from sqlalchemy import literal

from models.rules.ids import parse_id
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.conditions.fields import FILTERS, ORDERS
from resolvers.reads.leads import chance
from tests.support.world import World

INDEXES = {tuple(column.name for column in index.columns) for index in Lead.__table__.indexes}


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_has_an_index_in_a_stage(name: str) -> None:
    """Without one, a column of 100,000 cards is sorted for each page."""
    column = ORDERS[name].column(Lead.__table__.c).name
    assert ("org_id", "stage_id", column, "id") in INDEXES


class Read:
    """A lead that notes which of its columns are read."""

    def __init__(self) -> None:
        self.columns: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.columns.add(name)
        return Lead.__table__.c[name]


class Given:
    """A value of a filter."""

    def bind(self, type_: Any, *parse: Any) -> Any:
        return literal(None, type_)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owner_ids", Given()),
        ("unowned", True),
        ("closed", False),
        ("has_next_task", False),
        ("currency", Given()),
        ("value", {"min": Given(), "max": Given()}),
    ],
)
def test_totals_of_a_stage_read_an_index_alone(name: str, value: Any) -> None:
    """What these filters ask of a lead, and what totals add up, is in one index: no lead itself is read."""
    lead, stage = Read(), Stage.__table__.c
    assert str(FILTERS[name].sql(lead, value))
    asked = set(lead.columns)
    chance(lead, stage)
    (index,) = (index for index in Lead.__table__.indexes if index.name == "lead_stage_totals_idx")
    held = {column.name for column in index.columns} | {*index.dialect_options["postgresql"]["include"]}
    assert asked
    assert lead.columns | {"org_id", "stage_id", "value", "currency"} <= held


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
