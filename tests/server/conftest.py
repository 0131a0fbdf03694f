"""What the tests of the transports share."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import ASGITransport, AsyncClient

from tests.server.stand_in import StandIn, application, bearer


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[AsyncClient]:
    """A client of the application, authenticated, that takes what a modern GraphQL client takes."""
    app = application(stand_in, allowed_origins=["https://crm.example"])
    headers = {**bearer(), "Accept": "application/graphql-response+json, application/json;q=0.9"}
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://api.example", headers=headers) as client,
    ):
        yield client
