"""GraphQL over HTTP, at the level of requests and responses."""

import asyncio
import logging
from typing import Any

import orjson
import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from tests.support.servers.stand_in import StandIn, application, bearer, token

RESPONSE = "application/graphql-response+json"
JSON = {"Content-Type": "application/json"}


async def post(client: AsyncClient, body: bytes, **headers: str) -> Response:
    return await client.post("/graphql", content=body, headers={**JSON, **headers})


async def ask(client: AsyncClient, query: str, **headers: str) -> Response:
    return await post(client, orjson.dumps({"query": query}), **headers)


def refused(response: Response, status: int, code: str, said: str = "") -> None:
    """The response is a GraphQL one with errors that say why, and without data."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["errors"]
    assert [sorted(set(error) - {"locations"}) for error in body["errors"]] == [["extensions", "message"]] * len(
        body["errors"]
    )
    assert body["errors"][0]["extensions"]["code"] == code
    assert said in body["errors"][0]["message"]


async def test_a_query_by_post(client: AsyncClient) -> None:
    """The engine's bytes are returned as they are, with the requested type, not to be stored and not to be sniffed."""
    response = await post(
        client, b'{"query":"query Q($n: String) { hello(name: $n) }","variables":{"n":"\\u00e4"},"operationName":"Q"}'
    )
    assert response.status_code == 200
    assert response.content == '{"data":{"hello":"Hello, ä!"}}'.encode()
    assert response.headers["content-type"] == f"{RESPONSE}; charset=utf-8"
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_query_by_get(client: AsyncClient) -> None:
    """Queries by GET work, with variables as JSON; empty parameters are ignored."""
    params = {"query": "query Q($n: String) { hello(name: $n) }", "variables": '{"n":"ä+&"}', "operationName": "Q"}
    assert (await client.get("/graphql", params=params)).json() == {"data": {"hello": "Hello, ä+&!"}}
    empty = {"query": "{ hello }", "variables": "", "operationName": "", "extensions": ""}
    assert (await client.get("/graphql", params=empty)).json() == {"data": {"hello": "Hello, world!"}}


async def test_a_mutation_by_get_is_405(client: AsyncClient, stand_in: StandIn) -> None:
    """A mutation by GET is refused for each answer type with the right method in `Allow`, and nothing changes."""
    for accept in (RESPONSE, "application/json", "text/event-stream"):
        response = await client.get("/graphql", params={"query": "mutation { add(n: 1) }"}, headers={"Accept": accept})
        refused(response, 405, "BAD_REQUEST", "POST")
        assert response.headers["allow"] == "POST"
    assert stand_in.added == []
    assert (await ask(client, "mutation { add(n: 1) }")).json() == {"data": {"add": 1}}
    assert stand_in.added == [1]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405(client: AsyncClient, method: str) -> None:
    """`Allow` names the allowed methods."""
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST, OPTIONS"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, RESPONSE),
        ("*/*", RESPONSE),
        ("application/*", RESPONSE),
        (RESPONSE, RESPONSE),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE),
        ("application/json;q=0.9, application/graphql-response+json", RESPONSE),
        ("application/json; charset=utf-8, application/graphql-response+json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/graphql-response+json;q=0, */*", "application/json"),
        ("application/graphql-response+json, application/graphql+json, application/json, text/event-stream", RESPONSE),
    ],
)
async def test_the_type_of_the_answer_is_negotiated(client: AsyncClient, accept: str | None, media: str) -> None:
    """The type is the best that the client accepts, by quality and then by order; by default the modern one."""
    if accept is None:
        del client.headers["Accept"]
    response = await ask(client, "{ hello }", **({} if accept is None else {"Accept": accept}))
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["image/png", "application/json;q=0", "text/plain, application/xml", "application/jsonp"]
)
async def test_no_type_that_is_taken_is_406(client: AsyncClient, accept: str) -> None:
    """The answer names the types that the server has."""
    refused(await ask(client, "{ hello }", Accept=accept), 406, "BAD_REQUEST", RESPONSE)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "xapplication/json",
     "text/plain; application/json", "application/json; charset=latin-1", "application/graphql", ""],
)  # fmt: skip
async def test_a_body_of_another_type_is_415(client: AsyncClient, content_type: str) -> None:
    """A type that a form on a foreign page can send never counts as JSON, and neither does one that only resembles
    it."""
    refused(await post(client, b'{"query":"{ hello }"}', **{"Content-Type": content_type}), 415, "BAD_REQUEST", "JSON")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_in_utf_8_may_say_so(client: AsyncClient, content_type: str) -> None:
    """`application/json; charset=utf-8` is accepted as the type itself."""
    assert (await post(client, b'{"query":"{ hello }"}', **{"Content-Type": content_type})).status_code == 200


