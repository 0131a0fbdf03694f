"""The page for people: GraphiQL, from assets that were built beforehand (`make graphiql`).

The page asks no other host for anything. In demo mode it opens with examples that work, and a token.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from starlette.responses import HTMLResponse, Response
from starlette.routing import Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from models.member import Role
from server.runtime import DEMO_ORGANISATION, DEMO_SUBJECT, make_token
from server.settings import Settings

FOLDER = Path(__file__).parent
BUILT = FOLDER / "dist"
EXAMPLES = FOLDER / "examples"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: only what comes from here. The editor sets styles of its own."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Dealboard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/graphiql/{style}">
</head>
<body>
<div id="graphiql"></div>
<script type="application/json" id="page">{content}</script>
<script type="module" src="/graphiql/{script}"></script>
</body>
</html>
"""

MISSING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Dealboard</title>
<h1>Dealboard</h1>
<p>The GraphQL API answers at this address. GraphiQL, the page to explore it with, is not built:
install Node.js with npm, run <code>make graphiql</code> and start the server again.</p>
</html>
"""

TEMPLATE = {"Authorization": "Bearer <your token>", "orgid": "<your organisation>"}
"""What the headers editor shows where no token is at hand."""


def graphiql_page(settings: Settings) -> Response:
    """The page as it is for these settings; one that says what is missing when the assets are not built."""
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    manifest = BUILT / "manifest.json"
    if not manifest.exists():
        return HTMLResponse(MISSING, headers=headers)
    # `</script>` inside the JSON would end the element.
    content = orjson.dumps(page_content(settings)).decode().replace("<", "\\u003c")
    return HTMLResponse(PAGE.format(content=content, **orjson.loads(manifest.read_bytes())), headers=headers)


def page_content(settings: Settings) -> dict[str, Any]:
    """What the page's script is told: the headers to start with and, in demo mode, the examples."""
    if not settings.demo or not settings.jwt_secret:
        return {"demo": False, "headers": _shown(TEMPLATE), "examples": []}
    token = make_token(
        settings, organisation=DEMO_ORGANISATION, subject=DEMO_SUBJECT, role=Role.ADMIN, lifetime=timedelta(days=30)
    )
    headers = {"Authorization": f"Bearer {token}", "orgid": DEMO_ORGANISATION}
    return {"demo": True, "headers": _shown(headers), "examples": examples()}


def examples() -> list[str]:
    """The example operations, in order."""
    return [path.read_text() for path in sorted(EXAMPLES.glob("*.graphql"))]


def graphiql_assets() -> ASGIApp:
    """The built assets. Their names hold a hash of what they are, so browsers may keep them."""
    return Assets(directory=BUILT) if BUILT.exists() else Router()


class Assets(StaticFiles):
    """Static files that never change under their name."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _shown(headers: dict[str, str]) -> str:
    return orjson.dumps(headers, option=orjson.OPT_INDENT_2).decode()
