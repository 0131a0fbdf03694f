"""An SMTP server on loopback that keeps what it gets, and can be made to behave badly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """What arrived, and how the server answers.

    - `rcpt`, `data`: answers to recipients and to texts, in order; then it accepts.
    - `lost`: how many texts it reads before it drops the connection without an answer.
    - `gate`: while it is not set, no text is answered.
    """

    port: int = 0
    texts: list[tuple[str, bytes]] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    lost: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Its URL."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[EmailMessage]:
        """The accepted messages, parsed."""
        return [message_from_bytes(text, policy=POLICY) for _, text in self.texts]  # type: ignore[arg-type]

    async def until(self, count: int) -> None:
        """Wait for so many messages."""
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(lambda: len(self.texts) >= count)

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: Any
    ) -> Any:
        """Count connections."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        """Answer as the test wants."""
        answer = self.rcpt.pop(0) if self.rcpt else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the text, or not."""
        await self.gate.wait()
        answer = self.data.pop(0) if self.data else "250 OK"
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.texts.append((envelope.rcpt_tos[0], envelope.content))
            async with self.news:
                self.news.notify_all()
        if self.lost:
            self.lost -= 1
            assert server.transport is not None
            server.transport.abort()
        return answer


@asynccontextmanager
async def mailbox(**options: Any) -> AsyncIterator[Mailbox]:
    """A server with these options of aiosmtpd, until the end."""
    box, loop = Mailbox(), asyncio.get_running_loop()
    box.gate.set()
    server = await loop.create_server(lambda: SMTP(box, hostname="mail.test", loop=loop, **options), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        box.gate.set()
        server.close()