async def test_a_compressed_body_is_415(client: AsyncClient) -> None:
    """A compressed body is not decompressed: a small body could become a huge one."""
    refused(await post(client, b"...", **{"Content-Encoding": "gzip"}), 415, "BAD_REQUEST", "compressed")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"NONSENSE", "not JSON"),
        (b'{"query":', "not JSON"),
        (b"null", "not null"),
        (b"1", "not a number"),
        (b'"{ hello }"', "not a string"),
        (b"true", "not a boolean"),
        (b"[]", "Batches are not supported"),
        (b'[{"query":"{ hello }"}]', "Batches are not supported"),
        (b"{}", "`query` must be a string"),
        (b'{"query":null}', "`query` must be a string"),
        (b'{"query":7}', "`query` must be a string"),
        (b'{"qeury":"{ hello }"}', "`query` must be a string"),
        (b'{"query":"{ hello }","operationName":7}', "`operationName` must be a string"),
        (b'{"query":"{ hello }","operationName":"\\ud800"}', "not JSON"),
        (b'{"query":"{ hello }","variables":[7]}', "`variables` must be an object"),
        (b'{"query":"{ hello }","variables":"{}"}', "`variables` must be an object"),
        (b'{"query":"{ hello }","variables":{"n":"\\udc00"}}', "not JSON"),
        (b'{"query":"{ hello }","extensions":true}', "`extensions` must be an object"),
        (b'{"query":"{ hello }","variables":{"n":NaN}}', "not JSON"),
        (b'{"query":"{ hello }","variables":{"n":Infinity}}', "not JSON"),
        (b'{"query":"{ hello }","variables":{"n":-1e999}}', "not JSON"),
        (b'{"query":"{ hello }","variables":{"n":' + b"9" * 5000 + b"}}", "not JSON"),
        (b'{"query":"{ hello }","variables":{"n":' + b"[" * 100 + b"]" * 100 + b"}}", "send at most 64 levels"),
        (
            b'{"query":"{ hello }","variables":{"n":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}",
            "send at most 64 levels",
        ),
        (b"[" * 100_000, "not JSON"),
        (b'{"query":"\xff"}', "The body is not UTF-8: byte 10, counted from 0, is 0xFF"),
        ('{"query":"{ hello }"}'.encode("utf-16"), "The body is not UTF-8: byte 0, counted from 0, is 0xFF"),
        ('{"query":"{ hello }"} # ä'.encode("latin-1"), "The body is not UTF-8: byte 24, counted from 0, is 0xE4"),
        (b'{"query":"\xed\xa0\x80"}', "The body is not UTF-8: byte 10"),
    ],
)
@pytest.mark.parametrize("accept", [RESPONSE, "application/json", "text/event-stream"])
async def test_a_malformed_request_is_400(client: AsyncClient, accept: str, body: bytes, said: str) -> None:
    """A malformed request gets 400 with a GraphQL body that says what is wrong; never 500."""
    refused(await post(client, body, Accept=accept), 400, "BAD_REQUEST", said)


