"""A server with several workers: moves, and sockets that receive them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import orjson
import psutil
from websockets.sync.client import ClientConnection, connect

from tests.support.servers.process import ask
from tests.support.servers.served import Served

SUBSCRIPTION = "subscription { stageChanged { cursor lead { id } } }"


def workers(served: Served) -> list[psutil.Process]:
    """The processes that a server has started to serve requests."""
    found = []
    for child in psutil.Process(served.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it has ended since it was listed
            if "serve-as-worker" in child.cmdline():
                found.append(child)
    return found


@contextmanager
def subscribed(served: Served, url: str | None = None) -> Iterator[ClientConnection]:
    """A socket with a subscription to stage changes."""
    address = (url or served.url).replace("http", "ws", 1)
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        socket.send(orjson.dumps({"type": "connection_init", "payload": served.headers}), text=True)
        assert orjson.loads(socket.recv(20))["type"] == "connection_ack"
        after = ask(served.url, served.headers, "{ cursor }")["data"]["cursor"]  # type: ignore[index]
        query = SUBSCRIPTION.replace("stageChanged", f'stageChanged(after: "{after}")')
        socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}), text=True)
        yield socket


def move(served: Served) -> str:
    """Move a lead of the demo organisation into another stage; returns its id."""
    query = "{ pipelines { stages { id kind leads(first: 1) { nodes { id } } } } }"
    answer: Any = ask(served.url, served.headers, query)
    stages = [stage for stage in answer["data"]["pipelines"][0]["stages"] if stage["kind"] == "OPEN"]
    lead = next(node["id"] for stage in stages[:1] for node in stage["leads"]["nodes"])
    mutation = "mutation ($input: MoveLeadInput!) { moveLead(input: $input) { userErrors { message } } }"
    body = {"query": mutation, "variables": {"input": {"leadId": lead, "stageId": stages[1]["id"]}}}
    moved = httpx2.post(served.url, json=body, headers=served.headers, timeout=20).json()
    assert moved == {"data": {"moveLead": {"userErrors": []}}}
    return lead


def heard(socket: ClientConnection) -> str:
    """The lead of the next stage change that a socket receives."""
    while (message := orjson.loads(socket.recv(60)))["type"] == "ping":
        """The server pings a socket without events."""
    lead: str = message["payload"]["data"]["stageChanged"]["lead"]["id"]
    return lead
