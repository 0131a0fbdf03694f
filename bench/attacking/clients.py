"""Attacks by connections and sockets: silent, mute, or with too much to do."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress

import orjson
from websockets.exceptions import ConnectionClosed

from bench.attacking.attacker import Attacker, flood, headers
from bench.live_load import UPGRADE, frame


async def silent_connections(attacker: Attacker) -> None:
    """Connections that never send a byte, and others that send half a body. Nobody has a token."""
    half = b'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"query'
    async with AsyncExitStack() as stack:
        for nth in range(attacker.size(1_200, 30)):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
            except OSError as failure:
                attacker.count(type(failure).__name__)
                continue
            stack.callback(writer.transport.abort)
            if nth % 24 == 0:
                writer.write(half)
        attacker.count("connected", nth + 1)
        attacker.begin()
        await asyncio.sleep(attacker.seconds)


async def mute_sockets(attacker: Attacker) -> None:
    """Sockets that read but answer no ping."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
        writer.write(UPGRADE.encode())
        with suppress(OSError, EOFError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame({"type": "connection_init", "payload": headers(attacker.place.key, "viewer")}))
            frames = b""
            # Until the close frame is complete, whose payload begins with its code.
            while (at := frames.find(b"\x88")) < 0 or len(frames) < at + 4:
                if not (data := await reader.read(65_536)):
                    break
                frames = (frames + data)[-2_000:]
            attacker.count(str(int.from_bytes(frames[at + 2 : at + 4])) if at >= 0 else "cut")
        writer.transport.abort()

    await attacker.waves(attacker.size(50, 5), one)


async def replays(attacker: Attacker) -> None:
    """One socket replays everything twelve times at once, each event with many totals, and is closed meanwhile."""
    begin = (await attacker.post("{cursor}", role="admin"))["cursor"]
    leads = list(attacker.place.leads[: attacker.size(500, 20)])
    for _ in range(4):
        member = (await attacker.post("{viewer{member{id}}}", role="admin"))["viewer"]["member"]["id"]
        for who in (member, None):
            change = "mutation($i:AssignLeadsInput!){assignLeads(input:$i){userErrors{code}}}"
            await attacker.post(change, {"i": {"leadIds": leads, "memberId": who}}, role="admin")

    async def one() -> None:
        async with attacker.socket() as socket:
            if socket is None:
                return
            for nth in range(12):
                totals = " ".join(f'k{k}:totals(filter:{{search:"{nth}{k}"}}){{count}}' for k in range(3))
                event = f"...on LeadAssigned{{lead{{stage{{{totals}}}}}}}"
                query = f"subscription($a:String){{events(after:$a){{cursor {event}}}}}"
                message = {"query": query, "variables": {"a": begin}}
                await socket.send(orjson.dumps({"id": str(nth), "type": "subscribe", "payload": message}), text=True)
            await attacker.listen(socket, 1.0)

    await attacker.waves(1, one)


async def endless_heads(attacker: Attacker) -> None:
    """A header, a URL and a million headers without an end, and without a token."""
    head = b"GET /graphql HTTP/1.1\r\nHost: x\r\n"
    size = attacker.size(100_000_000, 1_000_000)
    kinds = [
        (head + b"X-A: ", b"x" * 65_536, size, b"\r\n\r\n"),
        (b"GET /", b"x" * 65_536, size, b" HTTP/1.1\r\n\r\n"),
        (head, b"a: b\r\n" * 10_000, size // 10, b"\r\n"),
    ]
    await attacker.waves(3, lambda: flood(attacker, *kinds[attacker.next() % 3]))


async def fan_out(attacker: Attacker) -> None:
    """Five hundred subscribers of an organisation, 800 different streams of one viewer, and a stage of thousands of
    leads is deleted."""
    async with AsyncExitStack() as stack:
        listening: list[asyncio.Task[None]] = []
        members = attacker.size(10, 2)
        for nth in range(2 * members):
            viewer = nth >= members
            socket = await stack.enter_async_context(attacker.socket("rep", "viewer" if viewer else f"rep-{nth}"))
            if socket is None:
                continue
            listening.append(asyncio.create_task(attacker.listen(socket, 600)))
            for k in range(80 if viewer else 50):
                alias = f"x{nth}_{k}:" if viewer else ""
                message = {"query": f"subscription{{{alias}events{{cursor ...on StageChanged{{lead{{title}}}}}}}}"}
                text = orjson.dumps({"id": str(k), "type": "subscribe", "payload": message})
                with suppress(ConnectionClosed):
                    await socket.send(text, text=True)
        attacker.begin()
        old, new, *_ = attacker.place.stages
        query = "mutation($i:DeleteStageInput!){deleteStage(input:$i){userErrors{code}}}"
        await attacker.post(query, {"i": {"stageId": old, "moveLeadsTo": new}}, role="admin")
        await asyncio.wait(listening, timeout=max(1.0, attacker.until - time.monotonic()))
        for task in listening:
            task.cancel()
        await asyncio.wait(listening)
