"""Follows the stage changes of an organisation and misses none: through drains, restarts, cut networks, expired tokens
and history that is gone. Prints one JSON line for each: {"snapshot": …} when it begins, then {"event": …}.

    python follow.py [cursor]     # with a cursor: goes on after it, without a snapshot

DEALBOARD_URL, DEALBOARD_ORG and DEALBOARD_TOKEN_FILE (or DEALBOARD_TOKEN) say where and as whom. Needs `websockets`.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

# The cursor and the records stand in one operation, so both are of the same instant.
SNAPSHOT = "{ cursor pipelines { id name stages { id name totals { count } } } }"
STAGE_CHANGED = """
subscription ($after: String!) {
  stageChanged(after: $after) { cursor occurredAt lead { id title } fromStage { id name } toStage { id name } }
}
"""

PROTOCOL = Subprotocol("graphql-transport-ws")
LONGEST_WAIT = 30.0
ANSWER_WITHIN = 5.0
HOPELESS = {4400, 4406, 4409, 4429}  # we do not speak the protocol: it will not get better
PASSING = {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR", "RATE_LIMITED", "TOO_MANY_SUBSCRIPTIONS"}

URL = os.environ.get("DEALBOARD_URL", "ws://127.0.0.1:8000/graphql")
ORGANISATION = os.environ.get("DEALBOARD_ORG", "demo")


class Refused(Exception):
    """The server refused an operation, or could not finish it."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(error["message"] for error in errors))
        self.codes = {error.get("extensions", {}).get("code") for error in errors}


def token() -> str:
    """A token that is good now. A real application asks its identity provider, and does not keep an old one."""
    file = os.environ.get("DEALBOARD_TOKEN_FILE")
    return Path(file).read_text().strip() if file else os.environ.get("DEALBOARD_TOKEN", "")


async def run(socket: ClientConnection, query: str, **variables: Any) -> AsyncGenerator[dict[str, Any]]:
    """The results of an operation. Raises `Refused`, or `ConnectionClosed`."""
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    while True:
        message = json.loads(await socket.recv())
        match message["type"]:
            case "next" if not message["payload"].get("errors"):
                yield message["payload"]["data"]
            case "next":
                raise Refused(message["payload"]["errors"])
            case "error":
                raise Refused(message["payload"])
            case "ping":
                await socket.send('{"type":"pong"}')
            case "complete":
                return


async def once(after: str | None) -> AsyncGenerator[dict[str, Any]]:
    """What one connection delivers: a snapshot, unless there is a cursor to continue after, then events."""
    # A network that was cut says nothing: only an unanswered ping does, and `connect` sends them.
    async with connect(URL, subprotocols=[PROTOCOL], ping_interval=10, ping_timeout=ANSWER_WITHIN) as socket:
        credentials = {"Authorization": f"Bearer {token()}", "orgid": ORGANISATION}
        await socket.send(json.dumps({"type": "connection_init", "payload": credentials}))
        await asyncio.wait_for(socket.recv(), ANSWER_WITHIN)  # connection_ack; whatever else there is closes the socket
        if after is None:
            async for data in run(socket, SNAPSHOT):
                after = data["cursor"]
                yield {"snapshot": data}
        async for data in run(socket, STAGE_CHANGED, after=after):
            yield {"event": data["stageChanged"]}


async def follow(after: str | None = None) -> AsyncGenerator[dict[str, Any]]:
    """Everything after a cursor; without one, beginning with a snapshot. Raises only what coming back does not mend."""
    failures = 0
    while True:
        began, why = time.monotonic(), "the server has ended the subscription"
        try:
            async with aclosing(once(after)) as lines:
                async for line in lines:
                    yield line
                    # Only now: what was not yielded comes again.
                    after = (line.get("event") or line["snapshot"])["cursor"]
                    failures = 0
        except Refused as refused:
            if "CURSOR_EXPIRED" in refused.codes:
                after = None  # what follows is no longer kept: look at what is now
            elif not refused.codes & PASSING:
                raise
            why = str(refused)
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in HOPELESS:
                raise
            why = str(closed)
        except InvalidURI:
            raise
        except (OSError, TimeoutError, WebSocketException) as lost:
            why = str(lost)
        print(f"{why}: coming back", file=sys.stderr)
        if time.monotonic() - began > LONGEST_WAIT:
            failures = 0  # it was good for a while, though nothing happened
        # Anything up to twice as long each time: a thousand clients must not come back at the same moment.
        await asyncio.sleep(random.random() * min(LONGEST_WAIT, 0.25 * 2**failures))
        failures += 1


async def main() -> None:
    """Print each snapshot and event as a line of JSON."""
    async for line in follow(*sys.argv[1:2]):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
