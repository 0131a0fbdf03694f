"""Walking through lists page by page: every row once, in order, while the list changes."""

import base64
import json
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.caller import Caller
from engine.errors import RequestError, code_of
from models import Base, Role, organisation_id
from models.database import Database
from tests.support.api import Api
from tests.support.reading.dataset import DEMO, Tables, load
from tests.support.reading.pages import ORDERS, Sorting
from tests.support.reading.records import World, public_id

LISTS = {"leads": "lead", "tasks": "task", "contacts": "contact", "customers": "customer", "members": "member"}
SORTED = [
    (field, name, direction) for field in LISTS for name in ORDERS["Query", field][0] for direction in ("ASC", "DESC")
]
PROPERTY = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def page_query(field: str, name: str, direction: str, backward: bool) -> str:
    """A query for a page from either end of a list."""
    size, cursor = ("last", "before") if backward else ("first", "after")
    return f"""query ($size: Int, $cursor: Cursor) {{
        page: {field}({size}: $size, {cursor}: $cursor, orderBy: {{ field: {name}, direction: {direction} }}) {{
            edges {{ cursor node {{ id }} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        }}
    }}"""


async def page(api: Api, query: str, size: int | None, cursor: str | None) -> dict[str, Any]:
    """A page whose own cursors are those of its rows."""
    body = await api(query, {"size": size, "cursor": cursor})
    found: dict[str, Any] = body["data"]["page"]
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert found["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
    assert found["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in found["edges"]]


def expected(tables: Tables, field: str, name: str, direction: str) -> list[str]:
    """The whole list, sorted in memory."""
    order = ORDERS["Query", field][0][name]
    world = World(tables, Caller(DEMO, "tester", Role.VIEWER))
    shown = [record for record in world.all(LISTS[field]) if record.row.get("archived_at") is None]
    records = Sorting(name, order, direction == "DESC").sorted(shown)
    return [public_id(record.table, record.row["id"]) for record in records]


@PROPERTY
@given(chosen=st.sampled_from(SORTED), size=st.integers(1, 25), backward=st.booleans())
async def test_a_walk_visits_every_row_once_in_order(
    tables: Tables, api: Api, chosen: tuple[str, str, str], size: int, backward: bool
) -> None:
    """Pages of any size, in any order and from either end visit each row once, and know exactly if there is another
    page."""
    whole = expected(tables, *chosen)
    query = page_query(*chosen, backward)
    seen: list[str] = []
    cursor = None
    while True:
        found = await page(api, query, size, cursor)
        here = ids(found)
        seen = here + seen if backward else seen + here
        info = found["pageInfo"]
        more, passed = info["hasNextPage"], info["hasPreviousPage"]
        if backward:
            more, passed = passed, more
        assert more == (len(seen) < len(whole))
        assert passed == (cursor is not None)
        if not more:
            break
        cursor = info["startCursor"] if backward else info["endCursor"]
    assert seen == whole


COLUMNS = [
    column.name
    for column in Base.metadata.tables["lead"].columns
    if column.name not in ("id", "external_id", "converted_to_id", "converted_from_id")
]
UNREFERRED = "converted_to_id IS NULL AND converted_from_id IS NULL"
SORT_KEYS = "(rank, title, sort_key, value, currency, expected_close_date, score, stage_entered_at, updated_at)"


async def disturb(database: Database, random: Random) -> set[str]:
    """Add a lead, make one equal to another, and remove one. Returns the ids of the leads that changed."""
    found = await database.pool.fetch("SELECT id FROM lead WHERE org_id = $1 ORDER BY id", organisation_id(DEMO))
    old = [row["id"] for row in found]
    new, moved, model, gone = uuid4(), *random.sample(old, 3)
    own = ", ".join(COLUMNS)
    await database.pool.execute(f"INSERT INTO lead (id, {own}) SELECT $1, {own} FROM lead WHERE id = $2", new, model)
    await database.pool.execute(
        f"UPDATE lead SET {SORT_KEYS} = (SELECT {SORT_KEYS[1:-1]} FROM lead WHERE id = $2) WHERE id = $1", moved, model
    )
    await database.pool.execute(f"DELETE FROM lead WHERE id = $1 AND {UNREFERRED}", gone)
    return {public_id("lead", id) for id in (moved, gone)}


@PROPERTY
@given(
    name=st.sampled_from(list(ORDERS["Query", "leads"][0])),
    direction=st.sampled_from(["ASC", "DESC"]),
    size=st.integers(3, 20),
    backward=st.booleans(),
    seed=st.integers(0, 2**32),
)
async def test_rows_that_come_move_or_go_do_not_disturb_a_walk(
    tables: Tables, database: Database, api: Api, name: str, direction: str, size: int, backward: bool, seed: int
) -> None:
    """While leads are added, changed and removed between the pages, all others are still visited once, in order."""
    random = Random(seed)
    whole = expected(await load(database), "leads", name, direction)
    query = page_query("leads", name, direction, backward)
    touched: set[str] = set()
    seen: list[str] = []
    cursor, more = None, True
    while more:
        found = await page(api, query, size, cursor)
        seen = ids(found) + seen if backward else seen + ids(found)
        more = found["pageInfo"]["hasPreviousPage" if backward else "hasNextPage"]
        cursor = found["pageInfo"]["startCursor" if backward else "endCursor"]
        touched |= await disturb(database, random)
    there = set(whole) - touched
    assert [id for id in seen if id in there] == [id for id in whole if id in there]


async def test_the_other_end_is_known_exactly(tables: Tables, database: Database, api: Api) -> None:
    """Whether there are rows before a cursor is looked up, not assumed because a cursor was sent."""
    query = page_query("leads", "CREATED_AT", "ASC", backward=False)
    first = await page(api, query, 1, None)
    second = await page(api, query, 1, first["pageInfo"]["endCursor"])
    assert second["pageInfo"]["hasPreviousPage"]
    await database.pool.execute("UPDATE lead SET converted_to_id = NULL, converted_from_id = NULL")
    await database.pool.execute("DELETE FROM lead WHERE id = $1", UUID(ids(first)[0].removeprefix("lead_")))
    again = await page(api, query, 1, first["pageInfo"]["endCursor"])
    assert ids(again) == ids(second)
    assert not again["pageInfo"]["hasPreviousPage"]


async def test_the_last_page_alone_is_in_order(tables: Tables, database: Database, api: Api) -> None:
    """Rows that are read backwards are returned forwards, also where only the rows are selected."""
    whole = expected(await load(database), "leads", "TITLE", "ASC")
    query = "{ leads(last: 7, orderBy: { field: TITLE, direction: ASC }) { nodes { id } } }"
    nodes = (await api(query))["data"]["leads"]["nodes"]
    assert [node["id"] for node in nodes] == whole[-7:]


async def test_a_page_beyond_the_end_is_empty(tables: Tables, api: Api) -> None:
    """A page beyond the end has no cursors and nothing after it; the whole list is before it."""
    last = await page(api, page_query("leads", "VALUE", "DESC", backward=True), 1, None)
    query = page_query("leads", "VALUE", "DESC", backward=False)
    found = await page(api, query, 5, last["pageInfo"]["endCursor"])
    assert found == {
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    }


async def test_an_empty_list_has_one_empty_page(api: Api) -> None:
    """An empty list has a page with nothing before and nothing after it."""
    for backward in (False, True):
        found = await page(api, page_query("leads", "VALUE", "ASC", backward), None, None)
        assert found["edges"] == []
        assert not found["pageInfo"]["hasNextPage"]
        assert not found["pageInfo"]["hasPreviousPage"]


@pytest.mark.parametrize("backward", [False, True])
async def test_pages_hold_twenty_by_default_and_a_hundred_at_most(tables: Tables, api: Api, backward: bool) -> None:
    """The default and the maximum are those in the schema."""
    query = page_query("leads", "TITLE", "ASC", backward)
    assert len(ids(await page(api, query, None, None))) == 20
    assert len(ids(await page(api, query, 100, None))) == 60
    for size in (-1, 101, 100_000, 2**31 - 1):
        assert await refused(api, query, {"size": size}) == "BAD_USER_INPUT"


async def refused(api: Api, query: str, variables: dict[str, Any]) -> str:
    """The code with which the query is refused."""
    with pytest.raises(RequestError) as caught:
        await api(query, variables)
    return code_of(caught.value.errors[0])


async def test_a_cursor_of_another_order_is_refused(tables: Tables, api: Api) -> None:
    """A cursor is a place in one order; the message says which order it belongs to."""
    found = await page(api, page_query("leads", "TITLE", "ASC", backward=False), 1, None)
    with pytest.raises(RequestError, match="belongs to the order TITLE, not to VALUE"):
        await page(api, page_query("leads", "VALUE", "ASC", backward=False), 1, found["pageInfo"]["endCursor"])


async def test_both_ends_at_once_are_refused(tables: Tables, api: Api) -> None:
    """`first` with `last` does not describe a page, and is refused."""
    assert await refused(api, "{ leads(first: 1, last: 1) { totalCount } }", {}) == "BAD_USER_INPUT"


BETWEEN = """query ($first: Int, $last: Int, $after: Cursor, $before: Cursor) {
    page: leads(first: $first, last: $last, after: $after, before: $before,
        orderBy: { field: VALUE, direction: ASC }) {
        edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}"""


@pytest.mark.parametrize(("start", "end"), [(2, 9), (0, 59), (40, 58), (57, 59), (5, 6), (9, 2), (58, 3)])
async def test_a_page_between_two_cursors(tables: Tables, api: Api, start: int, end: int) -> None:
    """Both cursors limit what is read from either end, rows without a value included, as Relay specifies it."""
    whole = (await api(BETWEEN, {"first": 60}))["data"]["page"]["edges"]
    assert len(whole) == 60
    between = whole[start + 1 : end]
    cursors = {"after": whole[start]["cursor"], "before": whole[end]["cursor"]}
    for size in (0, 1, 3, 60):
        for name, expected in (("first", between[:size]), ("last", between[max(len(between) - size, 0) :])):
            found = (await api(BETWEEN, {name: size, **cursors}))["data"]["page"]
            assert found["edges"] == expected
            more, other = len(between) > size, True  # the row of each cursor is there itself
            forward = name == "first"
            assert found["pageInfo"] == {
                "hasNextPage": more if forward else other,
                "hasPreviousPage": other if forward else more,
                "startCursor": expected[0]["cursor"] if expected else None,
                "endCursor": expected[-1]["cursor"] if expected else None,
            }
    both = (await api(BETWEEN, cursors))["data"]["page"]
    assert both["edges"] == between[:20]
    ahead = (await api(BETWEEN, {"first": 2, "before": whole[end]["cursor"]}))["data"]["page"]
    assert ahead["edges"] == whole[:end][:2]
    assert not ahead["pageInfo"]["hasPreviousPage"]


@pytest.mark.parametrize("backward", [False, True])
async def test_a_page_of_nothing_says_whether_there_is_more(tables: Tables, api: Api, backward: bool) -> None:
    """`first: 0` is an empty page without cursors, and says whether the list has any items."""
    query = page_query("leads", "TITLE", "ASC", backward)
    assert await page(api, query, 0, None) == {
        "edges": [],
        "pageInfo": {
            "hasNextPage": not backward, "hasPreviousPage": backward, "startCursor": None, "endCursor": None,
        },
    }  # fmt: skip
    size = "last" if backward else "first"
    assert (await api(f"{{ leads({size}: 0) {{ nodes {{ id }} totalCount }} }}"))["data"]["leads"] == {
        "nodes": [],
        "totalCount": 60,
    }


def crafted(*content: Any) -> str:
    """A cursor as an attacker makes it."""
    return base64.b64encode(json.dumps(content).encode()).decode()


ID = "018bcfe5-6800-7000-8000-000000000000"
NOT_BASE64 = ["", "x", "é", "=", "WyJUSVRMRSIs", "\0", "W" * 1_000_000, "[]"]
NOT_A_PLACE = [
    crafted(), crafted("TITLE"), crafted("TITLE", "a"), crafted("TITLE", "a", ID, 1), crafted("TITLE", 5, ID),
    crafted("TITLE", ["a"], ID), crafted("TITLE", {"a": 1}, ID), crafted("TITLE", True, ID), crafted("TITLE", "a", 5),
    crafted("TITLE", "a", None), crafted("TITLE", "a", "x"), crafted("TITLE", "a", ID[:-1]), crafted("TITLE", None, ID),
    crafted("TITLE", "a\0b", ID), crafted(None, "a", ID), crafted(5, "a", ID), crafted("NONE", "a", ID),
    crafted("T" * 100_000, "a", ID), crafted("title", "a", ID), crafted("TITLE;--", "a", ID),
    base64.b64encode(b"[" * 100_000).decode(), base64.b64encode(b"\xff\xfe").decode(),
    base64.b64encode(b'["TITLE", "\\ud800", "' + ID.encode() + b'"]').decode(),
]  # fmt: skip
NOT_OF_THE_TYPE = {
    "VALUE": ["NaN", "Infinity", "-Infinity", "1e999999999", "1E5", "1_000", "٣", "", "x", "1" * 101, "0x10"],
    "SCORE": ["2147483648", "-2147483649", "9" * 5000, "1.5", "٣", "", "NaN", "1_0", "+1"],
    "EXPECTED_CLOSE_DATE": ["20000-01-01", "2026-02-30", "infinity", "today", "", "0000-01-01"],
    "UPDATED_AT": ["20000-01-01 00:00:00+00", "2026-01-01 00:00:00", "infinity", "", "0001-01-01 00:00:00+23:59"],
    "STAGE_ENTERED_AT": ["9999-12-31 23:59:59-23:59", "now", "epoch", "-infinity", "10000000000"],
}


@pytest.mark.parametrize("cursor", [*NOT_BASE64, *NOT_A_PLACE])
async def test_what_is_no_cursor_is_refused(tables: Tables, api: Api, cursor: str) -> None:
    """A cursor that is truncated, huge, of another type or from another server gets a clear error from either end."""
    for backward in (False, True):
        query = page_query("leads", "TITLE", "ASC", backward)
        assert await refused(api, query, {"cursor": cursor}) == "BAD_USER_INPUT"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, each in NOT_OF_THE_TYPE.items() for value in each])
async def test_a_cursor_with_a_value_of_another_type_is_refused(
    tables: Tables, api: Api, name: str, value: str
) -> None:
    """A cursor's values are bound into SQL, so each must be a value that its column can hold."""
    query = page_query("leads", name, "ASC", backward=False)
    assert await refused(api, query, {"cursor": crafted(name, value, ID)}) == "BAD_USER_INPUT"


async def test_a_cursor_that_somebody_made_up_finds_its_place(tables: Tables, api: Api) -> None:
    """A place need not be that of a row, and text stays text even if it looks like SQL."""
    query = page_query("leads", "TITLE", "ASC", backward=False)
    whole = ids(await page(api, query, 100, None))
    assert ids(await page(api, query, 100, crafted("TITLE", "", "00000000-0000-0000-0000-000000000000"))) == whole
    assert ids(await page(api, query, 100, crafted("TITLE", "\U0010ffff'; DROP TABLE lead; --", ID))) == []
