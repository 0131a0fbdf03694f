"""The whole application over the real engine: what the transports and the engine expect of each other."""

import pytest
from graphql import get_introspection_query

from models.database import Database
from tests.support.asking import asking


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_an_answer_of_the_database_reaches_the_client(database: Database, accept: str) -> None:
    """The engine's bytes arrive as JSON and as an event."""
    async with asking(database) as client:
        response = await client.post("/graphql", json={"query": "{ pipelines { id } }"}, headers={"Accept": accept})
    assert '{"data":{"pipelines":[]}}' in response.text.replace(" ", "")


async def test_graphiql_can_read_the_schema(database: Database) -> None:
    """GraphiQL's introspection query is within the limits."""
    query = get_introspection_query(directive_is_repeatable=True, schema_description=True, specified_by_url=True)
    async with asking(database) as client:
        body = (await client.post("/graphql", json={"query": query})).json()
    assert "errors" not in body
    assert body["data"]["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"max_depth": 2}, "TOO_DEEP"),
        ({"max_aliases": 0}, "TOO_MANY_ALIASES"),
        ({"max_fields": 3}, "TOO_MANY_FIELDS"),
        ({"max_root_fields": 1}, "TOO_MANY_ROOT_FIELDS"),
        ({"max_tokens": 10}, "TOO_MANY_TOKENS"),
        ({"max_cost": 20}, "TOO_COSTLY"),
    ],
)
async def test_the_limits_are_settings(database: Database, limit: dict[str, int], code: str) -> None:
    """The same document passes by default, and is refused when the setting is lowered."""
    query = {"query": "{ all: pipelines { id stages { id name } } cursor }"}
    async with asking(database) as client:
        assert (await client.post("/graphql", json=query)).status_code == 200
    async with asking(database, **limit) as client:
        response = await client.post("/graphql", json=query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code
