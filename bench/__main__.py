"""`make bench`: measures the cases round by round, then prints and writes the results.

The contestants of a case take turns in short rounds, so that other load on the machine affects all of them alike.
"""

import asyncio
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import orjson
import typer
from rich.console import Console

from bench.cases import (
    CHANGES,
    Case,
    board_cases,
    change_cases,
    growth_cases,
    lead_cases,
    move_cases,
    order_cases,
    tasks_cases,
    timeline_cases,
)
from bench.data import NEIGHBOUR, QUALIFIED, crowd, place, prepare
from bench.load import Load, loading
from bench.report import Measured, Ratio, Report
from bench.server import Server, running
from bench.work import work
from server.process.postgres import embedded

GROWING = ("growth", "timeline", "tasks")
"""The cases that run the same contestant in organisations of different sizes."""
ALL = ("board", "lead", "move", "order", *CHANGES, *GROWING)
BOUNDS: dict[tuple[str, str], dict[str, float]] = {
    ("board", "limit"): {"least": 0.85},
    ("board", "usual"): {"least": 8},
    ("lead", "limit"): {},
    ("lead", "usual"): {},
    ("move", "limit"): {"least": 0.7},
    ("move", "without consumers"): {"least": 0.95},
    ("order", "without a log"): {},
    **{(name, "limit"): {"least": 0.6} for name in CHANGES},
}
"""Which contestants to compare, by case, and the bound to reach."""
GROWTH = 1.5
"""How much longer a board or a page may take in the largest organisation than in the smallest one."""

console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True)
class Mode:
    """How long to measure."""

    name: str
    rounds: int
    seconds: float
    warm_up: float
    sizes: tuple[int, ...]
    crowd: int
    """Leads to change once each."""


QUICK = Mode("quick", 3, 0.4, 0.2, (1_000, 60_000), 12_000)
FULL = Mode("full", 9, 2.0, 1.0, (1_000, 60_000, 1_000_000), 90_000)


