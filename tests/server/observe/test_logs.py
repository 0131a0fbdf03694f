"""Logs: what a line contains, and what no line may contain."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from httpx2 import AsyncClient
from websockets.sync.client import connect

from server.observe.logs import JsonFormatter, TextFormatter, configure
from tests.support.servers.served import Served, serving
from tests.support.servers.sockets import opened
from tests.support.servers.stand_in import StandIn, application, listening, settings

HIDDEN = "a-secret-value"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged as JSON, from the level `info` up."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("dealboard")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def describe(served: Served, count: int) -> list[dict[str, Any]]:
    """The next lines of a server's log that are about calls."""
    assert served.process.stdout is not None
    found = []
    for line in served.process.stdout:
        assert not any(hidden in line for hidden in (HIDDEN, served.token, "a_secret_value", "nodes"))
        record = json.loads(line)
        if record["logger"] == "dealboard.calls":
            found.append(record)
        if len(found) == count:
            return found
    raise AssertionError("the server has ended")


def test_each_operation_is_a_line_of_json(tmp_path: Path) -> None:
    """The line has request id, organisation, name, kind, code and duration; never a token, a document or a variable."""
    with serving(tmp_path, DEALBOARD_LOG_FORMAT="json") as served:
        by_name = "query Find($text: String!) { leads(filter: {search: $text}) { nodes { id } } }"
        body = {"query": by_name, "variables": {"text": HIDDEN}}
        ask = partial(httpx2.post, served.url, timeout=20)
        answer = ask(json=body, headers={**served.headers, "X-Request-ID": "from-the-proxy:1"})
        assert answer.json() == {"data": {"leads": {"nodes": []}}}
        assert answer.headers["x-request-id"] == "from-the-proxy:1"
        wrong = ask(json={"query": f"query Wrong {{ {HIDDEN.replace('-', '_')} }}"}, headers=served.headers)
        nobody = ask(json=body, headers={"Authorization": f"Bearer {HIDDEN}"})
        address = served.url.replace("http", "ws", 1)
        with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            assert socket.response is not None
            id_ = socket.response.headers["x-request-id"]
            socket.send(orjson.dumps({"type": "connection_init", "payload": served.headers}), text=True)
            socket.recv(20)
            socket.send(orjson.dumps({"id": HIDDEN, "type": "subscribe", "payload": body}), text=True)
            while orjson.loads(socket.recv(20))["type"] != "complete":
                """This is the answer, which comes first."""
        found = describe(served, 4)
    shown = [
        (call["request_id"], call["transport"], call["organisation"], call["operation"], call["kind"], call["code"])
        for call in found
    ]
    refused = (wrong.headers["x-request-id"], "http", "demo", "none", "none", "GRAPHQL_VALIDATION_FAILED")
    unknown = (nobody.headers["x-request-id"], "http", None, "none", "none", "UNAUTHENTICATED")
    assert shown == [
        ("from-the-proxy:1", "http", "demo", "Find", "query", "OK"),
        refused,
        unknown,
        (f"{id_}-1", "websocket", "demo", "Find", "query", "OK"),
    ]
    assert all(call["duration_ms"] > 0 and call["level"] == "info" and call["time"] for call in found)


@pytest.mark.parametrize("sent", ["", "two words", "x" * 101, "line\tbreak", "é"])
async def test_a_request_id_that_cannot_be_logged_is_replaced(client: AsyncClient, sent: str) -> None:
    """Only a short and plain id is used in logs and headers."""
    answers = [
        await client.post("/graphql", json={"query": "{ who }"}, headers={b"x-request-id": sent.encode()})  # type: ignore[dict-item]
        for _ in range(2)
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert sent not in ids


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_failure_is_logged_without_its_message(formatter: logging.Formatter) -> None:
    """Messages quote values, so the log has the type and place of each cause, and PostgreSQL's code."""

    class Violation(Exception):
        sqlstate = "23505"
        constraint_name = "member_email_idx"

    def fail() -> None:
        try:
            raise Violation(f"Key (email)=({HIDDEN}) already exists.")
        except Violation as first:
            raise ExceptionGroup(HIDDEN, [RuntimeError(HIDDEN)]) from first

    try:
        fail()
    except ExceptionGroup as group:
        record = logging.LogRecord(
            "dealboard", logging.ERROR, __file__, 1, "it broke: %s", ("id 7",), (type(group), group, None)
        )
    line = formatter.format(record)
    assert HIDDEN not in line
    assert "it broke: id 7" in line
    assert "Violation sqlstate=23505 constraint_name=member_email_idx" in line
    assert "ExceptionGroup" in line
    assert "RuntimeError" in line
    assert "in fail" in line


def test_a_message_with_half_a_character_is_logged() -> None:
    """A lone surrogate cannot be encoded, and must not lose the line."""
    record = logging.LogRecord("dealboard", logging.INFO, __file__, 1, "a %s", ("\ud800",), None)
    assert orjson.loads(JsonFormatter().format(record))["message"] == "a ?"


def test_what_anyone_can_cause_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the server below us, failures are logged; cancelled requests and requests that are not HTTP are not."""
    root, below, ours = logging.getLogger(), logging.getLogger("uvicorn.error"), logging.getLogger("dealboard")
    before = root.handlers, root.level, below.level, ours.level
    try:
        configure(settings())
        below.warning("Invalid HTTP request received.")
        for failure in (asyncio.CancelledError(), RuntimeError()):
            below.error("Exception in ASGI application", exc_info=failure)
    finally:
        root.handlers = before[0]
        for logger, level in zip((root, below, ours), before[1:], strict=True):
            logger.setLevel(level)
        logging.captureWarnings(False)
    message, failure_type = capsys.readouterr().err.splitlines()
    assert message.endswith("uvicorn.error: Exception in ASGI application")
    assert failure_type == "RuntimeError"


async def test_what_fails_belongs_to_its_call(client: AsyncClient, logged: io.StringIO) -> None:
    """An unexpected failure is logged with the request id, which the client can quote."""
    answer = await client.post("/graphql", json={"query": "query Broken { broken }"}, headers={"X-Request-ID": "7"})
    assert answer.status_code == 500
    failure, call = (orjson.loads(line) for line in logged.getvalue().splitlines())
    assert failure["message"] == f"unexpected failure {answer.json()['errors'][0]['extensions']['errorId']}"
    assert failure["failure"].endswith("RuntimeError")
    assert "RuntimeError: the secret inside" not in logged.getvalue()
    for record in (failure, call):
        assert (record["request_id"], record["organisation"], record["operation"]) == ("7", "acme", "Broken")
    assert (call["level"], call["code"]) == ("warning", "INTERNAL_SERVER_ERROR")


async def test_calls_on_a_socket_have_ids_of_their_own(stand_in: StandIn, logged: io.StringIO) -> None:
    """An id is that of the handshake and a number; a subscription is logged at its end."""
    async with listening(application(stand_in)) as port, opened(port, **{"X-Request-ID": "hand:1"}) as socket:
        await socket.init()
        await socket.subscribe("a", "query Broken { broken }")
        assert (await socket.take())["type"] == "error"
        await socket.subscribe("b", "subscription Live { breaks }")
        while (await socket.take())["type"] != "error":
            """This is the event, which comes first."""
    ends = [record for line in logged.getvalue().splitlines() if "code" in (record := orjson.loads(line))]
    assert [(end["request_id"], end["operation"], end["code"]) for end in ends] == [
        ("hand:1-1", "Broken", "INTERNAL_SERVER_ERROR"),
        ("hand:1-2", "Live", "INTERNAL_SERVER_ERROR"),
    ]
