"""What an operator can switch off: GraphiQL, introspection and metrics. Each says so, and nothing else changes."""

from typing import Any

import pytest
from graphql import get_introspection_query
from httpx2 import AsyncClient

from models.database import Database
from tests.support.asking import asking

OFF = {"graphiql": False, "introspection": False, "metrics": False}
PAGE = {"Accept": "text/html,*/*;q=0.8"}


def errors(body: Any) -> list[tuple[str, str]]:
    return [(one["extensions"]["code"], one["message"]) for one in body["errors"]]


async def ask(client: AsyncClient, query: str, **variables: Any) -> Any:
    return (await client.post("/graphql", json={"query": query, "variables": variables})).json()


async def test_graphiql(database: Database) -> None:
    """The page says which setting it is, its assets are gone, and the API answers at its address."""
    async with asking(database) as client:
        assert (await client.get("/graphql", headers=PAGE)).status_code == 200
    async with asking(database, graphiql=False) as client:
        page = await client.get("/graphql", headers=PAGE)
        assert (page.status_code, "DEALBOARD_GRAPHIQL" in page.text) == (404, True)
        assert (await client.get("/graphiql/anything.js")).json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert await ask(client, "{ pipelines { id } }") == {"data": {"pipelines": []}}


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Lead") { name } }',
        "{ ...A } fragment A on Query { s: __schema { queryType { name } } }",
    ],
)
async def test_introspection(database: Database, query: str) -> None:
    """`__schema` and `__type` are refused with a code of their own, once; `__typename` is answered."""
    async with asking(database) as client:
        assert "errors" not in await ask(client, query)
    async with asking(database, introspection=False) as client:
        response = await client.post("/graphql", json={"query": query})
        assert response.status_code == 400
        text = "Introspection is switched off on this server. Read the schema from `schema.graphql`."
        assert errors(response.json()) == [("INTROSPECTION_DISABLED", text)]
        assert await ask(client, "{ __typename pipelines { __typename } }") == {
            "data": {"__typename": "Query", "pipelines": []}
        }


async def test_without_introspection_no_name_is_suggested(database: Database) -> None:
    """Neither a wrong field nor a wrong field of a variable reveals a right one."""
    query = "query($input: LeadFilter) { leads(filter: $input) { totalCount } }"
    async with asking(database) as client:
        assert "Did you mean 'pipeline' or 'pipelines'?" in errors(await ask(client, "{ pipeline5 { id } }"))[0][1]
        assert "Did you mean" in errors(await ask(client, query, input={"pipelineId5": "a"}))[0][1]
    async with asking(database, introspection=False) as client:
        found = errors(await ask(client, "{ pipeline5 { id } }"))
        assert found == [("GRAPHQL_VALIDATION_FAILED", "Cannot query field 'pipeline5' on type 'Query'.")]
        ((code, message),) = errors(await ask(client, query, input={"pipelineId5": "a"}))
        assert (code, "Did you mean" in message) == ("BAD_USER_INPUT", False)


async def test_metrics(database: Database) -> None:
    """The address says which setting it is."""
    async with asking(database, metrics=False) as client:
        response = await client.get("/metrics")
    assert response.status_code == 404
    text = "Metrics are switched off on this server (setting DEALBOARD_METRICS)."
    assert errors(response.json()) == [("BAD_REQUEST", text)]


async def test_everything_else_works(database: Database) -> None:
    """With all of them off, operations and the addresses for operators answer."""
    async with asking(database, **OFF) as client:
        assert await ask(client, "{ pipelines { id } }") == {"data": {"pipelines": []}}
        assert (await client.get("/healthz")).status_code == 200
