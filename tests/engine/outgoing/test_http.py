"""The guarded HTTP client against servers and name servers that mean no good."""

import ast
import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from socket import gaierror

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.outgoing import http
from engine.outgoing.http import LARGEST_ANSWER, GuardedHttp, Received, SendFailed, look_up
from engine.outgoing.target import Guard, TargetRefused
from tests.support.servers.receivers import GUARD, peer

ROOT = Path(__file__).parents[3]

ALLOWED = {
    "engine/outgoing/http.py": {"httpcore2"},
    "server/auth/jwks.py": {"urllib.request", "http.client"},  # the operator names this URL, which may be private
}
"""Who imports a client of HTTP."""

CLIENTS = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "aiohttp",
    "urllib3",
    "urllib.request",
    "http.client",
)

ONLY = Guard(plain=True, ports=range(1, 65536), networks=[ip_network("127.0.0.2/32")])
"""Of this machine's addresses, one is allowed."""


def test_nobody_else_sends_requests() -> None:
    """Any other import of an HTTP client is a way around the guard."""
    found: dict[str, set[str]] = {}
    for floor in ("models", "engine", "resolvers", "schema", "server"):
        for path in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    if name in CLIENTS or name.split(".")[0] in CLIENTS:
                        found.setdefault(str(path.relative_to(ROOT)), set()).add(name)
    assert found == ALLOWED


async def test_a_request_arrives_whole() -> None:
    """The headers, the body and the host that the URL names; the answer is read, and the connection used again."""
    async with peer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok") as server, GuardedHttp.open(GUARD) as http:
        for _ in range(2):
            answer = await http.post(f"{server.url}/hook?a=b", {"x-one": "1"}, b'{"a": 1}')
            assert (answer.status, answer.body) == (202, b"")  # this machine's answers are not shown
        assert server.connections == 1
    head, body = server.requests[0]
    assert head.split(b"\r\n")[0] == b"POST /hook?a=b HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}".encode() in head
    assert b"x-one: 1" in head
    assert body == b'{"a": 1}'


async def test_redirects_are_not_followed() -> None:
    """Not even to the same host."""
    reply = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with peer(reply) as server, GuardedHttp.open(GUARD) as http:
        assert (await http.post(server.url, {}, b"")).status == 307
        assert len(server.requests) == 1


class Names:
    """A name server that answers differently each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_a_name_that_rebinds_reaches_nothing_else() -> None:
    """The address that was checked is the one that is connected to; the next connection checks anew."""
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    async with (
        peer(reply, "127.0.0.2") as good,
        peer(reply, "127.0.0.1", good.port) as inner,
        GuardedHttp.open(ONLY, resolve=names) as http,
    ):
        url = f"http://rebinding.example:{good.port}/"
        assert (await http.post(url, {}, b"")).status == 200
        assert f"Host: rebinding.example:{good.port}".encode() in good.requests[0][0]
        with pytest.raises(TargetRefused, match=r"127\.0\.0\.1, which belongs to this machine"):
            await http.post(url, {}, b"")
        assert (good.connections, inner.connections) == (1, 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.2", "::1"],
        ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["127.0.0.2", "fd00:ec2::254"],
        ["64:ff9b::7f00:1"],
        ["10.0.0.1"],
    ],
)
async def test_every_address_of_a_name_is_checked(addresses: list[str]) -> None:
    """One that is not allowed is enough: nothing is connected to."""
    async with peer(b"", "127.0.0.2") as server, GuardedHttp.open(ONLY, resolve=Names(addresses)) as http:
        with pytest.raises(TargetRefused):
            await http.post(f"http://name.example:{server.port}/", {}, b"")
        assert server.connections == 0


async def test_a_name_without_an_address_is_said_to_be_one() -> None:
    """The kind is for programs, the message for people."""
    async with GuardedHttp.open(GUARD) as http:
        with pytest.raises(SendFailed) as failed:
            await http.post("https://nobody.invalid/", {}, b"")
    assert failed.value.kind == "NAME"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (None, "TIMEOUT"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "TIMEOUT"),
        (b"", "BROKEN"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "BROKEN"),
        (b"nonsense\r\n\r\n", "BROKEN"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "BROKEN"),
    ],
)
async def test_what_fails_has_a_kind(reply: bytes | None, kind: str) -> None:
    """A server that hangs, one that ends early, and one that speaks something else."""
    closes = kind == "BROKEN"
    async with peer(reply, closes=closes) as server, GuardedHttp.open(GUARD, deadline=0.3) as http:
        with pytest.raises(SendFailed) as failed:
            await http.post(server.url, {}, b"{}")
    assert failed.value.kind == kind


async def test_a_port_nobody_listens_on_refuses() -> None:
    """That is a kind of its own."""
    async with peer(b"") as server:
        port = server.port
    async with GuardedHttp.open(GUARD) as http:
        with pytest.raises(SendFailed) as failed:
            await http.post(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert failed.value.kind == "CONNECTION"


async def test_a_byte_now_and_then_is_not_enough() -> None:
    """The deadline is for the whole request: each byte would start a timeout of the socket anew."""
    reply = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000
    async with peer(reply, every=0.05) as server, GuardedHttp.open(GUARD, deadline=0.5) as http:
        began = time.monotonic()
        with pytest.raises(SendFailed) as failed:
            await http.post(server.url, {}, b"{}")
    assert failed.value.kind == "TIMEOUT"
    assert time.monotonic() - began < 10


async def test_a_flood_is_read_no_further() -> None:
    """An endless answer counts by its status, and its connection is closed."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"a" * (LARGEST_ANSWER + 1)
    async with peer(reply, closes=False) as server, GuardedHttp.open(GUARD, deadline=20) as http:
        assert (await http.post(server.url, {}, b"{}")).status == 200
        await server.closed.wait()