VALUES: dict[str, tuple[Any, int]] = {
    "a list": ([0] * 9, 10),
    "a list of lists": ([[0, 0, 0, 0]], 6),
    "objects": ([{"a": 1, "b": None}] * 3, 10),
    "nothing in nothing": ({"a": {}, "b": []}, 3),
    "one": ("x" * 1000, 1),
}
"""A variable, and the values of the variables with it."""


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_values_in_variables_are_limited(stand_in: StandIn, what: str, method: str) -> None:
    """All levels count; as many as the limit are taken, one more is refused before anything looks at them."""
    value, count = VALUES[what]
    sent = {"query": "{ hello }", "variables": {"n": value}}
    in_url = {**sent, "variables": orjson.dumps(sent["variables"]).decode()}
    for limit in {count, max(count - 1, 1)}:
        app = application(stand_in, max_values=limit)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://api.example", headers=bearer()) as client,
        ):
            given: dict[str, Any] = {"params": in_url} if method == "GET" else {"json": sent}
            response = await client.request(method, "/graphql", **given)
        if limit == count:
            assert response.json() == {"data": {"hello": "Hello, world!"}}
        else:
            refused(response, 400, "TOO_MANY_VALUES", f"more than {limit} values")
            assert response.json()["errors"][0]["extensions"]["limit"] == limit


@pytest.mark.parametrize(
    ("query_string", "said"),
    [
        ("", "`query` must be a string"),
        ("query=%FF", "UTF-8"),
        ("query=%ED%A0%80", "UTF-8"),
        ("query=%7Bhello%7D&query=%7Bhello%7D", "twice"),
        ("query=%7Bhello%7D&variables=%5B1%5D", "`variables` must be an object"),
        ("query=%7Bhello%7D&variables=%7B", "`variables` is not JSON"),
        ("query=%7Bhello%7D&extensions=1", "`extensions` must be an object"),
        ("&".join(f"a{i}=1" for i in range(100)), "query string"),
    ],
)
async def test_a_malformed_url_is_400(client: AsyncClient, query_string: str, said: str) -> None:
    """The parameters of a GET are read as strictly as a body."""
    refused(await client.get(f"/graphql?{query_string}"), 400, "BAD_REQUEST", said)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { hello }", "OPERATION_RESOLUTION_FAILURE"),
        ("query($n: Int!) { number(n: $n) }", "BAD_USER_INPUT"),
        ("{ " + "a: hello " * 200 + "}", "TOO_MANY_ALIASES"),
        ("{ unrun }", "BAD_USER_INPUT"),
    ],
)
async def test_the_status_of_a_refused_operation(client: AsyncClient, query: str, code: str) -> None:
    """With the modern type the status is 400; with application/json 200, because the request itself was well-formed."""
    refused(await ask(client, query, Accept=RESPONSE), 400, code)
    refused(await ask(client, query, Accept="application/json"), 200, code)


async def test_a_forbidden_operation_is_403(client: AsyncClient) -> None:
    """What the role does not allow is 403 with the modern type."""
    refused(await ask(client, "{ secret }", Accept=RESPONSE), 403, "FORBIDDEN", "admin")
    refused(await ask(client, "{ secret }", Accept="application/json"), 200, "FORBIDDEN", "admin")


