"""The pages for people: GraphiQL, from assets that were built beforehand."""

from starlette.responses import HTMLResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp

from server.settings import Settings

MISSING = """<!doctype html><title>Dealboard</title>
<h1>Dealboard</h1>
<p>The GraphQL API answers here. GraphiQL, the page to explore it, is not built: install Node.js with npm,
run <code>make graphiql</code> and start again.</p>"""


def graphiql_page(settings: Settings) -> Response:
    """The GraphiQL page, or one that says what is missing."""
    return HTMLResponse(MISSING)


def graphiql_assets() -> ASGIApp:
    """The assets of the page."""
    return Router()
