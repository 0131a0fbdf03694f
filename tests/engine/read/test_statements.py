"""One operation is one statement, compiled once for all values of one shape, without limits on width or depth."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.errors import RequestError
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Plans
from engine.read import filters
from models import Role, organisation_id
from models.database import Database
from resolvers.domain import CRM
from schema.api import graphql_schema
from tests.support.api import ENDLESS
from tests.support.reading.dataset import DEMO, Tables
from tests.support.reading.records import public_id
from tests.support.sql.counting import Counting

SCOPE = Caller(DEMO, "tester", Role.VIEWER)
WIDE = Limits(depth=100, aliases=10**4, fields=10**5, root_fields=10**4, tokens=10**6, cost=10**9)


@dataclass
class Counted:
    """An engine and the statements it sends."""

    engine: Engine
    sent: list[str]

    async def ask(self, text: str, variables: dict[str, Any] | None = None) -> Any:
        answer = await self.engine.execute(self.engine.documents.prepare(text), variables, SCOPE)
        body = orjson.loads(answer.body)
        assert "errors" not in body, body
        return body["data"]


@pytest.fixture
async def counted(database: Database, tables: Tables) -> AsyncIterator[Counted]:
    """A counted engine with an empty cache, and with almost no limits."""
    counting = Counting(database.pool, database.spare, database.url)
    async with Feed.open(database, CRM, poll_seconds=30) as feed:
        plans = Plans(graphql_schema, WIDE, size=20, allowance=ENDLESS)
        engine = Engine(graphql_schema, counting, Documents(graphql_schema, WIDE), feed, plans)
        yield Counted(engine, counting.sent)


def first_id(tables: Tables, table: str) -> str:
    return public_id(table, tables[table][0]["id"])


async def test_a_list_of_ids_is_parsed_once_for_all_fields_that_it_filters(
    counted: Counted, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty uses of one variable are one parameter; ids of another type, and another argument, are another."""
    parsed: list[str] = []
    parse = filters.parse_id
    monkeypatch.setattr(filters, "parse_id", lambda prefix, text: parsed.append(prefix) or parse(prefix, text))
    owner, contact = first_id(tables, "member"), first_id(tables, "contact")
    uses = " ".join(f"a{nth}: leads(filter: {{ownerIds: $owners}}) {{ totalCount }}" for nth in range(10))
    uses += " ".join(f"b{nth}: leads(filter: {{contactIds: $contacts}}) {{ totalCount }}" for nth in range(10))
    text = f"query($owners: [ID!], $contacts: [ID!]) {{ {uses} }}"
    data = await counted.ask(text, {"owners": [owner], "contacts": [contact]})
    assert sorted(parsed) == ["contact", "member"]
    for field, ids in (("ownerIds", owner), ("contactIds", contact)):
        alone = await counted.ask(f'{{ leads(filter: {{{field}: ["{ids}"]}}) {{ totalCount }} }}')
        assert [data[key] for key in data if key[0] == ("a" if field == "ownerIds" else "b")] == [alone["leads"]] * 10


async def test_one_operation_is_one_statement(counted: Counted, tables: Tables) -> None:
    """Root fields, depth, aliases, fragments, directives, nested pages and records by id all fit in one statement."""
    data = await counted.ask(
        """query Everything($lead: ID!, $ids: [ID!]!, $size: Int, $wanted: Boolean!) {
            __typename cursor viewer { role member { name } organisation { name } }
            pipelines { ...Board }
            leads(first: $size, orderBy: { field: VALUE }) { totalCount edges { cursor node { ...Card } }
                pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
            again: leads(last: 3) { nodes { ...Card stageHistory { nodes { actor { name } toStage { name } } } } }
            lead(id: $lead) { convertedTo { convertedFrom { convertedTo { ...Card } } } }
            tasks @include(if: $wanted) { nodes { overdue lead { title } } }
            members @skip(if: $wanted) { nodes { name } }
            node(id: $lead) { id ... on Lead { ...Card } }
            nodes(ids: $ids) { __typename id ... on Stage { leads { nodes { title } } } }
        }
        fragment Board on Pipeline { id stages { totals { count values { currency } } leads { nodes { ...Card } } } }
        fragment Card on Lead { id contact { name customer { name leads { totalCount } } } nextTask { title } }""",
        {
            "lead": first_id(tables, "lead"),
            "ids": [first_id(tables, "stage"), first_id(tables, "lead")],
            "size": 5,
            "wanted": True,
        },
    )
    assert data["nodes"][0]["__typename"] == "Stage"
    assert len(counted.sent) == 1


async def test_the_schema_is_described_without_a_statement(counted: Counted) -> None:
    """Introspection alone sends no statement; beside records, it adds none."""
    assert await counted.ask('{ __type(name: "Lead") { name } }') == {"__type": {"name": "Lead"}}
    assert counted.sent == []
    data = await counted.ask("{ first: __typename __schema { queryType { name } } cursor }")
    assert list(data) == ["first", "__schema", "cursor"]
    assert len(counted.sent) == 1