def main(
    quick: Annotated[
        bool, typer.Option(help="Short rounds, and no organisation with more than 60,000 of anything.")
    ] = False,
    only: Annotated[str, typer.Option(help="The cases to measure, separated by commas.")] = ",".join(ALL),
) -> None:
    """Measure Dealboard against hand-written SQL and against the usual way."""
    chosen = only.split(",")
    if unknown := set(chosen) - set(ALL):
        raise typer.BadParameter(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    mode = QUICK if quick else FULL
    with postgres() as server_url:
        url, version, cases = asyncio.run(prepared(server_url, chosen, mode))
        report = Report(mode.name, version)
        with ExitStack() as stack:
            names = sorted({one.server for case in cases for one in case.contestants})
            servers = {name: stack.enter_context(running(name, url)) for name in names}
            load = stack.enter_context(loading())
            sent: Counter[tuple[str, str]] = Counter()  # cases with the same data continue where the case before ended
            for case in cases:
                data = case.name, case.where
                sent[data] += expect_right(case, servers, sent[data])
                measured, sent[data] = measure(case, servers, load, mode, sent[data])
                report.cases[case.title] = measured
                report.ratios += ratios(case, measured)
    report.print(console)
    console.print(f"Written to {report.write()}")


@contextmanager
def postgres() -> Iterator[str]:
    """The server to measure on: the given one, or the embedded one in a folder that is kept."""
    if given := os.environ.get("DEALBOARD_BENCH_DATABASE_URL"):
        yield given
        return
    with embedded(Path(".data") / "bench") as url:
        yield url


async def prepared(server_url: str, chosen: Sequence[str], mode: Mode) -> tuple[str, str, list[Case]]:
    """The data, loaded: the URL of the database, PostgreSQL's version, and the cases."""
    with console.status("Preparing the database…"):
        url = await prepare(server_url)
        sizes = mode.sizes if "growth" in chosen else ()
        places = {}
        for leads in sorted({*({60_000} if {"board", "lead"} & set(chosen) else ()), *sizes}):
            console.log(f"an organisation with {leads:,} leads")
            places[leads] = await place(url, f"bench-{leads}", leads)
        cases: list[Case] = []
        if "board" in chosen:
            cases += board_cases(places[60_000])
        if "lead" in chosen:
            cases += lead_cases(places[60_000])
        if "move" in chosen:
            cases += move_cases(await place(url, "bench-moves", 6_000, fresh=True))
        if "order" in chosen:
            many = [await place(url, f"neighbour-{nth}", NEIGHBOUR) for nth in range(50)]
            cases += order_cases(await place(url, "bench-order", 6_000, fresh=True), many)
        for name in CHANGES.keys() & set(chosen):
            console.log(f"an organisation with leads to {name}")
            convertible = QUALIFIED if name == "convert" else ""
            cases += change_cases(name, await crowd(url, f"bench-{name}", mode.crowd, convertible))
        if "growth" in chosen:
            cases += growth_cases({leads: places[leads] for leads in sizes})
        if not {"timeline", "tasks"}.isdisjoint(chosen):
            cases += [case for case in await work_cases(url, mode) if case.name in chosen]
        connection = await asyncpg.connect(url)
        await connection.execute("CHECKPOINT")
        version = await connection.fetchval("SHOW server_version")
        await connection.close()
        return url, version, cases


async def work_cases(url: str, mode: Mode) -> list[Case]:
    """The cases with tasks and events, in organisations with different numbers of them."""
    works = {}
    for size in mode.sizes:
        console.log(f"an organisation with {size:,} tasks, and as many events of a lead")
        works[size] = await work(url, size)
    return timeline_cases(works) + tasks_cases(works)


def measure(case: Case, servers: dict[str, Server], load: Load, mode: Mode, sent: int) -> tuple[list[Measured], int]:
    """All rounds of a case, from the request `sent` on; also returns the request to continue with."""
    found = [Measured(one.name) for one in case.contestants]
    for nth in range(-1, mode.rounds):
        for one, result in zip(case.contestants, found, strict=True):
            if console.is_terminal:
                console.print(f"{case.title}: round {nth + 1} of {mode.rounds}", end="\r")
            server = servers[one.server]
            used = server.cpu_seconds
            run = load.run(
                server.port,
                one.requests,
                connections=case.connections,
                seconds=mode.seconds if nth >= 0 else mode.warm_up,
                start=sent,
            )
            sent = int(run["sent"])
            result.size = run["length"]
            if nth >= 0:
                result.rates.append(run["rate"])
                result.p50.append(run["p50"])
                result.p99.append(run["p99"])
                result.cpu.append((server.cpu_seconds - used) / run["count"] * 1000)
    return found, sent


def ratios(case: Case, measured: list[Measured]) -> list[Ratio]:
    """Ours against each of the others; for growth, the time of the largest against that of the smallest."""
    if case.name in GROWING:
        small, *larger = measured
        return [
            Ratio(case.title, one.name, small.name, _divided(small.rates, one.rates), most=GROWTH) for one in larger
        ]
    ours = next(one for one in measured if one.name == case.ours)
    return [
        Ratio(case.title, ours.name, one.name, _divided(ours.rates, one.rates), **BOUNDS[case.name, one.name])
        for one in measured
        if (case.name, one.name) in BOUNDS
    ]


def _divided(of: list[float], to: list[float]) -> list[float]:
    return [one / other for one, other in zip(of, to, strict=True)]


def expect_right(case: Case, servers: dict[str, Server], sent: int) -> int:
    """Stop unless all contestants answer, and answer the same. Returns the number of requests used for it."""
    used = 0 if case.same else 1
    answers = {
        one.name: ask(servers[one.server].port, one.requests[(sent + nth * used) % len(one.requests)])
        for nth, one in enumerate(case.contestants)
    }
    for name, answer in answers.items():
        if answer.get("errors") or not answer.get("data") or refused(answer["data"]):
            raise RuntimeError(f"{case.name}: {name} answers {str(answer)[:500]}")
    first, *others = answers
    for other in others if case.same else ():
        if answers[first] != answers[other]:
            raise RuntimeError(f"{case.name}: {first} and {other} do not answer the same")
    return used * len(answers)


def refused(data: dict[str, Any]) -> bool:
    """Whether a change was refused, because a refusal takes less time."""
    return any(isinstance(payload, dict) and payload.get("userErrors") for payload in data.values())


def ask(port: int, request: str) -> dict[str, Any]:
    """The answer to one request."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    if not body:
        raise RuntimeError(head.decode())
    answer: dict[str, Any] = orjson.loads(body)
    return answer


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