def certified(name: str) -> tuple[bytes, bytes]:
    """A certificate for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(*form)


async def test_the_name_is_kept_for_tls(tmp_path: Path) -> None:
    """The certificate is checked for the name of the URL, although the connection is to an address."""
    certificate, key = certified("hooks.example")
    (tmp_path / "both").write_bytes(certificate + key)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "both")
    asked: list[str | None] = []
    serving.sni_callback = lambda connection, name, context: asked.append(name)
    trust = ssl.create_default_context(cadata=certificate.decode())
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with peer(reply, tls=serving) as server:
        async with GuardedHttp.open(replace(GUARD, plain=False), resolve=Names(["127.0.0.1"]), trust=trust) as http:
            assert (await http.post(f"https://hooks.example:{server.port}/", {}, b"")).status == 200
            assert asked == ["hooks.example"]
            with pytest.raises(SendFailed) as failed:
                await http.post(f"https://other.example:{server.port}/", {}, b"")
            assert failed.value.kind == "TLS"
        async with GuardedHttp.open(GUARD, resolve=Names(["127.0.0.1"])) as http:
            with pytest.raises(SendFailed) as failed:
                await http.post(f"https://hooks.example:{server.port}/", {}, b"")
            assert failed.value.kind == "TLS"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("", None), ("-1", None), ("soon", None), ("１", None), ("9" * 400, 999_999_999.0)],
)
def test_retry_after_is_read(text: str, seconds: float | None) -> None:
    """Seconds, or a date; anything else says nothing."""
    assert Received(429, {"retry-after": text}, b"", 0.1).retry_after == seconds
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = Received(429, {"retry-after": later}, b"", 0.1).retry_after
    assert found is not None
    assert 3590 < found <= 3600


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        (["8.8.8.8", "10.0.0.1"], "hook.example has the address 10.0.0.1, which belongs to"),
        (["169.254.169.254"], "hook.example has the address 169.254.169.254, which belongs to"),
        (None, "The name hook.example cannot be resolved. Check how it is written."),
    ],
)
async def test_a_name_is_looked_up_before_anything_is_sent(addresses: list[str] | None, message: str) -> None:
    """Each of its addresses is checked; one without any is refused."""

    async def resolve(host: str, port: int) -> list[str]:
        if addresses is None:
            raise gaierror("unknown")
        return addresses

    with pytest.raises(TargetRefused) as refused:
        await look_up("https://hook.example/in", Guard(), resolve)
    assert str(refused.value).startswith(message)


async def test_a_name_server_that_hangs_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a name whose addresses may all be sent to."""
    monkeypatch.setattr(http, "LOOK_UP", 0.01)

    async def resolve(host: str, port: int) -> list[str]:
        if host == "hangs.example":
            await asyncio.Event().wait()
        return ["8.8.8.8", "2606:4700::1"]

    await look_up("https://hangs.example/in", Guard(), resolve)
    await look_up("https://hook.example/in", Guard(), resolve)