async def test_other_values_of_the_same_shape_run_the_same_statement(
    counted: Counted, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a value that changes the SQL compiles again: null or not, an enum's value, the order of a cursor."""
    text = """query ($id: ID!, $size: Int, $filter: LeadFilter, $order: LeadOrder) { lead(id: $id) { title }
        leads(first: $size, filter: $filter, orderBy: $order) { totalCount } }"""
    stages = [public_id("stage", row["id"]) for row in tables["stage"]]
    for nth, lead in enumerate(tables["lead"][:10]):
        wanted = {"stageIds": stages[:nth], "value": {"min": str(nth)}, "search": "a" * nth}
        await counted.ask(text, {"id": public_id("lead", lead["id"]), "size": nth + 1, "filter": wanted})
    assert len(counted.engine.plans) == len(set(counted.sent)) == 1
    for filter in (None, {}, {"unowned": True}, {"unowned": False}, {"kind": "LEAD"}, {"search": "x", "kind": "LEAD"}):
        await counted.ask(text, {"id": first_id(tables, "lead"), "size": 1, "filter": filter})
    assert len(counted.engine.plans) == 7


async def test_the_most_recently_used_plans_are_kept(counted: Counted) -> None:
    """The cache keeps its size however many documents are sent, and keeps the plans that are still used."""
    for nth in range(50):
        await counted.ask(f"{{ viewer {{ a{nth}: role }} }}")
        await counted.ask("{ viewer { role } }")
    assert len(counted.engine.plans) == 20
    counted.engine.plans._compiled = None  # type: ignore[assignment,method-assign]  # what is cached needs no compiler
    assert await counted.ask("{ viewer { role } }") == {"viewer": {"role": "VIEWER"}}


async def test_an_object_may_have_any_number_of_fields(counted: Counted, tables: Tables) -> None:
    """Neither PostgreSQL's 100 arguments to a function nor its 1,664 columns of a select list limit an object."""
    for count in (49, 50, 51, 99, 100, 101, 1700):
        fields = " ".join(f"a{nth}: title b{nth}: value" for nth in range(count))
        data = await counted.ask(
            f"query ($id: ID!) {{ lead(id: $id) {{ {fields} }} }}", {"id": first_id(tables, "lead")}
        )
        assert list(data["lead"])[:3] == ["a0", "b0", "a1"]
        assert len(data["lead"]) == 2 * count
        assert set(data["lead"].values()) == {tables["lead"][0]["title"], data["lead"]["b0"]}


async def test_an_operation_may_have_any_number_of_records(counted: Counted, tables: Tables) -> None:
    """Hundreds of root fields, or of records around one record, are answered."""
    lead = first_id(tables, "lead")
    roots = " ".join(f'r{nth}: lead(id: "{lead}") {{ title }}' for nth in range(300))
    assert len(await counted.ask(f"{{ {roots} }}")) == 300
    around = " ".join(f"s{nth}: stage {{ name }} t{nth}: tasks {{ totalCount }}" for nth in range(100))
    data = await counted.ask(f'{{ lead(id: "{lead}") {{ {around} }} leads(first: 2) {{ nodes {{ {around} }} }} }}')
    assert len(data["lead"]) == len(data["leads"]["nodes"][1]) == 200
    assert len(counted.sent) == 2


async def test_a_document_may_be_deep(counted: Counted, tables: Tables) -> None:
    """Lists within lists are answered to the depth that the settings allow; a document that is too deep is refused."""

    def nested(times: int) -> str:
        text = "name"
        for _ in range(times):
            text = f"leads(first: 1) {{ nodes {{ contact {{ {text} }} }} }}"
        return f"{{ contacts(first: 1) {{ nodes {{ {text} }} }} }}"

    assert await counted.ask(nested(30))
    assert len(counted.sent) == 1
    with pytest.raises(RequestError, match="levels deep"):
        await counted.ask(nested(60))


@pytest.mark.parametrize("alias", ["_", "__x", "a" * 200, "select", "null", "id", "NAME", "a0", "e3"])
async def test_any_name_can_be_an_alias(counted: Counted, alias: str) -> None:
    """An alias may have any length and any meaning in SQL."""
    data = await counted.ask(f"{{ {alias}: viewer {{ {alias}: role }} {alias}2: leads {{ {alias}: totalCount }} }}")
    assert data == {alias: {alias: "VIEWER"}, f"{alias}2": {alias: 60}}


async def test_keys_come_in_the_order_they_were_asked_for(counted: Counted) -> None:
    """Keys have the order of the specification (section 7.2.2), also with fragments and repeated fields."""
    data = await counted.ask("{ viewer { role ...F organisationKey role } cursor } fragment F on Viewer { __typename }")
    assert list(data) == ["viewer", "cursor"]
    assert list(data["viewer"]) == ["role", "__typename", "organisationKey"]


async def test_everything_may_be_left_out(counted: Counted) -> None:
    """An operation that skips all its fields returns an empty object, not an error."""
    assert await counted.ask("{ viewer @skip(if: true) { role } }") == {}
    assert await counted.ask("{ viewer { role @skip(if: true) } leads { nodes @include(if: false) { id } } }") == {
        "viewer": {},
        "leads": {},
    }


MOVE = """mutation ($lead: ID!, $stage: ID!, $size: Int) { moveLead(input: { leadId: $lead, stageId: $stage }) {
    lead { version tasks(first: $size) { totalCount } } userErrors { code } } }"""


async def test_a_payload_that_cannot_be_shown_stops_the_change(counted: Counted, tables: Tables) -> None:
    """A wrong argument within the payload's selection refuses the operation, and nothing is changed."""
    lead = next(row for row in tables["lead"] if row["org_id"] == organisation_id(DEMO))
    stage = next(row for row in tables["stage"] if row["org_id"] == lead["org_id"] and row["id"] != lead["stage_id"])
    variables = {"lead": public_id("lead", lead["id"]), "stage": public_id("stage", stage["id"]), "size": 101}
    prepared = counted.engine.documents.prepare(MOVE)
    with pytest.raises(RequestError, match="first: 101 is out of range"):
        await counted.engine.execute(prepared, variables, Caller(DEMO, "tester", Role.ADMIN))
    assert counted.sent == []
