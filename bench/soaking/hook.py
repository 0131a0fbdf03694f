"""A receiver of webhooks that can be at fault, and what it was sent."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import orjson

from engine.live.selection import decode_cursor
from engine.outgoing.signing import key_bytes, signed

WELL = "204"
HANGS, DROPS = "hangs", "drops"
FAULTS: Mapping[str, str] = {
    "receiver hangs": HANGS,
    "receiver drops the connection after the body": DROPS,
    "receiver answers 500": "500",
    "receiver answers 429": "429 Retry-After: 1\r\n",
    "receiver answers 410": "410",
}
"""How a receiver can be at fault, and what it does then: a status with headers, or something else."""


@dataclass(frozen=True)
class Sent:
    """A request: the number and the lead of its event, its id, its body, and whether it was taken."""

    number: int
    lead: str
    id: str
    raw: bytes
    taken: bool


@dataclass
class Hook:
    """The receiver. `mood` is what it does with requests now."""

    port: int = 0
    mood: str = WELL
    secret: str = ""
    sent: list[Sent] = field(default_factory=list)
    forged: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> set[int]:
        """The numbers of the events that it has taken."""
        return {one.number for one in self.sent if one.taken}

    def be(self, mood: str) -> None:
        """Do something else with requests from now on; those that hang are dropped."""
        self.mood = mood
        self.changed.set()
        self.changed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Hook"]:
        """A receiver on loopback."""
        hook = cls()
        server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
        hook.port = server.sockets[0].getsockname()[1]
        try:
            yield hook
        finally:
            server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                """One after the other."""
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        raw, mood = await reader.readexactly(int(headers["content-length"])), self.mood
        wanted = signed([key_bytes(self.secret)], headers["webhook-id"], int(headers["webhook-timestamp"]), raw)
        self.forged += wanted["webhook-signature"] != headers["webhook-signature"]
        body = orjson.loads(raw)
        number = decode_cursor(body["cursor"])[1]
        self.sent.append(Sent(number, body["data"]["lead"]["id"], headers["webhook-id"], raw, mood == WELL))
        if mood == HANGS:
            await self.changed.wait()
        if mood in (HANGS, DROPS):
            return False
        status, _, more = mood.partition(" ")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{more}\r\n".encode())
        await writer.drain()
        return True


def misdelivered(sent: Sequence[Sent], steps: Mapping[int, str]) -> list[str]:
    """In words, how what a webhook was sent differs from the stage changes of each lead: at least once, always with the
    same id and body, and those of a lead first taken in their order."""
    words = []
    if missing := sorted(steps.keys() - {one.number for one in sent if one.taken}):
        words.append(f"the webhook missed {len(missing)}: {missing[:10]}")
    if surplus := sorted({one.number for one in sent} - steps.keys()):
        words.append(f"the webhook was sent {len(surplus)} that are not there: {surplus[:10]}")
    forms: dict[int, set[tuple[str, bytes]]] = defaultdict(set)
    for one in sent:
        forms[one.number].add((one.id, one.raw))
    if many := [number for number, found in forms.items() if len({id for id, _ in found}) > 1]:
        words.append(f"the webhook was sent {len(many)} with several ids: {many[:10]}")
    if len({id for found in forms.values() for id, _ in found}) < len(forms):
        words.append("the webhook was sent several events with one id")
    orders: dict[str, list[int]] = defaultdict(list)
    for one in sent:
        if one.taken and one.number not in orders[one.lead]:
            orders[one.lead].append(one.number)
    if wild := [lead for lead, order in orders.items() if order != sorted(order)]:
        words.append(f"the webhook was not sent the steps of {len(wild)} leads in order: {wild[:3]}")
    return words
