"""The limit of live delivery: bare Starlette sockets that all receive the same text, which a request posts."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def create_app(url: str) -> Any:
    """The application; it needs no database."""
    sockets: set[WebSocket] = set()

    async def listen(socket: WebSocket) -> None:
        await socket.accept("graphql-transport-ws")
        try:
            await socket.receive_text()
            await socket.send_text('{"type":"connection_ack"}')
            await socket.receive_text()
            sockets.add(socket)
            await socket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(socket)

    async def post(request: Request) -> Response:
        text = (await request.body()).decode()
        for socket in list(sockets):
            await socket.send_text(text)
        return Response("{}", media_type="application/json")

    return Starlette(routes=[Route("/graphql", post, methods=["POST"]), WebSocketRoute("/graphql", listen)])
