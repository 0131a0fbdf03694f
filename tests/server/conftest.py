"""What the tests of the transports share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from playwright.async_api import Browser, async_playwright

from tests.server.browser import CHROMIUM, FLAGS, Windows
from tests.server.served import Served, serving
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo server keeps its data."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    """A demo server of its own. It tells of no overdue tasks: those of the README's tours are, in a while."""
    with serving(folder, DEALBOARD_OVERDUE_INTERVAL="0") as served:
        yield served


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def windows(browser: Browser, server: Served) -> AsyncIterator[Windows]:
    """Windows on the demo server."""
    opened = Windows(browser, server.url)
    yield opened
    await opened.close()
