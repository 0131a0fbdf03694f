"""`python -m bench.neighbours`: can one organisation stop another?

A victim does its work, a board, a move and a ping at a time, first alone and then during each attack of
`bench/attacks.py` from another organisation, against one server process. The victim, the attacker and the server are
processes of their own, but share the processors of this machine.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import asyncpg
import orjson
import psutil
import typer
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgres
from bench.attacking.house import describe, process, serving
from bench.attacking.victim import WORK
from bench.attacks import BY_ROW, Attack
from bench.data import Place, place, prepare
from bench.report import RESULTS

VICTIM, ATTACKER, FEW = ("bench-victim", 6_000), ("bench-attacker", 50_000), ("bench-attacker-few", 8)
SETTLING = 2.0
"""Seconds after an attack until memory is compared."""

RATIO = 3.0
"""How many times as long the victim's work may take while another organisation is attacked."""

HEADER = (
    "row",
    "attack",
    "what it got",
    "board ms",
    "move ms",
    "ping ms",
    "ratio",
    "refused",
    "server MB",
    "PG MB",
    "",
)

console = Console(width=None if sys.stdout.isatty() else 190)


@dataclass
class House:
    """A running server with its organisations."""

    port: int
    pid: int
    url: str
    victim: Place
    attacker: Place
    few: Place

    async def memory(self, connection: asyncpg.Connection) -> tuple[float, float]:
        """Private memory of the server and of its PostgreSQL processes, in MB."""
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return _private([self.pid]), _private([row[0] for row in rows])


@dataclass
class Result:
    """One attack: what the attacker got, the victim's p99 without and with it, and the memory."""

    row: str
    title: str
    got: dict[str, int]
    idle: dict[str, Any]
    during: dict[str, Any]
    memory: list[tuple[float, float]]
    """Before, at the peak, and after: of the server and of its PostgreSQL processes."""

    @property
    def ratio(self) -> float:
        """The largest of the ratios of p99."""
        return max(float(self.during[name][1] / self.idle[name][1]) for name in WORK)

    @property
    def right(self) -> bool:
        """Whether the victim was answered soon enough, and nothing was refused."""
        return self.ratio <= RATIO and not self.during["refused"]

    def cells(self) -> list[str]:
        """The row of the table."""
        got = ", ".join(f"{count} {code}" for code, count in sorted(self.got.items()))
        times = [f"{self.idle[name][kind]:.1f} → {self.during[name][kind]:.1f}" for kind in (0, 1) for name in WORK]
        memory = [" → ".join(f"{moment[part]:.0f}" for moment in self.memory) for part in (0, 1)]
        refused = str(len(self.during["refused"]))
        return [self.row, self.title, got, *times, f"{self.ratio:.1f}", refused, *memory, "yes" if self.right else "NO"]


def main(
    only: Annotated[str, typer.Option(help="The rows to run, separated by commas.")] = ",".join(BY_ROW),
    seconds: Annotated[float, typer.Option(help="Seconds of each attack, and of the victim's work before it.")] = 5.0,
) -> None:
    """Measure what the victim notices of each attack on the server."""
    rows = [row for row in only.split(",") if row]
    if unknown := set(rows) - set(BY_ROW):
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BY_ROW)}")
    results = []
    with postgres() as server_url:
        with console.status("Preparing the database…"):
            url, *places = asyncio.run(_prepared(server_url))
        with serving(url) as (port, pid):
            house = House(port, pid, url, *places)
            with process("bench.attacking.victim") as victim:
                measured(victim, house, 2.0)
                for attack in (BY_ROW[row] for row in rows):
                    results.append(result := asyncio.run(attacked(attack, house, victim, seconds)))
                    console.print(" | ".join(result.cells()))
                    for refused in result.during["refused"][:5]:
                        console.print(f"    refused to the victim: {refused}")
    report(results, seconds)


async def _prepared(server_url: str) -> tuple[str, Place, Place, Place]:
    url = await prepare(server_url)
    places = [await place(url, key, leads, fresh=True) for key, leads in (VICTIM, ATTACKER, FEW)]
    await describe(url, places[1], 100)
    return url, places[0], places[1], places[2]


def measured(victim: subprocess.Popen[bytes], house: House, seconds: float) -> dict[str, Any]:
    """The victim's work for so long."""
    assert victim.stdin is not None
    assert victim.stdout is not None
    victim.stdin.write(orjson.dumps([house.port, asdict(house.victim), seconds]) + b"\n")
    victim.stdin.flush()
    found: dict[str, Any] = orjson.loads(victim.stdout.readline())
    return found


async def attacked(attack: Attack, house: House, victim: subprocess.Popen[bytes], seconds: float) -> Result:
    """One attack, with the victim's work before and during it."""
    idle = await asyncio.to_thread(measured, victim, house, seconds)
    connection = await asyncpg.connect(house.url)
    seen = [await house.memory(connection)]
    watching = asyncio.create_task(_watch(house, connection, seen))
    with process("bench.attacks", attack.row) as attacker:
        assert attacker.stdin is not None
        assert attacker.stdout is not None
        given = [house.port, asdict(house.attacker), asdict(house.few), seconds]
        attacker.stdin.write(orjson.dumps(given) + b"\n")
        attacker.stdin.flush()
        await asyncio.to_thread(attacker.stdout.readline)
        during = await asyncio.to_thread(measured, victim, house, seconds)
        got = orjson.loads(await asyncio.to_thread(attacker.stdout.readline) or b'{"FAILED":1}')
    await asyncio.sleep(SETTLING)
    watching.cancel()
    await asyncio.wait([watching])
    await connection.close()
    peak = max(server for server, _ in seen), max(backends for _, backends in seen)
    return Result(attack.row, attack.title, got, idle, during, [seen[0], peak, seen[-1]])


async def _watch(house: House, connection: asyncpg.Connection, seen: list[tuple[float, float]]) -> None:
    while True:
        seen.append(await house.memory(connection))
        await asyncio.sleep(0.1)


def _private(pids: Sequence[int]) -> float:
    """Memory of these processes that they do not share, in MB."""
    found = 0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            memory = psutil.Process(pid).memory_info()
            found += memory.rss - memory.shared
    return found / 1_000_000


def report(results: Sequence[Result], seconds: float) -> None:
    """Print the results, and write them as Markdown."""
    table = Table(*HEADER, title="The victim's milliseconds, alone → during the attack", title_justify="left")
    for result in results:
        table.add_row(*result.cells())
    console.print(table)
    rows = [HEADER, ["---"] * len(HEADER), *(result.cells() for result in results)]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "neighbours.md"
    path.write_text(
        f"# Neighbours, {at}\n\n{seconds:g} s of each. Milliseconds, alone → during the attack.\n\n{text}\n"
    )
    console.print(f"Written to {path}")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
