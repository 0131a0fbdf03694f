"""The page for people and its assets, as they are sent: what they may load, how long they are cached, what is
missing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from graphql import parse, validate
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from schema.api import graphql_schema
from server import pages
from server.settings import Settings

SECRET = "a secret that is long enough for HS256"
DEMO = Settings(demo=True, jwt_secret=SECRET)


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A browser, as far as headers go, on the page in demo mode and its assets."""
    app = Starlette(routes=[Route("/graphql", pages.graphiql_page(DEMO)), Mount("/graphiql", pages.graphiql_assets())])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("query", [*pages.examples(), pages.START.read_text()])
def test_every_example_is_valid(query: str) -> None:
    """Each example is valid against the schema."""
    assert validate(graphql_schema, parse(query)) == []


async def test_the_page_loads_from_its_own_server_only(client: AsyncClient) -> None:
    """The page has no address of another host and a policy that forbids others; it is never cached."""
    response = await client.get("/graphql")
    assert response.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert response.headers["cache-control"] == "no-store"
    assert re.findall(r'(?:src|href)="([^"]*)"', response.text)
    assert all(
        address.startswith(("/graphiql/", "data:,")) for address in re.findall(r'(?:src|href)="([^"]*)"', response.text)
    )


async def test_assets_may_be_kept_for_ever(client: AsyncClient) -> None:
    """Assets have names that change with their content. Clients that accept compression get them compressed, others do
    not."""
    names = orjson.loads((pages.BUILT / "manifest.json").read_bytes())
    for name, media_type in ((names["script"], "text/javascript"), (names["style"], "text/css")):
        plain = await client.get(f"/graphiql/{name}", headers={"Accept-Encoding": "identity"})
        packed = await client.get(f"/graphiql/{name}", headers={"Accept-Encoding": "gzip"})
        assert plain.content == packed.content
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        for response in (plain, packed):
            assert response.headers["content-type"].startswith(media_type)
            assert "immutable" in response.headers["cache-control"]
            assert response.headers["vary"] == "Accept-Encoding"


async def test_other_files_are_not_served(client: AsyncClient) -> None:
    """Only the built assets are served."""
    for path in ("/graphiql/../manifest.json", "/graphiql/..%2fmanifest.json", "/graphiql/", "/graphiql/nothing.js"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("npm", "said"), [(None, "npm fetches and bundles them, and is missing"), ("/usr/bin/npm", "npm, which fetches")]
)
async def test_without_assets_the_page_says_what_is_missing(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npm: str | None, said: str
) -> None:
    """The page names the command that builds them, and one that queries the API; a running server finds them once
    built."""
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    monkeypatch.setattr(pages.shutil, "which", lambda _: npm)
    response = await client.get("/graphql")
    assert response.status_code == 200
    assert said in response.text
    assert "<code>make graphiql</code>" in response.text
    assert "curl http://127.0.0.1:8000/graphql" in response.text
    (tmp_path / "manifest.json").write_text('{"script": "new.js", "style": "new.css"}')
    assert "/graphiql/new.js" in (await client.get("/graphql")).text


@pytest.mark.parametrize(
    ("host", "hosts", "shown"),
    [
        ("127.0.0.1:8000", "", True),
        ("localhost:8000", "", True),
        ("[::1]:8000", "", True),
        ("evil.example", "", False),
        ("127.0.0.1.evil.example:8000", "", False),
        ("[evil", "", False),
        ("", "", False),
        ("demo.example:8000", "demo.example,other.example", True),
        ("evil.example", "demo.example", False),
        ("evil.example", "*", True),
    ],
)
async def test_the_token_is_shown_under_names_of_this_server(host: str, hosts: str, shown: bool) -> None:
    """A page of another site that has its own name lead here is of the same origin to a browser, and could read it."""
    page = pages.graphiql_page(Settings(demo=True, jwt_secret=SECRET, demo_hosts=hosts))
    async with AsyncClient(transport=ASGITransport(page), base_url="http://127.0.0.1:8000") as client:
        text = (await client.get("/graphql", headers={"Host": host})).text
    assert ("Bearer eyJ" in text) == shown


def test_outside_of_demo_mode_the_page_holds_no_token() -> None:
    """The headers editor shows what to fill in, and a page that anybody can fetch contains no secret."""
    for settings in (Settings(jwt_secret=SECRET), Settings(demo=True, jwks_url="https://keys.example/jwks")):
        content = pages.page_content(settings)
        assert not content["demo"]
        assert orjson.loads(content["headers"]) == pages.TEMPLATE
        assert content["operations"] == [pages.START.read_text()]


async def test_text_in_the_page_cannot_end_its_element(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data for the script is inside an element, so `<` is escaped."""
    monkeypatch.setattr(pages, "examples", lambda: ["# </script><b>"])
    text = (await client.get("/graphql")).text
    held = re.search(r'<script type="application/json" id="page">(.*?)</script>', text, re.DOTALL)
    assert held
    assert orjson.loads(held[1])["operations"] == ["# </script><b>"]
