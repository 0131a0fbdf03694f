"""How many items a list holds: exactly where that is cheap, and honestly where it is not."""

from typing import Any

import pytest

from engine.errors import RequestError, code_of
from models.rules.ids import parse_id
from tests.support.world import World

COUNT = "{ count precision }"


async def made(world: World, leads: int) -> str:
    """A pipeline with leads in its first stage, and one in its second. Returns the id of the first stage."""
    given = {"name": "Counted", "type": "LEAD", "stages": [{"name": "One"}, {"name": "Two"}]}
    pipeline = (await world.change("createPipeline", given, "pipeline { id stages { id } }"))["pipeline"]
    world.ids["Counted"] = pipeline["id"]
    one, two = (stage["id"] for stage in pipeline["stages"])
    for nth in range(leads):
        await world.change("createLead", {"title": f"Lead {nth}", "stageId": one})
    await world.change("createLead", {"title": "Another", "stageId": two})
    return one  # type: ignore[no-any-return]


async def counted(world: World, arguments: str, limit: str = "", **variables: Any) -> tuple[int, str]:
    """The count of a list of leads."""
    given = ", ".join(f"${name}: [ID!]" for name in variables)
    query = f"query{f'({given})' if given else ''} {{ leads{arguments} {{ count{limit} {COUNT} }} }}"
    found = (await world.ask(query, variables))["leads"]["count"]
    return found["count"], found["precision"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("", (5, "EXACT")),
        ("(limit: null)", (5, "EXACT")),
        ("(limit: 6)", (5, "EXACT")),
        ("(limit: 5)", (5, "EXACT")),
        ("(limit: 4)", (4, "AT_LEAST")),
        ("(limit: 1)", (1, "AT_LEAST")),
    ],
)
async def test_a_filtered_list_is_counted_up_to_the_limit(world: World, limit: str, expected: tuple[int, str]) -> None:
    """It is exact also where the list holds exactly as many items as the limit."""
    await made(world, 5)
    assert await counted(world, '(filter: {search: "lead"})', limit) == expected
    assert await counted(world, '(filter: {search: "nobody"})', limit) == (0, "EXACT")


@pytest.mark.parametrize("filter", ["", "(filter: null)", "(filter: {})", "(filter: {search: null, kind: null})"])
async def test_a_list_without_a_filter_is_never_counted(world: World, filter: str) -> None:
    """The totals that stages keep are exact, whatever the limit, and read instead of the leads."""
    await made(world, 3)
    there = await world.database.pool.fetchval("SELECT count(*) FROM lead")
    assert await counted(world, filter, "(limit: 1)") == (there, "EXACT")
    assert (await world.ask(f"{{ leads{filter} {{ totalCount }} }}"))["leads"]["totalCount"] == there
    await world.sql("UPDATE stage_total SET leads = leads + 1000 WHERE leads > 0 AND currency = ''")
    assert (await counted(world, filter))[0] > 1000


@pytest.mark.parametrize("field", ["totalCount", "count { count }"])
async def test_what_asks_for_stages_is_answered_by_their_totals(world: World, field: str) -> None:
    """A pipeline, a stage and a kind are properties of the stage that a lead is in."""
    stage = await made(world, 3)
    filters = {
        "pipelineIds: $ids": ([world["Counted"]], 4),
        "stageIds: $ids": ([stage], 3),
        "stageIds: $ids, kind: OPPORTUNITY": ([stage], 0),
        "stageIds: $ids, kind: LEAD": ([stage], 3),
        "pipelineIds: $ids, stageIds: []": ([world["Counted"]], 0),
    }
    for filter, (ids, expected) in filters.items():
        query = f"query($ids: [ID!]) {{ leads(filter: {{{filter}}}) {{ found: {field} nodes {{ id }} }} }}"
        found = (await world.ask(query, {"ids": ids}))["leads"]
        assert found["found"] in (expected, {"count": expected}), filter
        assert len(found["nodes"]) == expected
    await world.sql("UPDATE stage_total SET leads = 70 WHERE stage_id = $1", parse_id("stage", stage))
    query = f"query($ids: [ID!]) {{ leads(filter: {{stageIds: $ids}}) {{ found: {field} }} }}"
    assert (await world.ask(query, {"ids": [stage]}))["leads"]["found"] in (70, {"count": 70})


async def test_a_column_of_the_board_knows_its_number(world: World) -> None:
    """Each stage has its own; where a filter is about single leads, they are counted."""
    stage = await made(world, 3)
    query = """query($id: ID!) { node(id: $id) { ... on Stage {
        whole: leads(first: 1) { totalCount count(limit: 1) { count precision } }
        some: leads(first: 1, filter: {search: "lead"}) { totalCount count(limit: 2) { count precision } }
        none: leads(filter: {kind: OPPORTUNITY}) { totalCount count { count precision } }
    } } }"""
    assert (await world.ask(query, {"id": stage}))["node"] == {
        "whole": {"totalCount": 3, "count": {"count": 3, "precision": "EXACT"}},
        "some": {"totalCount": 3, "count": {"count": 2, "precision": "AT_LEAST"}},
        "none": {"totalCount": 0, "count": {"count": 0, "precision": "EXACT"}},
    }


async def test_totals_of_a_stage_are_kept_where_the_filter_asks_for_stages(world: World) -> None:
    """The totals are those that the stage keeps, or nothing; parts about single leads still count."""
    stage = await made(world, 3)
    await world.sql("UPDATE stage_total SET leads = 70 WHERE stage_id = $1", parse_id("stage", stage))
    query = """query($id: ID!, $pipelines: [ID!]) { node(id: $id) { ... on Stage {
        kept: totals(filter: {kind: LEAD, pipelineIds: $pipelines}) { count withoutNextTask }
        none: totals(filter: {kind: OPPORTUNITY}) { count withoutNextTask values { count } }
        some: totals(filter: {kind: LEAD, closed: false}) { count }
        other: totals(filter: {kind: OPPORTUNITY, closed: false}) { count }
    } } }"""
    assert (await world.ask(query, {"id": stage, "pipelines": [world["Counted"]]}))["node"] == {
        "kept": {"count": 70, "withoutNextTask": 3},
        "none": {"count": 0, "withoutNextTask": 0, "values": []},
        "some": {"count": 3},
        "other": {"count": 0},
    }


async def test_every_list_can_be_counted(world: World) -> None:
    """Lists of other records have the same field, also beside a page that is read backwards."""
    query = f"{{ members(last: 1) {{ count(limit: 1) {COUNT} pageInfo {{ hasPreviousPage }} nodes {{ id }} }} }}"
    found = (await world.ask(query))["members"]
    assert found["count"] == {"count": 1, "precision": "AT_LEAST"}
    assert len(found["nodes"]) == 1


@pytest.mark.parametrize("limit", [0, -1, 100_001, 2**31 - 1])
async def test_a_limit_out_of_range_is_refused(world: World, limit: int) -> None:
    """As a page size is: whether it stands in the document or in a variable."""
    for given, variables in ((str(limit), {}), ("$limit", {"limit": limit})):
        head = "query($limit: Int)" if variables else "query"
        text = f"{head} {{ leads(filter: {{closed: true}}) {{ count(limit: {given}) {{ count }} }} }}"
        with pytest.raises(RequestError, match=rf"limit: {limit} is out of range\. Send 1 to 100,000\.") as caught:
            await world.api(text, variables, organisation=world.organisation)
        assert code_of(caught.value.errors[0]) == "BAD_USER_INPUT"
