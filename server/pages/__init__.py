"""The GraphiQL page, from assets that `make graphiql` builds.

The page loads nothing from other hosts. In demo mode it opens with working examples and a token.
"""

import os
import shutil
from datetime import timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from models.rules.roles import Role
from server.auth.loopback import host_of, is_loopback
from server.process.runtime import DEMO_ORGANISATION, DEMO_SUBJECT, make_token
from server.settings import Settings

FOLDER = Path(__file__).parent
BUILT = FOLDER / "dist"
EXAMPLES = FOLDER / "examples"
START = FOLDER / "start.graphql"
"""The operation that the page opens with outside demo mode."""

LIFETIME = timedelta(days=30)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""The page loads only from this server; the editor sets styles of its own. It may hold a token, so it is not cached."""

PAGE = Template((FOLDER / "page.html").read_text())
MISSING = Template((FOLDER / "missing.html").read_text())
CLOSED = Template((FOLDER / "closed.html").read_text())

NO_NPM = "npm fetches and bundles them, and is missing: install Node.js 18 or later with npm,"
NPM = "npm, which fetches and bundles them, is installed:"

OFF = "GraphiQL, the page to explore it with, is switched off on this server (setting <code>DEALBOARD_GRAPHIQL</code>)."
TRUSTED = (
    "GraphiQL, the page to explore it with, is switched off, because this server runs only its trusted documents"
    " (setting <code>DEALBOARD_TRUSTED_DOCUMENTS_ONLY</code>). Send the <code>documentId</code> of one."
)

TEMPLATE = {"Authorization": "Bearer <your token>", "orgid": "<your organisation>"}
"""What the headers editor shows where the page has no token."""


def graphiql_page(settings: Settings) -> ASGIApp:
    """The page for these settings; without built assets, one that says how to build them; or one that says why there is
    none."""
    if shows_graphiql(settings):
        return GraphiQLPage(settings)
    reason = TRUSTED if settings.trusted_documents_only else OFF
    return HTMLResponse(CLOSED.substitute(reason=reason), 404, HEADERS)


def shows_graphiql(settings: Settings) -> bool:
    """Whether browsers see GraphiQL: unless it is switched off, or could run nothing that is typed into it."""
    return settings.graphiql and not settings.trusted_documents_only


class GraphiQLPage:
    """The GraphiQL page, rendered for each request: tokens expire, and assets may be built while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request with the page. Only a page under a name of this server holds the token of demo mode."""
        request = Request(scope)
        hosts = self.settings.demo_hosts
        known = is_loopback(host := host_of(request)) or "*" in hosts or (host is not None and host in hosts)
        settings = self.settings if known else self.settings.model_copy(update={"demo": False})
        await render(settings, str(request.url.replace(query="")))(scope, receive, send)


def render(settings: Settings, url: str) -> Response:
    """The page. `url` is its own address."""
    try:
        names = orjson.loads((BUILT / "manifest.json").read_bytes())
    except FileNotFoundError:
        npm = NPM if shutil.which("npm") else NO_NPM
        command = escape(curl(url, headers(settings)))
        return HTMLResponse(MISSING.substitute(npm=npm, command=command), headers=HEADERS)
    # `</script>` inside the JSON would end the element.
    content = orjson.dumps(page_content(settings)).decode().replace("<", "\\u003c")
    return HTMLResponse(PAGE.substitute(names, content=content), headers=HEADERS)


def page_content(settings: Settings) -> dict[str, Any]:
    """What the page's script gets: the headers and the operations to start with."""
    demo = has_demo_token(settings)
    return {
        "demo": demo,
        "headers": orjson.dumps(headers(settings), option=orjson.OPT_INDENT_2).decode(),
        "operations": examples() if demo else [START.read_text()],
    }


def has_demo_token(settings: Settings) -> bool:
    """Whether the page contains a token: in demo mode, when tokens can be signed here."""
    return settings.demo and settings.jwt_secret is not None


def headers(settings: Settings) -> dict[str, str]:
    """The headers to send: a working token in demo mode, otherwise a template to fill in."""
    if not has_demo_token(settings):
        return TEMPLATE
    token = make_token(
        settings, organisation=DEMO_ORGANISATION, subject=DEMO_SUBJECT, role=Role.ADMIN, lifetime=LIFETIME
    )
    return {"Authorization": f"Bearer {token}", "orgid": DEMO_ORGANISATION}


def examples() -> list[str]:
    """The example operations, in order."""
    return [path.read_text() for path in sorted(EXAMPLES.glob("*.graphql"))]


def curl(url: str, headers: dict[str, str]) -> str:
    """A command that queries `viewer` at `url`."""
    sent = {"Content-Type": "application/json", **headers}
    body = '{"query": "{ viewer { role organisation { name } } }"}'
    return " \\\n  ".join([f"curl {url}", *(f"-H '{name}: {value}'" for name, value in sent.items()), f"-d '{body}'"])


def graphiql_assets() -> ASGIApp:
    """The built assets; none before they are built."""
    return Assets(directory=BUILT / "assets", check_dir=False)


class Assets(StaticFiles):
    """Files named by a hash of their content, so that browsers may cache them; compressed at build time."""

    async def check_config(self) -> None:
        """Check nothing: `make graphiql` may create the folder while the server runs."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, cacheable for a year."""
        packed = f"{os.fspath(full_path)}.gz"
        takes = Headers(scope=scope).get("accept-encoding", "")
        if "gzip" in takes and os.path.exists(packed):
            response = super().file_response(packed, os.stat(packed), scope, status_code)
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        return response
