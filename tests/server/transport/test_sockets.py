"""graphql-transport-ws, message by message, over real sockets."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import server.transport.pulse
from engine.live.selection import encode_cursor
from server.transport.refusals import NotAvailable
from tests.support.servers.sockets import PROTOCOL, Client, socket
from tests.support.servers.stand_in import StandIn, application, listening, token


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[Client]:
    async with socket(stand_in) as client:
        yield client


async def test_a_subscription_from_its_begin_to_its_end(client: Client) -> None:
    """A subscription is acknowledged, sends each event as `next` in order, then `complete`; its id is free again at
    once."""
    assert client.connection.subprotocol == PROTOCOL
    await client.init()
    for _ in range(2):
        await client.subscribe("a", "subscription($to: Int!) { count(to: $to) }", variables={"to": 3})
        for number in (1, 2, 3):
            payload = {"data": {"count": number}, "extensions": {"cursor": str(number)}}
            assert await client.take() == {"id": "a", "type": "next", "payload": payload}
        assert await client.take() == {"id": "a", "type": "complete"}


async def test_queries_and_mutations_work_too(client: Client, stand_in: StandIn) -> None:
    """One `next` is sent, then `complete`; the operation is chosen by its name."""
    await client.init()
    await client.subscribe("q", "query A { who } query B { hello }", operationName="A")
    assert (await client.take())["payload"] == {"data": {"who": "ann of acme as REP"}}
    assert await client.take() == {"id": "q", "type": "complete"}
    await client.subscribe("m", "mutation { add(n: 5) }", operationName=None, variables=None, extensions={"a": 1})
    assert (await client.take())["payload"] == {"data": {"add": 5}}
    assert await client.take() == {"id": "m", "type": "complete"}
    assert stand_in.added == [5]


async def test_the_id_is_any_text(client: Client) -> None:
    """The id is returned as it was sent, with quotes and line breaks."""
    await client.init()
    id_ = '"}\n\u2028ä😀'
    await client.subscribe(id_, "{ hello }")
    assert await client.take() == {"id": id_, "type": "next", "payload": {"data": {"hello": "Hello, world!"}}}
    assert (await client.take())["id"] == id_


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { hello }", "OPERATION_RESOLUTION_FAILURE"),
        ("query($n: Int!) { number(n: $n) }", "BAD_USER_INPUT"),
        ("{ secret }", "FORBIDDEN"),
        ("subscription { refused }", "BAD_USER_INPUT"),
        ("{ broken }", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_what_is_wrong_with_one_operation(client: Client, query: str, code: str) -> None:
    """An error is sent for its id without `complete`; the socket and the other operations stay, and the id is free."""
    await client.init()
    await client.subscribe("other", "subscription { follow }")
    assert (await client.take())["payload"] == {"data": {"follow": 0}}
    for _ in range(2):
        await client.subscribe("bad", query)
        message = await client.take()
        assert (message["id"], message["type"]) == ("bad", "error")
        assert message["payload"][0]["extensions"]["code"] == code
        assert "secret inside" not in str(message)
    await client.alive()


async def test_a_subscription_that_breaks(client: Client, stand_in: StandIn) -> None:
    """Earlier events have been sent, the failure is masked, and the source is ended."""
    await client.init()
    await client.subscribe("a", "subscription { breaks }")
    assert (await client.take())["type"] == "next"
    message = await client.take()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert stand_in.finished == ["subscription"]


async def test_complete_ends_an_operation(client: Client, stand_in: StandIn) -> None:
    """After it nothing more is sent for the id, which is free at once; a second one and one for another id do no
    harm."""
    await client.init()
    await client.subscribe("a", "subscription { follow }")
    assert (await client.take())["payload"] == {"data": {"follow": 0}}
    for id_ in ("a", "a", "never"):
        await client.send(id=id_, type="complete")
    await client.subscribe("a", "subscription { follow }")
    assert (await client.take())["payload"] == {"data": {"follow": 0}}
    assert stand_in.finished == ["subscription"]
    stand_in.news.put_nowait(7)
    assert await client.take() == {"id": "a", "type": "next", "payload": {"data": {"follow": 7}}}


async def test_a_change_runs_to_its_end(client: Client, stand_in: StandIn) -> None:
    """A mutation that the client completes is finished, and its answer is not sent."""
    await client.init()
    await client.subscribe("m", "mutation { held }")
    await stand_in.begun.wait()
    await client.send(id="m", type="complete")
    await client.alive()
    stand_in.release.set()
    await client.subscribe("q", "{ hello }")
    assert [(await client.take())["id"] for _ in range(2)] == ["q", "q"]
    assert stand_in.finished == ["held"]


async def test_leaving_ends_everything(stand_in: StandIn) -> None:
    """When the client leaves, its subscriptions end, and its change is finished."""
    async with listening(application(stand_in)) as port:
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL]) as connection:
            client = Client(connection)
            await client.init()
            for id_ in ("a", "b", "c"):
                await client.subscribe(id_, "subscription { follow }")
                await client.take()
            await client.subscribe("m", "mutation { held }")
            await stand_in.begun.wait()
        stand_in.release.set()
    assert sorted(stand_in.finished) == ["held", "subscription", "subscription", "subscription"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "NONSENSE",
        '{"type":',
        "null",
        "7",
        '"ping"',
        '[{"type":"ping"}]',
        "{}",
        '{"type":null}',
        '{"type":["ping"]}',
        '{"type":"start"}',
        '{"type":"connection_terminate"}',
        '{"type":"ping","payload":7}',
        '{"type":"pong","payload":"x"}',
        '{"type":"complete"}',
        '{"type":"complete","id":7}',
        '{"type":"subscribe","payload":{"query":"{ hello }"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}',
        '{"type":"subscribe","id":null,"payload":{"query":"{ hello }"}}',
        '{"type":"subscribe","id":"%s","payload":{"query":"{ hello }"}}' % ("x" * 201),
        '{"type":"subscribe","id":"a"}',
        '{"type":"subscribe","id":"a","payload":"{ hello }"}',
        '{"type":"subscribe","id":"a","payload":{}}',
        '{"type":"subscribe","id":"a","payload":{"query":null}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{ hello }","variables":[1]}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{ hello }","variables":{"n":NaN}}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{ hello }","operationName":1}}',
        '{"type":"subscribe","id":"\\ud800","payload":{"query":"{ hello }"}}',
        '{"type":"ping","payload":{"a":"\\ud800"}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{ hello }","variables":{"n":%s}}}' % ("[" * 500 + "]" * 500),
        "[" * 100_000,
        b'{"type":"ping"}',
        '{"type":"ping","payload":{"x":"%s"}}' % ("x" * 1_000_000),
    ],
    ids=lambda message: repr(message[:60]),
)
async def test_a_malformed_message_closes_with_4400(client: Client, message: str | bytes) -> None:
    """The reason says what is wrong, and fits into a close frame."""
    await client.init()
    await client.raw(message)
    code, reason = await client.closed()
    assert code == 4400
    assert reason


@pytest.mark.parametrize(
    "payload",
    [
        '{"query":"{ hello }","variables":{"name":"\\ud83d"}}',
        '{"query":"{ hello }","variables":{"name":"\\ude00 x"}}',
        '{"query":"{ \\ud800 }"}',
        '{"query":"{ hello }","variables":{"n":-1e999}}',
    ],
)
async def test_a_payload_that_cannot_be_read_ends_one_operation(client: Client, payload: str) -> None:
    """Half a character in one operation is an `error` for it; the other operations go on, and its id is free."""
    await client.init()
    await client.subscribe("other", "subscription { follow }")
    assert (await client.take())["payload"] == {"data": {"follow": 0}}
    for _ in range(2):
        await client.raw(f'{{"type":"subscribe","id":"a","payload":{payload}}}')
        message = await client.take()
        assert (message["id"], message["type"]) == ("a", "error")
        assert message["payload"][0]["extensions"] == {"code": "BAD_REQUEST"}
    await client.alive()
    await client.raw(f'{{"type":"subscribe","id":"other","payload":{payload}}}')
    assert (await client.closed())[0] == 4409


async def test_a_payload_that_cannot_be_read_needs_a_member(client: Client) -> None:
    """Before the acknowledgement it is as any other operation."""
    await client.raw('{"type":"subscribe","id":"a","payload":{"query":"\\ud83d"}}')
    assert (await client.closed())[0] == 4401


async def test_too_many_values_end_one_operation(stand_in: StandIn) -> None:
    """An `error` with its own code; the socket stays."""
    async with socket(stand_in, max_values=5) as client:
        await client.init()
        await client.subscribe("a", "{ hello }", variables={"n": [1, 2, 3, 4]})
        assert (await client.take())["type"] == "next"
        assert (await client.take())["type"] == "complete"
        await client.subscribe("a", "{ hello }", variables={"n": [1, 2, 3, 4, 5]})
        message = await client.take()
        assert (message["id"], message["type"]) == ("a", "error")
        assert message["payload"][0]["extensions"] == {"code": "TOO_MANY_VALUES", "limit": 5}
        await client.alive()


async def test_a_second_init_closes_with_4429(client: Client) -> None:
    """A connection has one caller."""
    await client.init()
    await client.send(type="connection_init", payload={"Authorization": token()})
    assert await client.closed() == (4429, "Too many initialisation requests")


async def test_an_operation_before_the_acknowledgement_closes_with_4401(client: Client) -> None:
    """Nothing is run for an unknown caller."""
    await client.subscribe("a", "{ hello }")
    code, reason = await client.closed()
    assert code == 4401
    assert str(reason).startswith("Unauthorized")


async def test_a_running_id_closes_with_4409(client: Client) -> None:
    """Two operations with one id could not be distinguished."""
    await client.init()
    for _ in range(2):
        await client.subscribe("a", "subscription { follow }")
    assert await client.closed() == (4409, "Subscriber for a already exists")


async def test_no_init_in_time_closes_with_4408(stand_in: StandIn) -> None:
    """A connection that never authenticates is closed."""
    async with socket(stand_in, socket_init_timeout=0.05) as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_init_in_time_ends_the_timeout(stand_in: StandIn) -> None:
    """Once acknowledged, the connection stays."""
    async with socket(stand_in, socket_init_timeout=2, socket_ping_interval=2.2) as client:
        await client.init()
        assert await client.take() == {"type": "ping"}
        await client.alive()


@pytest.mark.parametrize(
    ("subprotocols", "code"), [(None, 4406), (["graphql-ws"], 4406), (["graphql-ws", "graphql-transport-ws"], None)]
)
async def test_no_other_subprotocol(stand_in: StandIn, subprotocols: Any, code: int | None) -> None:
    """graphql-transport-ws is chosen wherever it is listed; a client that does not offer it is closed with 4406."""
    async with socket(stand_in, subprotocols) as client:
        if code is None:
            assert client.connection.subprotocol == PROTOCOL
            await client.init()
        else:
            assert (await client.closed())[0] == code


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
async def test_the_token_comes_in_the_payload(stand_in: StandIn, name: str, scheme: str) -> None:
    """The token is accepted with or without the scheme, in any spelling of the name, with `orgid` beside it."""
    async with socket(stand_in) as client:
        await client.init(**{name: scheme + token(org_id=["acme", "zeta"]), "orgid": "zeta"})
        await client.subscribe("a", "{ who }")
        assert (await client.take())["payload"] == {"data": {"who": "ann of zeta as REP"}}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (None, "No token was sent"),
        ({}, "No token was sent"),
        ({"Authorization": "nonsense"}, "not a well-formed JWT"),
        ({"Authorization": token(exp=1)}, "expired"),
        ({"Authorization": token(secret="the secret of somebody else, also long")}, "not signed with the key"),
        ({"Authorization": token(), "orgid": "other"}, "not for the organisation"),
        ({"Authorization": token(org_id=["a", "b"])}, "name one of them"),
        ({"Authorization": token(), "orgid": "o" * 5000}, "printable characters"),
        ({"Authorization": token(org_id="ä" * 100), "orgid": "ö" * 100}, "not for"),
    ],
)
async def test_a_token_that_does_not_admit_closes_with_4403(client: Client, payload: Any, said: str) -> None:
    """The code is 4403 with the reason; the client may reconnect with a better token."""
    await client.send(type="connection_init", **({} if payload is None else {"payload": payload}))
    code, reason = await client.closed()
    assert code == 4403
    assert str(reason).startswith("Forbidden: ")
    assert said in str(reason)


@pytest.mark.parametrize("payload", ["token", ["token"], {"Authorization": 7}, {"orgid": ["a"]}])
async def test_an_init_of_the_wrong_shape_closes_with_4400(client: Client, payload: Any) -> None:
    """The payload is an object, and its credentials are strings."""
    await client.send(type="connection_init", payload=payload)
    assert (await client.closed())[0] == 4400


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "orgId"])
async def test_credentials_that_are_there_twice_close_with_4400(client: Client, name: str) -> None:
    """One of two spellings would have to win, and a gateway may have checked the other."""
    payload = {"Authorization": token(), "orgid": "acme", name: token()}
    await client.send(type="connection_init", payload=payload)
    assert await client.closed() == (
        4400,
        "Send `Authorization` and `orgid` in the payload of connection_init once each",
    )


async def test_keys_out_of_reach_close_with_1013(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing keys are not the client's fault, so the code says to try again later."""

    async def authenticate(*_: Any) -> Any:
        raise NotAvailable("Tokens cannot be verified.")

    monkeypatch.setattr("server.auth.tokens.Authenticator.authenticate", authenticate)
    async with socket(stand_in) as client:
        await client.send(type="connection_init", payload={"Authorization": token()})
        assert (await client.closed())[0] == 1013


