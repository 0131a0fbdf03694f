"""The application: /graphql over HTTP, Server-Sent Events and WebSockets, the GraphiQL page, health and metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.bounds.rates import Rates
from engine.bounds.rates_redis import sharing
from engine.bounds.shares import Shares
from engine.documents import Documents
from engine.domain import Domain
from engine.engine import Engine
from engine.errors import Code, encode_errors, error
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Allowance, Plans
from models.database import Database
from models.rules.matching import domains
from resolvers.domain import CRM
from schema.api import graphql_schema
from server.auth.access import ending_revoked, expect_access, refresh_access
from server.auth.origins import CrossOrigin, Origins
from server.background.beside_requests import beside_requests, make_wakeups
from server.background.together import together
from server.background.webhooks import make_outlet, sending_webhooks
from server.calendar.route import calendar_route
from server.edge.body_limit import BodyLimit
from server.observe.calls import Calls
from server.observe.health import health_routes, look_at, metrics_route, works_at
from server.observe.metrics import Metrics
from server.pages import graphiql_assets, graphiql_page, shows_graphiql
from server.persisted.trusted import trusted_documents
from server.settings import Settings
from server.transport.handshake import Sockets
from server.transport.http import GraphQL
from server.transport.media import RESPONSE
from server.transport.service import Runs, Service

PATH = "/graphql"

Start = Callable[[Settings, Database], AbstractAsyncContextManager[Runs]]


class Application(Starlette):
    """A Starlette application that answers at PATH before its router, which would take as long as the answer."""

    def __init__(self, service: Service, graphql: ASGIApp, sockets: ASGIApp, origins: Origins, **more: Any) -> None:
        super().__init__(**more)
        self.router.redirect_slashes = False  # its redirects go to the host that the client names
        self.addresses = {route.path for route in self.routes if isinstance(route, Route)} - {"/"}
        self.service = service
        self.graphql = graphql
        self.sockets = sockets
        self.entrance = CrossOrigin(BodyLimit(self.dispatch, service.settings.max_body_bytes), origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The entry point of every request and socket."""
        await self.entrance(scope, receive, send)

    async def dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GraphQL directly, everything else by the routes."""
        path = scope.get("path", "")
        if path == PATH + "/" and scope["type"] == "websocket":
            path = PATH  # clients of sockets follow no redirect
        if path != PATH:
            if scope["type"] == "http" and path[-1:] == "/" and path[:-1] in self.addresses:
                await without_slash(scope)(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        elif scope["type"] == "http":
            await self.graphql(scope, receive, send)
        else:
            await self.sockets(scope, receive, send)


def create_app(
    settings: Settings,
    database: Database,
    start: Start | None = None,
    calls: Calls | None = None,
    schema: GraphQLSchema = graphql_schema,
) -> Application:
    """The application on an open database. `start` opens the engine, which serves `schema`, while the application runs.

    Raises `WrongSettings` when a trusted document does not fit the schema.
    """
    service = Service(settings, calls=calls)
    service.trusted = trusted_documents(settings, make_documents(settings, schema))
    metrics = service.calls.metrics
    start = start or partial(start_engine, metrics=metrics, restricted=partial(refresh_access, service))
    look = partial(look_at, service, database)
    service.authenticator.admit = partial(expect_access, service)
    origins = Origins(settings.allowed_origins, local=settings.demo)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with start(settings, database) as engine:
            service.engine = engine
            loading = asyncio.create_task(asyncio.to_thread(domains.load))
            async with ending_revoked(service, settings.event_poll_seconds), metrics.looking(look):
                yield
            await loading

    graphql = GraphQL(service, graphiql_page(settings))
    sockets = Sockets(service, origins)
    routes = [
        Route("/", to_graphql),
        *health_routes("/healthz", database, partial(works_at, service)),
        metrics_route(settings, metrics, look),
        calendar_route(database),
        # Listed for readers of the routes, and for a server that mounts the application below another path.
        Route(PATH, graphql),
        WebSocketRoute(PATH, sockets),
        *([Mount("/graphiql", graphiql_assets())] if shows_graphiql(settings) else []),
    ]
    parts = {"routes": routes, "exception_handlers": {HTTPException: not_found}, "lifespan": lifespan}
    return Application(service, graphql, sockets, origins, **parts)


@asynccontextmanager
async def start_engine(
    settings: Settings,
    database: Database,
    metrics: Metrics,
    restricted: Callable[[], Awaitable[None]] | None = None,
    domain: Domain = CRM,
) -> AsyncIterator[Engine]:
    """The engine with its feed, and what runs beside requests; `metrics` observes them. `restricted` is called after
    each change that may have restricted people."""
    shares = Shares(
        settings.pool_size,
        organisation=settings.organisation_share,
        member=settings.member_share,
        wait=settings.share_wait,
        hit=metrics.hit,
    )
    rates = Rates(settings.organisation_rate, settings.member_rate, hit=metrics.hit)
    documents = make_documents(settings, graphql_schema)
    allowance = Allowance(settings.compile_seconds_per_member, settings.compile_seconds_per_organisation)
    plans = Plans(graphql_schema, documents.limits, allowance=allowance, watch=metrics.watch)
    wakeups = make_wakeups(settings.events_url or database.url)
    domain = replace(domain, outlet=make_outlet(settings, documents, plans))
    async with (
        sharing(rates, settings.events_url),
        Feed.open(
            database, domain, settings.event_poll_seconds, wakeups, metrics.delivered, settings.max_streams_per_member
        ) as feed,
    ):
        engine = Engine(
            graphql_schema,
            database,
            documents,
            feed,
            plans,
            shares=shares,
            rates=rates,
            most_bytes=settings.max_answer_bytes,
            restricted=restricted,
        )
        async with together(
            beside_requests(settings, database, feed, metrics.lagged, metrics.count_runs, metrics.leased, metrics.mail),
            sending_webhooks(settings, engine, metrics.attempted),
        ):
            yield engine


def make_documents(settings: Settings, schema: GraphQLSchema) -> Documents:
    """Documents of this schema within the limits of the settings."""
    limits = Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        fields=settings.max_fields,
        root_fields=settings.max_root_fields,
        tokens=settings.max_tokens,
        cost=settings.max_cost,
    )
    shown = settings.introspection and not settings.trusted_documents_only
    return Documents(schema, limits, introspection=shown)


async def to_graphql(_: Request) -> Response:
    """Redirect the root to the API and GraphiQL."""
    return RedirectResponse(PATH)


def without_slash(scope: Scope) -> Response:
    """Redirect to the same address without the slash at its end; relative, so that it stays on this host."""
    name, query = scope["path"].rstrip("/").rpartition("/")[2], scope["query_string"].decode("latin-1")
    return RedirectResponse(f"../{name}?{query}" if query else f"../{name}")


async def not_found(_: Request, failure: Exception) -> Response:
    """An error of the routes, in the shape of every other error."""
    status = failure.status_code if isinstance(failure, HTTPException) else 500
    headers = failure.headers if isinstance(failure, HTTPException) else None
    body = encode_errors([error(Code.BAD_REQUEST, f"Nothing is at this address ({status}). Send GraphQL to {PATH}.")])
    return Response(body, status, headers, media_type=RESPONSE.decode())
