"""The usual way of live delivery: Strawberry's own sockets, and broadcaster's own memory backend."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import strawberry
from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

broadcast = Broadcast("memory://")


@strawberry.type
class Named:
    """A lead or a stage."""

    id: strawberry.ID
    name: str


@strawberry.type
class StageChanged:
    """A move; it arrives complete, so nothing is loaded per subscriber."""

    cursor: str
    occurred_at: str
    lead: Named
    from_stage: Named
    to_stage: Named


@strawberry.type
class Query:
    """The query type that every schema needs."""

    hello: str = "hello"


@strawberry.type
class Subscription:
    """The subscription that is measured."""

    @strawberry.subscription
    async def stage_changed(self) -> AsyncGenerator[StageChanged, None]:
        """Every move."""
        async with broadcast.subscribe("moves") as moves:
            async for event in moves:  # type: ignore[union-attr]
                move = orjson.loads(event.message)  # type: ignore[union-attr]
                parts = {key: Named(**move[key]) for key in ("lead", "from_stage", "to_stage")}
                yield StageChanged(cursor=move["cursor"], occurred_at=move["occurred_at"], **parts)


def create_app(url: str) -> Any:
    """The application; it needs no database."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with broadcast:
            yield

    async def post(request: Request) -> Response:
        await broadcast.publish("moves", (await request.body()).decode())
        return Response("{}", media_type="application/json")

    graphql: Any = GraphQL(strawberry.Schema(Query, subscription=Subscription))
    routes = [Route("/graphql", post, methods=["POST"]), WebSocketRoute("/graphql", graphql)]
    return Starlette(routes=routes, lifespan=lifespan)