async def test_an_expired_token_ends_the_connection(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the token expires all is delivered; then the socket is closed with 4403 and the last cursor, and its
    operations end."""
    end = int(time.time()) + 3600
    async with socket(stand_in, socket_ping_interval=60) as client:
        monkeypatch.setattr(server.transport.pulse, "LEEWAY", time.time() + 3 - end)
        await client.init(Authorization=token(exp=end))
        cursor = encode_cursor(uuid4(), 7)
        await client.subscribe("a", "subscription { follow }", variables={"cursor": cursor})
        assert (await client.take())["type"] == "next"
        expired = "Forbidden: the token has expired, connect again with a new one"
        assert await client.closed() == (4403, f"{expired}; after={cursor}")
    assert stand_in.finished == ["subscription"]


async def test_pings_both_ways(stand_in: StandIn) -> None:
    """A ping is answered with its payload; the server sends pings of its own; a pong is accepted silently."""
    async with socket(stand_in, socket_ping_interval=0.05) as client:
        await client.send(type="ping")  # pings are allowed before the connection is acknowledged
        assert await client.take() == {"type": "pong"}
        await client.init()
        for _ in range(2):
            assert await client.take() == {"type": "ping"}
            await client.send(type="pong")
        await client.send(type="ping", payload={"n": [1]})
        while (message := await client.take()) == {"type": "ping"}:
            pass
        assert message == {"type": "pong", "payload": {"n": [1]}}


async def test_a_client_that_answers_no_ping(stand_in: StandIn) -> None:
    """It reads, but is closed with 4414 and its last cursor after two pings; its subscription ends."""
    async with socket(stand_in, socket_ping_interval=0.05) as client:
        await client.init()
        cursor = encode_cursor(uuid4(), 7)
        await client.subscribe("a", "subscription { follow }", variables={"cursor": cursor})
        messages = [await client.take(places=True) for _ in range(3)]
        assert sorted(message["type"] for message in messages) == ["next", "ping", "ping"]
        assert await client.closed() == (4414, f"No answer to 2 pings: answer each with a pong; after={cursor}")
    assert stand_in.finished == ["subscription"]


async def test_a_client_that_answers_pings_stays(stand_in: StandIn) -> None:
    """A pong answers all pings before it, and so does any other message."""
    async with socket(stand_in, socket_ping_interval=0.05) as client:
        await client.init()
        for type_ in ("pong", "complete") * 5:
            assert await client.take() == {"type": "ping"}
            await client.send(type=type_, id="never")
        await client.alive()


async def test_a_socket_runs_so_many_operations(stand_in: StandIn) -> None:
    """One more is refused for its id, and accepted once another one has ended."""
    async with socket(stand_in, max_subscriptions_per_socket=2) as client:
        await client.init()
        for id_ in ("a", "b"):
            await client.subscribe(id_, "subscription { follow }")
            assert (await client.take())["type"] == "next"
        await client.subscribe("c", "subscription { follow }")
        message = await client.take()
        assert (message["id"], message["type"]) == ("c", "error")
        assert message["payload"][0]["extensions"] == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 2}
        await client.send(id="a", type="complete")
        await client.subscribe("c", "subscription { follow }")
        assert (await client.take())["type"] == "next"


async def test_many_operations_at_once_stay_in_order(client: Client) -> None:
    """Each operation's events arrive in order and end with its own `complete`, however they are mixed."""
    await client.init()
    for id_ in "abcdefgh":
        await client.subscribe(id_, "subscription($to: Int!) { count(to: $to) }", variables={"to": 200})
    seen: dict[str, list[int]] = {id_: [] for id_ in "abcdefgh"}
    open_ids = set(seen)
    while open_ids:
        message = await client.take()
        if message["type"] == "complete":
            open_ids.remove(message["id"])
        else:
            seen[message["id"]].append(message["payload"]["data"]["count"])
    assert all(numbers == list(range(1, 201)) for numbers in seen.values())


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        ("https://crm.example", True),
        ("HTTPS://CRM.EXAMPLE", True),
        ("https://evil.example", False),
        ("https://crm.example.evil", False),
        ("http://crm.example", False),
        ("null", False),
    ],
)
async def test_pages_of_other_origins_are_refused_at_the_handshake(
    stand_in: StandIn, origin: Any, admitted: bool
) -> None:
    """Browsers send no preflight before they open a socket, so the server checks the origin."""
    async with listening(application(stand_in, allowed_origins=["https://crm.example"])) as port:
        url = f"ws://127.0.0.1:{port}/graphql"
        if admitted:
            async with connect(url, subprotocols=[PROTOCOL], origin=origin) as connection:
                await Client(connection).init()
            return
        with pytest.raises(InvalidStatus) as caught:
            await connect(url, subprotocols=[PROTOCOL], origin=origin)
        assert caught.value.response.status_code == 403
        body = json.loads(caught.value.response.body or b"")
        assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_own_origin_is_always_admitted(stand_in: StandIn) -> None:
    """GraphiQL is served from the server's own origin."""
    async with listening(application(stand_in)) as port:
        for origin in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
            url = f"ws://127.0.0.1:{port}/graphql"
            async with connect(url, subprotocols=[PROTOCOL], origin=origin) as connection:  # type: ignore[arg-type]
                await Client(connection).init()


async def test_a_socket_elsewhere_is_refused(stand_in: StandIn) -> None:
    """Only one path accepts sockets."""
    async with listening(application(stand_in)) as port:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/elsewhere", subprotocols=[PROTOCOL])
