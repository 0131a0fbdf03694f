"""What an operation costs: reckoned for each request from its values, refused above the limit, reported on request."""

from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from engine.plan_cache import Plans
from models import Role
from schema.api import graphql_schema
from server.transport.refusals import BadRequest
from server.transport.service import request_in_object, request_in_url

ANN = Caller("acme", "ann", Role.MANAGER)

CARDS = """query Cards($n: Int!, $m: Int!) { customers(first: $n) { nodes {
    contacts(first: $m) { nodes { name } } leads(first: $m) { nodes { tasks(first: $m) { nodes { title } } } } } } }"""
MATCHING = "query($c: Condition!) {{ {} }}"


async def refused(engine: Engine, text: str, variables: dict[str, Any]) -> Any:
    with pytest.raises(RequestError) as found:
        await engine.execute(engine.documents.prepare(text), variables, ANN)
    return found.value.errors[0]


async def test_page_sizes_in_variables_cost_what_they_are(engine: Engine) -> None:
    """The same document runs with small pages and is refused with large ones; the message says what counts."""
    prepared = engine.documents.prepare(CARDS)
    answer = await engine.execute(prepared, {"n": 10, "m": 5}, ANN, cost=True)
    assert orjson.loads(answer.body) == {
        "data": {"customers": {"nodes": []}},
        "extensions": {"cost": {"value": 10 * (1 + 5 + 5 * (1 + 5)), "limit": 50_000}},
    }
    found = await refused(engine, CARDS, {"n": 100, "m": 100})
    assert found.extensions == {"code": "TOO_COSTLY", "value": 1_020_100, "limit": 50_000}
    assert found.message == (
        "This operation may read 1,020,100 rows; the limit is 50,000 (setting DEALBOARD_MAX_COST). A list counts as"
        " many rows as `first` or `last` asks for (20 without), for each row of the list that it is in; each test of a"
        " condition counts as well. Ask for less, or in several requests."
    )


async def test_conditions_cost_their_tests(engine: Engine) -> None:
    """Two fields with the largest condition run in one operation; a third is refused, before it is compiled."""
    condition = {"or": [{"description": {"contains": "x"}}] * 99}
    engine.plans = Plans(graphql_schema, engine.documents.limits)
    for count in (2, 3):
        fields = " ".join(f"a{nth}: matchingLeads(condition: $c) {{ totalCount }}" for nth in range(count))
        text = MATCHING.format(fields)
        if count == 2:
            answer = await engine.execute(engine.documents.prepare(text), {"c": condition}, ANN, cost=True)
            data = orjson.loads(answer.body)
            assert data["data"] == {"a0": {"totalCount": 0}, "a1": {"totalCount": 0}}
            assert data["extensions"]["cost"]["value"] == 2 * (20 + 99 * 200)
        else:
            assert (await refused(engine, text, {"c": condition})).extensions["value"] == 3 * (20 + 99 * 200)
    assert len(engine.plans) == 1


async def test_the_cost_stands_beside_errors_and_changes(engine: Engine) -> None:
    """Whatever the answer holds, it is reported when it is asked for, and only then."""
    missing = "lead_01930000-0000-7000-8000-000000000001"
    text = f'mutation {{ deleteLead(input: {{leadId: "{missing}"}}) {{ userErrors {{ code }} }} }}'
    prepared = engine.documents.prepare(text)
    data = {"deleteLead": {"userErrors": [{"code": "NOT_FOUND"}]}}
    assert orjson.loads((await engine.execute(prepared, None, ANN)).body) == {"data": data}
    answer = await engine.execute(prepared, None, ANN, cost=True)
    assert orjson.loads(answer.body) == {"data": data, "extensions": {"cost": {"value": 11, "limit": 50_000}}}


def test_a_request_asks_for_the_cost_in_its_extensions() -> None:
    """`{"extensions": {"cost": true}}` in a body, a message or a URL; other extensions are ignored."""
    for extensions, cost in (({"cost": True}, True), ({"cost": False}, False), ({"other": 1}, False), (None, False)):
        assert request_in_object({"query": "{ cursor }", "extensions": extensions}, 100).cost is cost
    assert request_in_url(b"query=%7Bcursor%7D&extensions=%7B%22cost%22:true%7D", 100).cost
    with pytest.raises(BadRequest, match=r"`extensions.cost` must be true or false, not a string\."):
        request_in_object({"query": "{ cursor }", "extensions": {"cost": "yes"}}, 100)
