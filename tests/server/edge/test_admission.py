"""Room for connections: who gets a seat, and who makes room."""

import logging
import resource
import socket
from collections.abc import Iterator

import pytest

from server.edge.admission import Crowded, Seats, network_of
from server.edge.edge import ConnectionEdge
from server.edge.open_files import RESERVED, connections_within, raise_open_files
from server.observe.metrics import Metrics
from server.process.serving import UNREACHED_MS, listen
from tests.support.servers.raw import cut, post, raw
from tests.support.servers.slow_clients import another
from tests.support.servers.stand_in import StandIn, application, bearer, listening, settings


async def test_silent_connections_make_room(stand_in: StandIn) -> None:
    """However many there are, a new client is answered, and it is the longest silence that ends."""
    app = application(stand_in, max_connections=3)
    async with listening(app) as port, raw(port) as first, raw(port) as second, raw(port) as third, raw(port) as client:
        client.send(post(bearer()))
        assert await client.line() == b"HTTP/1.1 200 OK"
        assert await first.answer() == b""
        assert cut(app, "idle") == 1
        async with raw(port) as next_one:
            next_one.send(post(bearer()))
            assert await next_one.line() == b"HTTP/1.1 200 OK"
            assert await second.answer() == b""
        third.send(post(bearer()))
        assert await third.line() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("sent", [post(bearer(), b"{", 100), b"GET /graphql HTTP/1.1\r\n", post({})])
async def test_a_request_that_is_not_served_makes_room(stand_in: StandIn, sent: bytes) -> None:
    """Half a body, half a head, and a connection whose request was refused hold no seat."""
    app = application(stand_in, max_connections=1)
    async with listening(app) as port, raw(port) as client:
        client.send(sent)
        async with raw(port) as other:
            other.send(post(bearer()))
            assert await other.line() == b"HTTP/1.1 200 OK"
            await client.answer()


async def test_who_is_served_keeps_the_seat(stand_in: StandIn) -> None:
    """An authenticated socket and a running request stay; a new client is refused with 503, until one ends."""
    app = application(stand_in, max_connections=2)
    async with listening(app) as port, another(port) as client_socket:
        await client_socket.init()
        async with raw(port) as running:
            running.send(post(bearer(), b'{"query":"mutation { held }"}'))
            await stand_in.begun.wait()
            async with raw(port) as refused:
                answer = await refused.answer()
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"too many connections" in answer
            assert cut(app, "total") == 1
            stand_in.release.set()
            assert await running.line() == b"HTTP/1.1 200 OK"
            async with raw(port) as admitted:
                admitted.send(post(bearer()))
                assert await admitted.line() == b"HTTP/1.1 200 OK"
                assert await running.answer() == b""
        await client_socket.alive()


async def test_a_socket_without_a_member_makes_room(stand_in: StandIn) -> None:
    """A handshake alone holds no seat."""
    async with listening(application(stand_in, max_connections=1)) as port, another(port) as client_socket:
        async with raw(port) as client:
            client.send(post(bearer()))
            assert await client.line() == b"HTTP/1.1 200 OK"
        assert (await client_socket.closed())[0] in (None, 1006)


async def test_seats_are_returned(stand_in: StandIn) -> None:
    """Every way to end a connection frees its seat: HTTP, a socket, a refused handshake."""
    app = application(stand_in, max_connections=1)
    async with listening(app) as port:
        for _ in range(3):
            async with raw(port) as client:
                client.send(post(bearer()))
                assert await client.line() == b"HTTP/1.1 200 OK"
            async with another(port) as client_socket:
                await client_socket.init()
    assert cut(app, "total") == 0


def test_an_address_has_its_share() -> None:
    """One address is refused at its limit while others come; its seats count once each, and are free when they end."""
    admission = Seats(100, 2, cut=lambda _: None)
    first, _ = (admission.admit("192.0.2.1", lambda: None) for _ in range(2))
    with pytest.raises(Crowded) as refused:
        admission.admit("192.0.2.1", lambda: None)
    assert refused.value.reason == "address"
    admission.admit("192.0.2.2", lambda: None)
    for _ in range(2):
        first.leave()
    first.wait()
    again = admission.admit("192.0.2.1", lambda: None)
    with pytest.raises(Crowded):
        admission.admit("192.0.2.1", lambda: None)
    assert first not in admission.waiting
    assert list(admission.waiting)[-1] is again


def test_without_a_limit_every_address_counts_as_one_of_many() -> None:
    """0 is for a proxy on another machine, from whose address everyone comes."""
    admission = Seats(100, 0, cut=lambda _: None)
    for _ in range(50):
        admission.admit("192.0.2.1", lambda: None)
    assert (len(admission.seats), admission.networks) == (50, {})


def test_refused_connections_are_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """One line for many, which names the address and the setting; each is counted, and answered with its status."""
    edge = ConnectionEdge(settings(max_connections_per_address=7), Metrics())
    refused = [edge.crowded("192.0.2.1", reason) for reason in ("address", "address", "total")]
    assert [(one.status, one.code) for one in refused] == [
        (429, "RATE_LIMITED"),
        (429, "RATE_LIMITED"),
        (503, "SERVICE_UNAVAILABLE"),
    ]
    (record,) = caplog.records
    assert "192.0.2.1" in record.getMessage()
    assert "DEALBOARD_MAX_CONNECTIONS_PER_ADDRESS" in record.getMessage()
    found = edge.metrics.registry.get_sample_value("dealboard_connections_cut_total", {"reason": "address"})
    assert found == 2


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::7", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        (None, None),
    ],
)
def test_what_counts_as_one_address(host: str | None, network: str | None) -> None:
    """A /64 of IPv6 is one client's; this machine, where a proxy may be, is not limited."""
    assert network_of(host) == network


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this option")
def test_the_system_gives_up_on_a_lost_client() -> None:
    """Accepted connections inherit the time limit of the listener: a stream is noticed to have lost its client."""
    with listen("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREACHED_MS


@pytest.fixture
def few_files() -> Iterator[int]:
    """A low limit of open files, which the process could raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_open_files_is_raised(few_files: int) -> None:
    """As far as the system allows."""
    assert raise_open_files() == few_files
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files, few_files)


def test_a_low_limit_of_open_files_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It lowers the number of connections, so that accepting one never fails; enough files are no line in the log."""
    with caplog.at_level(logging.WARNING):
        assert connections_within(100_000, 10_000, 10) == 10_000
        assert connections_within(resource.RLIM_INFINITY, 10_000, 10) == 10_000
        assert caplog.records == []
        assert connections_within(1_024, 10_000, 10) == 1_024 - RESERVED - 10
    (record,) = caplog.records
    assert "ulimit -n" in record.getMessage()