async def test_a_failure_is_masked(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets an id; the log has the id and the failure."""
    with caplog.at_level(logging.ERROR):
        response = await ask(client, "{ broken }")
    refused(response, 500, "INTERNAL_SERVER_ERROR")
    assert "secret inside" not in response.text
    assert response.json()["errors"][0]["extensions"]["errorId"] in caplog.text
    assert "secret inside" in caplog.text


async def test_without_a_token_it_is_401(client: AsyncClient) -> None:
    """Strangers get no answer, not even whether their document is valid; they learn how to authenticate."""
    del client.headers["Authorization"]
    for accept in (RESPONSE, "application/json", "text/event-stream"):
        response = await ask(client, "{ hello }", Accept=accept)
        refused(response, 401, "UNAUTHENTICATED", "Authorization: Bearer")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_the_token_and_orgid_say_who_asks(client: AsyncClient) -> None:
    """The caller is that of the token, in the requested organisation; a foreign one is refused with 403."""
    header = bearer(org_id=["acme", "zeta"], role="Manager")
    assert (await ask(client, "{ who }", **header, orgid="zeta")).json() == {"data": {"who": "ann of zeta as MANAGER"}}
    refused(await ask(client, "{ who }", **header, orgid="other"), 403, "FORBIDDEN", "other")
    refused(await ask(client, "{ who }", **header), 400, "BAD_REQUEST", "orgid")
    refused(await ask(client, "{ who }", **header, orgid="x" * 201), 400, "BAD_REQUEST", "200")
    refused(await ask(client, "{ who }", **header, orgid="zeta' OR '1'='1"), 403, "FORBIDDEN")


async def test_a_body_over_the_limit_is_413(stand_in: StandIn) -> None:
    """The body is refused by its declared length or, without one, as soon as it is too long; nothing is parsed."""
    app = application(stand_in, max_body_bytes=1000)

    async def answer(headers: list[tuple[bytes, bytes]], *chunks: bytes) -> tuple[int, int, bytes]:
        messages: list[dict[str, Any]] = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
        messages[-1]["more_body"] = False
        taken, sent = 0, []

        async def receive() -> dict[str, Any]:
            nonlocal taken
            taken += 1
            return messages[taken - 1]

        async def send(message: Any) -> None:
            sent.append(message)

        common = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token()}".encode())]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": common + headers}
        await app(scope, receive, send)
        return sent[0]["status"], taken, sent[1]["body"]

    async with app.router.lifespan_context(app):
        fits = b'{"query":"{ hello }"}'.ljust(1000)
        assert (await answer([(b"content-length", b"1000")], fits))[0] == 200
        assert (await answer([], fits[:500], fits[500:]))[0] == 200
        status, taken, body = await answer([(b"content-length", b"1001")], fits)
        assert (status, taken) == (413, 0)
        assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert b"DEALBOARD_MAX_BODY_BYTES" in body
        status, taken, _ = await answer([], *[b" " * 400] * 10)
        assert (status, taken) == (413, 3)
        for length in (b"9" * 400, b"-1", b"1e3", b""):
            assert (await answer([(b"content-length", length)], fits))[:2] == (413, 0)


async def test_a_subscription_needs_a_stream(client: AsyncClient) -> None:
    """As JSON it is refused, and the message names the two ways to subscribe."""
    refused(await ask(client, "subscription { follow }"), 406, "BAD_REQUEST", "text/event-stream")


async def test_a_browser_gets_the_page(client: AsyncClient) -> None:
    """GET with text/html returns GraphiQL without a token; the root redirects there."""
    del client.headers["Authorization"]
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    response = await client.get("/graphql", headers=browser)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    root = await client.get("/", headers=browser)
    assert (root.status_code, root.headers["location"]) == (307, "/graphql")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/graphql/", "../graphql"),
        ("/graphql/?query=%7Bhello%7D&a=%0d%0ab", "../graphql?query=%7Bhello%7D&a=%0d%0ab"),
        ("/healthz/", "../healthz"),
    ],
)
async def test_a_slash_at_the_end_redirects_on_this_host(client: AsyncClient, path: str, location: str) -> None:
    """Without the host, which the client may have made up."""
    response = await client.get(path, headers={"Host": "evil.example", "Accept": "text/html"})
    assert (response.status_code, response.headers["location"]) == (307, location)


@pytest.mark.parametrize("path", ["//evil.example/", "/graphql//", "//", "/evil.example/"])
async def test_no_other_address_redirects(client: AsyncClient, path: str) -> None:
    """What is not an address of this server is 404, and leads nowhere."""
    refused(await client.request("GET", f"http://api.example{path}"), 404, "BAD_REQUEST", "/graphql")


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "orgid", "Content-Type", "Content-Encoding", "Host", "Origin"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_header_that_is_there_twice(client: AsyncClient, name: str, method: str) -> None:
    """It is 400, whichever of the two would have been right; other headers may be there twice."""
    once = [(key, value) for key, value in bearer(org_id="acme").items()] + [("Content-Type", "application/json")]
    values = {"authorization": bearer()["Authorization"], "content-type": "application/json", "orgid": "acme"}
    times = 1 if name.lower() in ("authorization", "content-type") else 2
    twice = [(name, values.get(name.lower(), "identity"))] * times
    del client.headers["Authorization"]
    request = {"content": b'{"query":"{ hello }"}'} if method == "POST" else {"params": {"query": "{ hello }"}}
    response = await client.request(method, "/graphql", headers=[*once, *twice], **request)  # type: ignore[arg-type]
    refused(response, 400, "BAD_REQUEST", f"`{name.lower()}` is there twice")
    harmless = [*once, ("X-A", "1"), ("X-A", "2")]
    assert (await client.request(method, "/graphql", headers=harmless, **request)).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("origin", ["http://[x", "https://[::1", "http://]"])
async def test_an_origin_that_is_no_url(client: AsyncClient, origin: str) -> None:
    """It is an origin that is not allowed, and nothing fails."""
    response = await ask(client, "{ hello }", Origin=origin)
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


async def test_what_is_not_there_is_404(client: AsyncClient) -> None:
    """Outside of /graphql, too, a refusal is a GraphQL response."""
    refused(await client.get("/nothing"), 404, "BAD_REQUEST", "/graphql")


async def test_pages_of_allowed_origins_may_read(client: AsyncClient) -> None:
    """A preflight and each answer, refusals included, admit the origins of the setting and the server's own; no
    other."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,orgid,x-key"}
    for origin in ("https://crm.example", "http://api.example"):
        response = await client.options("/graphql", headers={"Origin": origin, **preflight})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["access-control-allow-headers"] == "authorization,orgid,x-key"
        assert "POST" in response.headers["access-control-allow-methods"]
        answer = await ask(client, "{ hello }", Origin=origin)
        assert answer.headers["access-control-allow-origin"] == origin
        assert "origin" in answer.headers.get_list("vary", split_commas=True)
        refusal = await client.post("/graphql", headers={**JSON, "Origin": origin, "Content-Length": "9" * 9})
        assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (413, origin)
    for origin in ("https://evil.example", "null", "https://crm.example.evil"):
        response = await client.options("/graphql", headers={"Origin": origin, **preflight})
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-origin" not in (await ask(client, "{ hello }", Origin=origin)).headers


async def test_every_origin_when_the_setting_says_so(stand_in: StandIn) -> None:
    """`*` admits all, and names none."""
    app = application(stand_in, allowed_origins=["*"])
    async with app.router.lifespan_context(app):
        from_anywhere = {**bearer(), **JSON, "Origin": "https://any.example"}
        async with AsyncClient(
            transport=ASGITransport(app), base_url="http://api.example", headers=from_anywhere
        ) as client:
            assert (await ask(client, "{ hello }")).headers["access-control-allow-origin"] == "*"


async def test_options_without_an_origin(client: AsyncClient) -> None:
    """The answer lists the methods."""
    assert (await client.options("/graphql")).headers["allow"] == "GET, POST, OPTIONS"


async def test_a_client_that_leaves_early(stand_in: StandIn) -> None:
    """A body that never arrives is no failure, and nothing is sent."""
    app = application(stand_in)
    sent: list[Any] = []
    begun: dict[str, Any] = {"type": "http.request", "body": b"{", "more_body": True}
    messages = [begun, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token()}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(app(scope, receive, send), 20)
    assert sent == []
