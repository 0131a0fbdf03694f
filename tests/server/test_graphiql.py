"""GraphiQL in a real browser against a real server: examples, token, subscription, and no other host."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from graphql import parse, validate
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from schema.api import graphql_schema
from server import pages
from server.settings import Settings

from .served import Served, serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demo server of its own."""
    with serving(tmp_path_factory.mktemp("graphiql")) as served:
        yield served


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def context(browser: Browser, server: Served) -> AsyncIterator[BrowserContext]:
    """A browser window of its own; the test fails when anything in it asks another host or logs an error."""
    strangers: list[str] = []
    origin = server.url.removesuffix("/graphql")

    def seen(request: Request) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            strangers.append(request.url)

    opened = await browser.new_context(viewport={"width": 1400, "height": 900})
    opened.on("request", seen)
    yield opened
    await opened.close()
    assert strangers == []


async def open_example(context: BrowserContext, server: Served, name: str) -> Page:
    """GraphiQL with the tab of one example in front."""
    page = await context.new_page()
    await page.goto(server.url)
    await page.get_by_role("tab", name=name).click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text(name)
    return page


async def test_the_board_example_shows_the_board(context: BrowserContext, server: Served) -> None:
    """The page opens with a token, so the first example answers with stages and leads at the first click."""
    page = await open_example(context, server, "Board")
    await page.get_by_role("button", name="Execute query").click()
    result = page.locator(".result-window")
    await expect(result).to_contain_text('"stages"')
    await expect(result).not_to_contain_text('"errors"')


async def test_a_move_in_one_window_arrives_in_another(
    browser: Browser, context: BrowserContext, server: Served
) -> None:
    """The subscription runs with the token of the headers editor; a move elsewhere appears without being asked for."""
    watching = await open_example(context, server, "Live")
    await watching.get_by_role("button", name="Execute query").click()
    await expect(watching.get_by_role("button", name="Stop query")).to_be_visible()
    other = await browser.new_context()
    moving = await open_example(other, server, "Move")
    result = moving.locator(".result-window")
    await moving.get_by_role("button", name="Execute query").click()
    await expect(result).to_contain_text('"userErrors": []')
    await expect(watching.locator(".result-window")).to_contain_text('"stageChanged"')
    await other.close()


async def test_an_edited_token_counts_for_the_socket(context: BrowserContext, server: Served) -> None:
    """What stands in the headers editor is what the socket sends: a spoiled token is refused there, too."""
    page = await open_example(context, server, "Live")
    await page.get_by_role("button", name="Headers").click()
    await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type('{"Authorization": "Bearer nonsense", "orgid": "demo"')
    await page.get_by_role("button", name="Execute query").click()
    await expect(page.locator(".result-window")).to_contain_text("4403")


@pytest.mark.parametrize("query", pages.examples())
def test_every_example_is_valid(query: str) -> None:
    """An example that the schema refuses would be worse than none."""
    assert validate(graphql_schema, parse(query)) == []


def test_without_assets_the_page_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without npm there are no assets: the page names the command that makes them."""
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    page = pages.graphiql_page(Settings(demo=True))
    assert page.status_code == 200
    assert b"make graphiql" in bytes(page.body)


def test_outside_of_demo_mode_the_page_holds_no_token() -> None:
    """The headers editor then shows what to fill in."""
    content = pages.page_content(Settings(jwt_secret="s" * 40))
    assert content["examples"] == []
    assert "<your token>" in content["headers"]
