"""No request body is read beyond the limit: it is refused by its Content-Length, or once it exceeds the limit."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.transport.refusals import BadRequest
from server.transport.reply import send_refusal


class BodyTooLarge(BadRequest):
    """The body of this request is over the limit."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body is larger than the limit of {limit:,} bytes (DEALBOARD_MAX_BODY_BYTES): send a smaller one."
        )


class BodyLimit:
    """ASGI middleware around everything that reads bodies."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by the declared length; without one, count the bytes that arrive."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
                break
        if length is None:
            await self._counted(scope, receive, send)
        elif not length.isdigit() or len(length) > 18 or int(length) > self.limit:
            await send_refusal(send, BodyTooLarge(self.limit))
        else:
            await self.app(scope, receive, send)  # the server reads no more than was declared

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        started = False

        async def receiving() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limit:
                raise BodyTooLarge(self.limit)
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        except BodyTooLarge as refused:
            if not started:
                await send_refusal(send, refused)
