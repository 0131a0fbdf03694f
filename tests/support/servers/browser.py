"""Browser windows on GraphiQL for tests, and what a person does in them."""

import asyncio
import json
import re
from typing import Any

from graphql import OperationDefinitionNode, parse
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, WebError, WebSocket, expect

expect.set_options(timeout=60_000)  # a slow machine is no failure

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

RESULT = ".result-window"
QUERY = ".graphiql-query-editor .CodeMirror"
TOOL = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror"
"""The editor of the variables or of the headers, whichever is open."""


class Windows:
    """Windows that share nothing, and may connect to one server only; their errors are recorded."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.origin = url.removesuffix("/graphql")
        self.contexts: list[BrowserContext] = []
        self.strangers: list[str] = []
        self.errors: list[str] = []

    async def open(self) -> Page:
        """GraphiQL in a new window, ready for use: it has fetched the schema with its first headers."""
        context = await self.browser.new_context(viewport={"width": 1400, "height": 900})
        self.contexts.append(context)
        await context.route("**/*", self._admit)
        context.on("console", self._listen)
        context.on("weberror", self._note)
        page = await context.new_page()
        page.on("websocket", self._look)
        async with page.expect_response(lambda response: response.request.method == "POST"):
            await page.goto(self.url)
        await expect(page.locator(QUERY)).to_be_visible()
        return page

    async def close(self) -> None:
        """Close all windows. The test fails when one of them contacted another host, or when the page itself had an
        error."""
        for context in self.contexts:
            await context.close()
        assert self.strangers == []
        assert self.errors == []

    async def _admit(self, route: Route) -> None:
        if route.request.url.startswith(f"{self.origin}/"):
            await route.continue_()
        else:
            self.strangers.append(route.request.url)
            await route.abort()

    def _look(self, socket: WebSocket) -> None:
        if not socket.url.startswith(f"{self.origin}/".replace("http", "ws", 1)):
            self.strangers.append(socket.url)

    def _listen(self, message: ConsoleMessage) -> None:
        # Browsers log every refusal of the server as an error; a test that gets one expects it.
        if message.type == "error" and "the server responded with a status of 401" not in message.text:
            self.errors.append(message.text)

    def _note(self, failure: WebError) -> None:
        self.errors.append(str(failure.error))


class Wire:
    """The messages on the sockets that a page opens, in both directions, in order."""

    def __init__(self, page: Page) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        page.on("websocket", self._opened)

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of this type. A socket that closes counts as a message of type `closed`."""
        async with asyncio.timeout(60):
            while True:
                message = await self.messages.get()
                if message["type"] == kind:
                    return message

    def _opened(self, socket: WebSocket) -> None:
        socket.on("framesent", self._passed)
        socket.on("framereceived", self._passed)
        socket.on("close", lambda _: self.messages.put_nowait({"type": "closed"}))

    def _passed(self, frame: str | bytes) -> None:
        self.messages.put_nowait(json.loads(frame))


async def open_tab(page: Page, name: str) -> None:
    """Bring the tab with the operation of this name to the front."""
    await page.get_by_role("tab", name=name).click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text(name)


async def run(page: Page) -> None:
    """Run the operation in front."""
    await page.get_by_role("button", name="Execute query").click()


async def answer(page: Page, shown: str = '"data"') -> dict[str, Any]:
    """The whole result, once it contains `shown`; the page itself draws only the visible lines."""
    await expect(page.locator(RESULT)).to_contain_text(shown)
    text = await page.locator(f"{RESULT} .CodeMirror").evaluate("editor => editor.CodeMirror.getValue()")
    content: dict[str, Any] = json.loads(text)
    return content


async def write(page: Page, editor: str, text: str) -> None:
    """Replace the content of an editor with this text, as if it were pasted.

    Tries again when the page itself was still filling the editor, or took the focus away.
    """
    async with asyncio.timeout(60):
        while True:
            await page.locator(editor).click()
            await page.keyboard.press("Control+A")
            await page.keyboard.insert_text(text)
            if await page.locator(editor).evaluate("editor => editor.CodeMirror.getValue()") == text:
                return


async def play(page: Page, document: str, operation: str, **variables: Any) -> dict[str, Any]:
    """Paste a document and variables, and run one of its operations; returns its data."""
    await page.get_by_role("button", name="New tab").click()
    await expect(page.locator(QUERY)).to_contain_text("Ctrl-Space completes")
    await write(page, TOOL, json.dumps(variables))
    await write(page, QUERY, document)
    # The page parses a document a moment after it was typed: then the tab has the name of one of its operations (not
    # always the first: the page keeps the position of the one that was run before), and the button lists them all.
    operations = [node for node in parse(document).definitions if isinstance(node, OperationDefinitionNode)]
    names = [node.name.value for node in operations if node.name]
    await expect(page.get_by_role("tab", selected=True)).to_contain_text(re.compile("|".join(names)))
    await run(page)
    if len(names) > 1:
        await page.get_by_role("menuitem", name=operation, exact=True).click()
    body = await answer(page)
    assert "errors" not in body, body
    data: dict[str, Any] = body["data"]
    return data


async def edit_headers(page: Page, headers: dict[str, str]) -> None:
    """Replace the content of the headers editor with these headers."""
    await page.get_by_role("button", name="Headers").click()
    await write(page, TOOL, json.dumps(headers))
    await page.wait_for_load_state("networkidle")  # the page fetches the schema again, and shows why it is refused


async def shown_headers(page: Page) -> dict[str, str]:
    """The content of the headers editor."""
    await page.get_by_role("button", name="Headers").click()
    text = await page.locator(TOOL).evaluate("editor => editor.CodeMirror.getValue()")
    headers: dict[str, str] = json.loads(text)
    return headers
