"""Which web pages may call: the setting, its wildcards, those of this machine in demo mode, and what is logged."""

import logging
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from server.auth.origins import MOST_LOGGED, Origins
from server.settings import WrongSettings, load_settings
from tests.support.servers.sockets import opened
from tests.support.servers.stand_in import StandIn, application, bearer, listening

SECRET = "s" * 40
HOST = "api.example"
VITE = "http://localhost:5173"


@pytest.mark.parametrize(
    ("allowed", "origin", "admitted"),
    [
        ("https://*.example.org", "https://crm.example.org", True),
        ("https://*.example.org", "https://a.b.example.org", True),
        ("https://*.Example.org/", "HTTPS://CRM.example.org", True),
        ("https://*.example.org", "https://example.org", False),
        ("https://*.example.org", "https://.example.org", False),
        ("https://*.example.org", "http://crm.example.org", False),
        ("https://*.example.org", "https://crm.example.org:444", False),
        ("https://*.example.org:444", "https://crm.example.org:444", True),
        ("https://*.example.org", "https://crm.example.org.evil", False),
        ("https://*.example.org", "https://crm_example.org", False),
        ("https://*.example.org", "https://evil.com/.example.org", False),
        ("https://*.example.org", "https://evil.com?.example.org", False),
        ("https://*.example.org", "https://evil.com\\n.example.org", False),
        ("https://*.example.org", "https://user@evil.com:1.example.org", False),
        ("http://*.localhost:3000", "http://acme.localhost:3000", True),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("http://[::1]:3000", "http://[::1]:3000", True),
    ],
)
def test_which_origins_are_allowed(allowed: str, origin: str, admitted: bool) -> None:
    """A wildcard stands for any host below, at the same scheme and port, and for nothing else."""
    settings = load_settings(jwt_secret=SECRET, allowed_origins=allowed)
    assert Origins(settings.allowed_origins).allows(origin, HOST) is admitted


@pytest.mark.parametrize(
    "wrong",
    [
        "crm.example",
        "https://crm.example/app",
        "null",
        "https://",
        "https://*",
        "https://crm.*.example",
        "https://*crm.example",
        "*.example.org",
        "https://*.com",
        "https://crm.example:port",
    ],
)
def test_a_wrong_origin_stops_the_server(wrong: str) -> None:
    """One line names the setting, the origin and what to write, also where others are right."""
    with pytest.raises(WrongSettings) as caught:
        load_settings(jwt_secret=SECRET, allowed_origins=f"https://crm.example, {wrong}")
    assert str(caught.value).startswith(f"DEALBOARD_ALLOWED_ORIGINS: {wrong!r} ")
    assert "Write a" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (VITE, True),
        ("http://127.0.0.1:3000", True),
        ("https://[::1]:8443", True),
        ("http://localhost.evil.example", False),
        ("http://localhost@evil.example", False),
        ("http://192.168.0.7:5173", False),
        ("null", False),
        ("file://localhost", False),
    ],
)
def test_pages_of_this_machine_in_demo_mode(origin: str, admitted: bool) -> None:
    """At any port, and only in demo mode."""
    assert Origins((), local=True).allows(origin, HOST) is admitted
    assert Origins(()).allows(origin, HOST) is False


@pytest.mark.parametrize(("demo", "admitted"), [(True, True), (False, False)])
async def test_a_page_on_another_port(stand_in: StandIn, demo: bool, admitted: bool) -> None:
    """A development server beside the demo: its page may read answers and open sockets; otherwise it may not."""
    app = application(stand_in, demo=demo)
    async with (
        listening(app) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={**bearer(), "Origin": VITE}) as client,
    ):
        preflight = await client.options("/graphql", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == (204 if admitted else 403)
        answer = await client.post("/graphql", json={"query": "{ hello }"})
        assert answer.headers.get("access-control-allow-origin") == (VITE if admitted else None)
        if admitted:
            async with opened(port, Origin=VITE) as socket:
                await socket.init()


@pytest.mark.parametrize("allowed", ["https://crm.example", "*"])
async def test_the_headers_that_a_page_may_read(stand_in: StandIn, allowed: str) -> None:
    """The id of the request and the time to wait, in each answer, refusals included."""
    app = application(stand_in, allowed_origins=[allowed])
    headers = {**bearer(), "Origin": "https://crm.example"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://api.example", headers=headers) as client:
        app.service.engine = stand_in
        for query in ("{ hello }", "{"):
            answer = await client.post("/graphql", json={"query": query})
            assert answer.headers["access-control-expose-headers"] == "x-request-id, retry-after"
            assert answer.headers["x-request-id"]


async def test_a_refused_origin_is_logged_once(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    """Over HTTP and sockets, with the setting to change; a client that sends ever new ones does not fill the log."""
    caplog.set_level(logging.WARNING, "dealboard.origins")
    app = application(stand_in, allowed_origins=["https://crm.example"])

    async def ask(origin: str) -> Any:
        headers = {**bearer(), "Origin": origin}
        async with AsyncClient(transport=ASGITransport(app), base_url="http://api.example", headers=headers) as client:
            return await client.options("/graphql", headers={"Access-Control-Request-Method": "POST"})

    for origin in (VITE, VITE, "https://crm.example", "https://other.example"):
        await ask(origin)
    text = "a page of the origin {!r} was refused: add it to DEALBOARD_ALLOWED_ORIGINS if it may call the API"
    assert [record.getMessage() for record in caplog.records] == [
        text.format(VITE),
        text.format("https://other.example"),
    ]
    for number in range(2 * MOST_LOGGED):
        await ask(f"https://{number}.example/" + "x" * 1000)
    assert len(caplog.records) == MOST_LOGGED
    assert caplog.records[-1].getMessage().endswith("; further origins are not logged")
    assert max(len(record.getMessage()) for record in caplog.records) < 400
