"""`python -m bench.live`: the cost of an event with a thousand subscribers, and how soon they receive it.

The contestants take turns, so that other load on the machine affects all of them alike. Times start when the request
that causes the event is sent. Dealboard's is a moveLead with its transaction; the others receive the finished event.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgres
from bench.data import Place, place, prepare
from bench.dealboard import token
from bench.live_load import Load, loading
from bench.redis_server import redis_server
from bench.server import Server, running

ORGANISATIONS = ("bench-live", "bench-live-too")
OURS = "{ stageChanged { cursor occurredAt lead { id title } fromStage { id name } toStage { id name } } }"
USUAL = "{ stageChanged { cursor occurredAt lead { id name } fromStage { id name } toStage { id name } } }"
NAMED = {"id": "lead_01a21a5c-4a3e-7a44-ada8-8d78c3702463", "name": "Renewal of 40 seats"}
READY_MADE = {
    "cursor": "A" * 32,
    "occurred_at": "2026-01-05T09:00:00Z",
    "lead": NAMED,
    "from_stage": NAMED,
    "to_stage": NAMED,
}

console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass
class Contestant:
    """One server, the documents that its sockets subscribe with, and the requests that cause an event there."""

    title: str
    server: Server
    documents: list[str]
    made: "Events"

    def open(self, load: Load, sockets: int) -> None:
        """Open the sockets, and wait until all of them receive events."""
        init = {"type": "connection_init", "payload": self.made.headers}
        load.do("open", self.title, self.server.port, sockets, init, self.documents)
        for _ in range(10):
            time.sleep(1)
            try:
                load.do("event", self.title, self.server.port, self.made.next(1))
            except RuntimeError:
                continue
            return
        raise RuntimeError(f"{self.title}: not all subscribe")

    def event(self, load: Load, count: int = 1) -> dict[str, Any]:
        """So many events, one after the other."""
        return load.do("event", self.title, self.server.port, self.made.next(count))


class Events:
    """Requests that cause an event: moves of leads of the organisation, or a body that is passed on."""

    def __init__(self, place: Place | None = None, body: str = "") -> None:
        self.place = place
        self.body = body
        self.headers = {"Authorization": f"Bearer {token(place.key)}", "orgid": place.key} if place else {}
        self.made = 0

    def next(self, count: int) -> list[str]:
        """The next requests."""
        return [self._request() for _ in range(count)]

    def _request(self) -> str:
        body = self.body or self._move()
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        size = len(body.encode())
        return (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Type: application/json\r\n"
            f"Content-Length: {size}\r\n\r\n{body}"
        )

    def _move(self) -> str:
        assert self.place is not None
        self.made += 1
        lead = self.place.leads[0]
        stage = self.place.stages[self.made % 2]
        query = "mutation ($input: MoveLeadInput!) { moveLead(input: $input) { userErrors { code message } } }"
        return orjson.dumps({"query": query, "variables": {"input": {"leadId": lead, "stageId": stage}}}).decode()


def main(
    sockets: Annotated[int, typer.Option(help="Subscribers of each server.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="Rounds; the medians are shown.")] = 15,
    late: Annotated[bool, typer.Option(help="Measure delays within and between processes, too.")] = True,
    idle: Annotated[int, typer.Option(help="Sockets whose memory is measured; 0 for none.")] = 5_000,
) -> None:
    """Run the measurement."""
    # All sockets belong to one member.
    with environment(DEALBOARD_MAX_CONNECTIONS_PER_MEMBER="10000"), postgres() as server_url, loading() as load:
        url = asyncio.run(prepare(server_url))
        found, other = (asyncio.run(place(url, key, 600, fresh=True)) for key in ORGANISATIONS)
        fan_out(url, found, other, load, sockets, rounds)
        if late:
            delays(url, found, load)
        if idle:
            memory(url, found, load, idle)


def fan_out(url: str, place: Place, other: Place, load: Load, sockets: int, rounds: int) -> None:
    """One event to all sockets, and many of them in a row."""
    with ExitStack() as stack:
        names = ("dealboard", "dealboard", "live_limit", "live_usual")
        one, fifty, limit, usual = (stack.enter_context(running(name, url)) for name in names)
        different = [f"subscription {OURS.replace('stageChanged', f'e{nth}: stageChanged')}" for nth in range(50)]
        contestants = [
            Contestant("dealboard, one document", one, [f"subscription {OURS}"], Events(place)),
            Contestant("dealboard, 50 documents", fifty, different, Events(other)),
            Contestant("limit: bare Starlette", limit, [""], Events()),
            Contestant("usual: Strawberry, broadcaster", usual, [f"subscription {USUAL}"], _ready_made()),
        ]
        for one_ in contestants:
            if one_.server is limit:
                one_.made.body = contestants[0].event(load)["sample"]  # the same bytes
            one_.open(load, sockets)
        times: dict[str, list[float]] = {one_.title: [] for one_ in contestants}
        rates: dict[str, list[float]] = {one_.title: [] for one_ in contestants}
        used: dict[str, list[float]] = {one_.title: [] for one_ in contestants}
        for _ in range(rounds):
            for one_ in contestants:
                before = one_.server.cpu_seconds
                times[one_.title].append(one_.event(load)["last"])
                used[one_.title].append((one_.server.cpu_seconds - before) * 1000)
        for _ in range(3):
            for one_ in contestants:
                rates[one_.title].append(20_000 / one_.event(load, 20)["last"])
        for one_ in contestants:
            load.do("close", one_.title)
    table = Table(
        "", "ms to the last", "to the limit", "quartiles", "CPU ms", "events a second", title=f"{sockets:,} subscribers"
    )
    base = times[contestants[2].title]
    for name, found in times.items():
        ratios = [one_ / limit_ for one_, limit_ in zip(found, base, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        rate, cpu = f"{median(rates[name]):.0f}", f"{median(used[name]):.1f}"
        table.add_row(name, f"{median(found):.1f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}", cpu, rate)
    console.print(table)


def _ready_made() -> Events:
    return Events(body=orjson.dumps(READY_MADE).decode())


def delays(url: str, place: Place, load: Load) -> None:
    """From just before the commit to a subscriber: in one process, and from one to another."""
    table = Table("from commit to subscriber", "p50 ms", "p99 ms")
    with redis_server() as redis:
        for carrier, events_url in (("PostgreSQL", ""), ("Redis", redis.url)):
            with environment(DEALBOARD_EVENTS_URL=events_url), ExitStack() as stack:
                here, there = (stack.enter_context(running("dealboard", url)) for _ in range(2))
                for title, listens in (("one process", here), (f"two, by {carrier}", there)):
                    events = Events(place)
                    listener = Contestant(title, listens, [f"subscription {OURS}"], events)
                    listener.open(load, 1)
                    late: list[float] = []
                    for _ in range(300):
                        late += load.do("event", title, here.port, events.next(1))["late"]
                    load.do("close", title)
                    late.sort()
                    table.add_row(title, f"{late[len(late) // 2]:.1f}", f"{late[int(len(late) * 0.99)]:.1f}")
    console.print(table)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables for the servers that start meanwhile; empty ones are left out."""
    given = {name: value for name, value in variables.items() if value}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]


def memory(url: str, place: Place, load: Load, sockets: int) -> None:
    """The memory of a subscriber that receives nothing."""
    with running("dealboard", url) as server:
        contestant = Contestant("idle", server, [f"subscription {OURS}"], Events(place))
        contestant.open(load, 10)
        before = _resident(server)
        load.do("close", "idle")
        contestant.open(load, sockets)
        after = _resident(server)
    console.print(f"{sockets:,} idle subscribers: {(after - before) / sockets:.1f} kB each")


def _resident(server: Server) -> int:
    """Memory of a server's process, in kB."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


if __name__ == "__main__":
    typer.run(main)
