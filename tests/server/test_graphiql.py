"""GraphiQL in a real browser against a real server: examples, token, subscription, and no other host."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.async_api import Browser, expect

from engine.live.selection import decode_cursor
from models.database import Database
from models.rules.roles import Role
from server.app import create_app
from server.process.runtime import make_token
from server.settings import Settings, demo_secret
from tests.support.relay import Relay
from tests.support.servers.browser import RESULT, Windows, Wire, answer, edit_headers, open_tab, run, shown_headers
from tests.support.servers.served import Served
from tests.support.servers.workers import move

SECRET = "a secret that is long enough for HS256"


@pytest.fixture
async def plain_url(database: Database) -> AsyncIterator[str]:
    """The URL of a server that is not in demo mode, on an empty database."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(Settings(jwt_secret=SECRET), database)
    served = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
    running = asyncio.create_task(served.serve(sockets=[listener]))
    # The socket is listening already, so a client that connects before the server is up waits.
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    served.should_exit = True
    await running


def token(folder: Path, role: Role) -> str:
    """A token that the demo server accepts."""
    settings = Settings(demo=True, jwt_secret=demo_secret(folder))
    return make_token(settings, organisation="demo", subject="demo-viewer", role=role, lifetime=timedelta(minutes=5))


async def test_the_board_example_shows_the_board(windows: Windows) -> None:
    """The page opens with a token and the board in front: the first click shows stages and their leads."""
    page = await windows.open()
    await run(page)
    pipelines = (await answer(page, '"stages"'))["data"]["pipelines"]
    assert {pipeline["name"] for pipeline in pipelines} == {"New business", "Sales"}
    for stage in (stage for pipeline in pipelines for stage in pipeline["stages"]):
        assert len(stage["leads"]["nodes"]) == min(10, stage["totals"]["count"])
        assert all(lead["title"] and lead["contact"]["name"] for lead in stage["leads"]["nodes"])


async def test_every_example_answers_without_an_error(windows: Windows) -> None:
    """Each tab of the examples works as it is."""
    page = await windows.open()
    for name in ("Board", "Move", "Find", "Viewer"):
        await open_tab(page, name)
        await run(page)
        assert "errors" not in await answer(page), name


async def test_a_move_in_one_window_arrives_in_another(windows: Windows) -> None:
    """The first window subscribes, the second runs its example of a move, and the first shows the lead and both
    stages."""
    watching, moving = await windows.open(), await windows.open()
    await open_tab(watching, "Live")
    await run(watching)
    await expect(watching.get_by_role("button", name="Stop query")).to_be_visible()
    await open_tab(moving, "Move")
    await run(moving)
    moved = (await answer(moving))["data"]["moveLead"]
    assert moved["userErrors"] == []
    change = (await answer(watching, '"stageChanged"'))["data"]["stageChanged"]
    assert change["lead"]["title"] == moved["lead"]["title"]
    assert change["toStage"] == moved["lead"]["stage"]
    assert change["fromStage"] != change["toStage"]
    assert change["actor"]["name"] == "Ada Winter"


async def test_an_edited_token_counts_for_queries(windows: Windows, folder: Path) -> None:
    """With another token in the headers editor, the caller is another one."""
    page = await windows.open()
    await open_tab(page, "Viewer")
    await edit_headers(page, {"Authorization": f"Bearer {token(folder, Role.VIEWER)}", "orgid": "demo"})
    await run(page)
    assert (await answer(page))["data"]["viewer"]["role"] == "VIEWER"


async def test_an_edited_token_counts_for_the_socket(windows: Windows, folder: Path) -> None:
    """The socket uses the headers editor as it is when the socket opens: a spoiled token is refused at once."""
    page = await windows.open()
    wire = Wire(page)
    await open_tab(page, "Live")
    spoiled = {"Authorization": "Bearer nonsense", "orgid": "demo"}
    await edit_headers(page, spoiled)
    await run(page)
    assert (await wire.until("connection_init"))["payload"] == spoiled
    await expect(page.locator(RESULT)).to_contain_text("The socket was closed (4403)")
    good = {"Authorization": f"Bearer {token(folder, Role.VIEWER)}", "orgid": "demo"}
    await edit_headers(page, good)
    await run(page)
    assert (await wire.until("connection_init"))["payload"] == good
    await wire.until("connection_ack")


async def test_stopping_ends_the_subscription(windows: Windows) -> None:
    """The stop button ends the subscription and its socket at once, also when no event arrives."""
    page = await windows.open()
    wire = Wire(page)
    await open_tab(page, "Live")
    await run(page)
    subscribed = await wire.until("subscribe")
    await page.get_by_role("button", name="Stop query").click()
    assert (await wire.until("complete"))["id"] == subscribed["id"]
    await wire.until("closed")


async def test_a_subscription_outlives_a_server_that_is_away(browser: Browser, server: Served) -> None:
    """The page reconnects by itself, also when the first tries fail, and resumes after the last event shown."""
    async with Relay.listening() as relay:
        target = relay.target = urlsplit(server.url).port
        windows = Windows(browser, f"http://127.0.0.1:{relay.port}/graphql")
        page = await windows.open()
        wire = Wire(page)
        await open_tab(page, "Live")
        await run(page)
        await wire.until("subscribe")
        await asyncio.to_thread(move, server)
        cursors = [(await wire.until("next"))["payload"]["data"]["stageChanged"]["cursor"]]
        relay.target = None
        relay.cut()
        for _ in range(2):
            await asyncio.to_thread(move, server)
            await wire.until("closed")  # the second connection failed
        relay.target = target
        assert (await wire.until("subscribe"))["payload"]["variables"] == {"after": cursors[0]}
        cursors += [(await wire.until("next"))["payload"]["data"]["stageChanged"]["cursor"] for _ in range(2)]
        first, *others = [decode_cursor(cursor)[1] for cursor in cursors]
        assert others == [first + 1, first + 2]
        assert all("WebSocket connection" in error for error in windows.errors)
        windows.errors.clear()
        await windows.close()


async def test_outside_of_demo_mode_a_token_is_asked_for(browser: Browser, plain_url: str) -> None:
    """The headers are a template; filled in, they fetch the schema. They survive a reload, but not the window."""
    windows = Windows(browser, plain_url)
    page = await windows.open()
    assert await shown_headers(page) == {"Authorization": "Bearer <your token>", "orgid": "<your organisation>"}
    await expect(page.locator(RESULT)).to_contain_text("UNAUTHENTICATED")
    filled = make_token(
        Settings(jwt_secret=SECRET), organisation="acme", subject="ada", role=Role.REP, lifetime=timedelta(minutes=5)
    )
    headers = {"Authorization": f"Bearer {filled}", "orgid": "acme"}
    await edit_headers(page, headers)
    await expect(page.locator(RESULT)).not_to_contain_text("UNAUTHENTICATED")
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    await expect(page.get_by_role("link", name="Subscription", exact=True)).to_be_visible()
    await run(page)
    assert (await answer(page))["data"]["viewer"]["role"] == "REP"
    assert filled not in await page.evaluate("JSON.stringify(localStorage)")
    await page.reload()
    assert await shown_headers(page) == headers
    await windows.close()
