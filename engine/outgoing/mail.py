"""Mail over SMTP: one connection to the operator's server, and what becomes of each message.

A message is sent in two steps, so that it can be written down in between that it is: `begin` names sender and
recipient, which loses nothing when it fails; `finish` sends the text, and then only the server's answer says what it
has.

MailFailed
├ MailUnreachable  the server cannot be reached, or does not let us in: no message is at fault, and none was sent
├ MailDelayed      it does not take this message now (4xx): not sent, it can be sent later
├ MailRefused      it never takes this message (5xx): not sent
└ MailUncertain    it did not answer after it was given the text: it may have the message, or not
"""

import asyncio
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPSenderRefused

SECONDS = 20.0
"""Seconds that the server has for each answer."""

REUSED = 100
"""Messages over one connection; then it is replaced, because servers limit them."""

CLOSING = 421
"""The status with which a server says that it closes the connection (RFC 5321, section 3.8)."""

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", re.ASCII)
"""The addresses that mail is sent to: without quotes, comments, spaces and letters beyond ASCII, which are rare, and
with which one address can look like another one, or like a command."""


class MailFailed(Exception):
    """Why a message was not sent, or may not have been. The text is the server's, or the kind of failure."""


class MailUnreachable(MailFailed):
    """The server cannot be reached, or does not let us in."""


class MailDelayed(MailFailed):
    """The server does not take the message now."""


class MailRefused(MailFailed):
    """The server never takes the message."""


class MailUncertain(MailFailed):
    """The server did not answer after it was given the text."""


@dataclass(frozen=True)
class MailServer:
    """An SMTP server. With `secure`, TLS from the start; else as soon as the server offers it."""

    host: str
    port: int
    secure: bool
    user: str | None = None
    password: str | None = None

    @property
    def local(self) -> bool:
        """Whether it is this machine, to which a password may go without TLS."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def mail_server(url: str) -> MailServer:
    """The server of a URL. Raises `ValueError`, without the URL, because it may hold a password."""
    wrong = "must look like smtp://user:password@host:587, or smtps://… for TLS from the start"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as failure:
        raise ValueError(wrong) from failure
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(wrong)
    if (parts.username is None) != (parts.password is None):
        raise ValueError(wrong)
    secure = parts.scheme == "smtps"
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return MailServer(parts.hostname, port or (465 if secure else 587), secure, user, password)


class MailLine:
    """A connection to the server, opened when it is needed."""

    def __init__(self, server: MailServer, seconds: float = SECONDS) -> None:
        self.server = server
        self.seconds = seconds
        self.client: SMTP | None = None
        self.used = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def begin(self, sender: str, recipient: str) -> None:
        """Name the sender and the recipient of a message. Raises `MailFailed`; then nothing was sent.

        A connection that the server has closed since the last message is opened again, once.
        """
        kept = self.client is not None
        try:
            await self._begin(sender, recipient)
        except MailUnreachable:
            if not kept:
                raise
            await self._begin(sender, recipient)

    async def finish(self, message: bytes) -> None:
        """Send the text of the message. Raises `MailFailed`."""
        assert self.client is not None
        try:
            async with asyncio.timeout(self.seconds * 2):
                await self.client.data(message)
        except SMTPResponseException as failure:
            raise await self._refused(failure) from failure
        except (SMTPException, OSError, TimeoutError) as failure:
            self._drop()
            raise MailUncertain(_said(failure)) from failure
        self.used += 1

    async def abandon(self) -> None:
        """Forget the message that was begun."""
        try:
            if self.client is not None:
                await self.client.rset()
        except (SMTPException, OSError, TimeoutError):
            self._drop()

    async def close(self) -> None:
        """Take leave of the server; the next message opens a new connection."""
        if self.client is not None and self.client.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                await self.client.quit(timeout=1.0)
        self._drop()

    async def _begin(self, sender: str, recipient: str) -> None:
        if self.used >= REUSED:
            await self.close()
        client = self.client or await self._open()
        try:
            await client.mail(sender)
            await client.rcpt(recipient)
        except SMTPSenderRefused as failure:  # no message is at fault
            await self.close()
            raise MailUnreachable(_said(failure)) from failure
        except SMTPResponseException as failure:
            raise await self._refused(failure) from failure
        except (SMTPException, OSError, TimeoutError) as failure:
            self._drop()
            raise MailUnreachable(_said(failure)) from failure

    async def _open(self) -> SMTP:
        server, started = self.server, None
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.secure,
            start_tls=False if server.secure else None,
            timeout=self.seconds,
            local_hostname=_own_name(),
        )
        try:
            async with asyncio.timeout(self.seconds * 2):
                await client.connect()
                started = client
                if server.user is not None and server.password is not None:
                    self._expect_private(client)
                    await client.login(server.user, server.password)
        except (SMTPException, OSError, TimeoutError, ValueError) as failure:
            client.close()
            what = "logging in failed" if started else "connecting failed"
            raise MailUnreachable(f"{what}: {_said(failure)}") from failure
        self.client, self.used = client, 0
        return client

    def _expect_private(self, client: SMTP) -> None:
        secured = client.transport is not None and client.transport.get_extra_info("ssl_object") is not None
        if not secured and not self.server.local:
            raise ValueError("the server offers no TLS, and the password is not sent without")

    async def _refused(self, failure: SMTPResponseException) -> MailFailed:
        """What an answer of the server means; the connection is ready for the next message, or closed."""
        said = _said(failure)
        if failure.code == CLOSING:
            self._drop()
            return MailUnreachable(said)
        await self.abandon()
        return MailDelayed(said) if 400 <= failure.code < 500 else MailRefused(said)

    def _drop(self) -> None:
        if self.client is not None:
            self.client.close()
        self.client, self.used = None, 0


def _own_name() -> str:
    """The name of this machine for the greeting, without asking a name server."""
    name = socket.gethostname()
    return name if name.isascii() and name.strip() else "localhost"


def _said(failure: BaseException) -> str:
    """A failure on one line, as it is logged."""
    if isinstance(failure, SMTPResponseException):
        return " ".join(f"{failure.code} {failure.message}".split())[:300]
    return " ".join(f"{type(failure).__name__}: {failure}".split())[:300]
