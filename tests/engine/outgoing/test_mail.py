"""Mail over SMTP: URLs of servers, connections that are kept and replaced, passwords, and what answers mean."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.outgoing import mail
from engine.outgoing.mail import (
    ADDRESS,
    MailDelayed,
    MailLine,
    MailRefused,
    MailServer,
    MailUncertain,
    MailUnreachable,
    mail_server,
)
from tests.support.mail.smtp import mailbox

FROM, TO = "crm@acme.test", "rita@acme.test"


async def send(line: MailLine, text: bytes = b"Subject: Hello\r\n\r\n.\r\n") -> None:
    """Send one message."""
    await line.begin(FROM, TO)
    await line.finish(text)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.test", MailServer("mail.test", 587, False)),
        ("smtps://mail.test", MailServer("mail.test", 465, True)),
        ("smtp://me%40a:p%2Fw@mail.test:25/", MailServer("mail.test", 25, False, "me@a", "p/w")),
    ],
)
def test_a_server_is_a_url(url: str, server: MailServer) -> None:
    """With the usual ports; what is percent-encoded is decoded."""
    assert mail_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.test",
        "http://mail.test",
        "smtp://",
        "smtp://me@mail.test",
        "smtp://a:b@c:x",
        "smtp://a/b",
        "smtp://a?b",
    ],
)
def test_what_is_no_server(url: str) -> None:
    """The message shows how one looks, and not the URL, which may hold a password."""
    with pytest.raises(ValueError, match=r"must look like smtp://user:password@host:587") as refused:
        mail_server(url)
    assert "a:b" not in str(refused.value)


@pytest.mark.parametrize("address", ["a@b.test", "first.last+tag@sub.example.com", "o'neill@x.io"])
def test_addresses(address: str) -> None:
    """The usual ones."""
    assert ADDRESS.fullmatch(address)


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b", "a@b c", "a@b>", "a@b\n", "a b@c", '"a"@b', "ä@b", "a@b," + "c@d", "a" * 65 + "@b"]
)
def test_what_is_no_address(address: str) -> None:
    """Nothing is sent to what could be two, or a command."""
    assert not ADDRESS.fullmatch(address)


async def test_a_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """For so many messages; one that the server has closed meanwhile is opened again."""
    monkeypatch.setattr(mail, "REUSED", 3)
    async with mailbox() as box, MailLine(mail_server(box.url)) as line:
        for _ in range(3):
            await send(line)
        assert box.connections == 1
        await send(line)
        assert box.connections == 2
        assert line.client is not None
        assert line.client.transport is not None
        line.client.transport.abort()
        await asyncio.sleep(0)
        await send(line)
        assert (box.connections, len(box.texts)) == (3, 5)
        assert box.texts[0] == (TO, b"Subject: Hello\r\n\r\n.\r\n")


@pytest.mark.parametrize(
    ("step", "answer", "failure"),
    [
        ("rcpt", "450 Busy", MailDelayed),
        ("rcpt", "550 Unknown", MailRefused),
        ("rcpt", "421 Closing", MailUnreachable),
        ("data", "452 Full", MailDelayed),
        ("data", "554 Spam", MailRefused),
    ],
)
async def test_answers(step: str, answer: str, failure: type[Exception]) -> None:
    """What they mean; the next message goes out all the same."""
    async with mailbox() as box, MailLine(mail_server(box.url)) as line:
        getattr(box, step).append(answer)
        with pytest.raises(failure, match=answer[:3]):
            await send(line)
        await send(line)
        assert len(box.texts) == 1


async def test_a_server_that_drops_the_connection_after_the_text() -> None:
    """It has the message: what it answers is not known."""
    async with mailbox() as box, MailLine(mail_server(box.url)) as line:
        box.lost = 1
        with pytest.raises(MailUncertain):
            await send(line)
        assert len(box.texts) == 1
        await send(line)
        assert len(box.texts) == 2


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A server that accepts connections and says nothing."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_server_that_says_nothing() -> None:
    """It has so many seconds."""
    async with silent() as port, MailLine(MailServer("127.0.0.1", port, False), 0.05) as line:
        with pytest.raises(MailUnreachable, match="connecting failed"):
            await line.begin(FROM, TO)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody trusts, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1)).sign(
        key, hashes.SHA256()
    )
    path = tmp_path_factory.mktemp("mail") / "mail.pem"
    no_password = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_a_certificate_that_is_not_trusted(certificate: Path) -> None:
    """No mail goes to a server that cannot prove its name, whether it speaks TLS at once or offers it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with mailbox(tls_context=context) as box, MailLine(mail_server(box.url)) as line:
        with pytest.raises(MailUnreachable, match=r"(?i)certificate"):
            await line.begin(FROM, TO)
        assert box.texts == []


async def test_a_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS, only to this machine itself."""
    given: list[tuple[Any, Any]] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        given.append((data.login, data.password))
        right = data.password == b"secret"
        return AuthResult(success=right, handled=right)

    options = {"auth_require_tls": False, "authenticator": check}
    async with mailbox(**options) as box:
        server = MailServer("127.0.0.1", box.port, False, "me", "secret")
        async with MailLine(server) as line:
            await send(line)
        async with MailLine(MailServer("127.0.0.1", box.port, False, "me", "wrong")) as line:
            with pytest.raises(MailUnreachable, match="logging in failed: 535"):
                await line.begin(FROM, TO)
        assert set(given) == {(b"me", b"secret"), (b"me", b"wrong")}
        monkeypatch.setattr(MailServer, "local", property(lambda server: False))
        async with MailLine(server) as line:
            with pytest.raises(MailUnreachable, match="the password is not sent without"):
                await line.begin(FROM, TO)
        assert given.count((b"me", b"secret")) == 1
        assert len(box.texts) == 1
