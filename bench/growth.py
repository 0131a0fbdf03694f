"""`python -m bench.growth`: what grows with an organisation, and what with the number of organisations beside it.

Each operation runs in an organisation of `--leads` leads that is alone in its database, and again beside `--beside`
organisations of 20 leads, by which PostgreSQL estimates. It runs in this process, one operation at a time, as the
server runs it: planned for all values or for its own, by the size of the organisation.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from time import perf_counter
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid5

import asyncpg
import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgres
from bench.growing.data import LARGE, SMALL, load, load_large
from bench.growing.rows import READS, changes
from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Allowance, Plans
from models.database import Database
from models.migrate import migrate
from models.rules.roles import Role
from models.tables.base import NAMESPACE, organisation_id
from resolvers.domain import CRM
from schema.api import graphql_schema

DATABASE = "dealboard_growth"
ROUNDS = 5

Times = dict[str, float]
"""Milliseconds by operation."""

console = Console(width=None if sys.stdout.isatty() else 120)


def main(
    leads: Annotated[int, typer.Option(min=1_000, help="Leads of the large organisation.")] = 100_000,
    beside: Annotated[int, typer.Option(min=0, help="Small organisations beside it.")] = 2_000,
    only: Annotated[str, typer.Option(help="Only the operations with this text in their names.")] = "",
    slow: Annotated[float, typer.Option(help="Milliseconds from which an operation is shown in red.")] = 100.0,
) -> None:
    """Measure what grows with an organisation."""
    with postgres() as server_url:
        alone, crowded = asyncio.run(measured(server_url, leads, beside, only))
    table = Table(title=f"{leads:,} leads, alone and beside {beside:,} organisations of {SMALL}")
    for name in ("operation", "alone, ms", "beside, ms", "ratio"):
        table.add_column(name, justify="left" if name == "operation" else "right")
    for name, one in alone.items():
        other = crowded.get(name)
        cells = [name, *(f"{value:,.1f}" if value is not None else "" for value in (one, other))]
        ratio = "" if other is None else f"{other / one:.2f}"
        table.add_row(*cells, ratio, style="red" if max(one, other or 0) >= slow else None)
    console.print(table)


async def measured(server_url: str, leads: int, beside: int, only: str) -> tuple[Times, Times]:
    """The times of each operation in a new database, without and with small organisations."""
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{DATABASE}"))
    server = await asyncpg.connect(server_url)
    await server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await server.execute(f"CREATE DATABASE {DATABASE}")
    try:
        await migrate(url)
        connection = await asyncpg.connect(url)
        with console.status(f"Loading {leads:,} leads…"):
            began = perf_counter()
            await load_large(connection, leads)
            console.log(f"{leads:,} leads in {perf_counter() - began:.0f} s")
        alone = await _times(url, only, 0)
        with console.status(f"Loading {beside:,} organisations…"):
            small = [uuid5(NAMESPACE, f"growth-{nth}") for nth in range(beside)]
            if small:
                await load(connection, small, SMALL)
        crowded = await _times(url, only, 1) if small else {}
        await connection.close()
        return alone, crowded
    finally:
        await server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        await server.close()


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[Engine]:
    """An engine that knows how large the organisation is, and gives every statement the time that it takes."""
    documents = Documents(graphql_schema, Limits())
    plans = Plans(graphql_schema, documents.limits, allowance=Allowance(10**6, 10**6))
    async with (
        Database.open(url, max_size=4, read_timeout=120.0, change_timeout=120.0) as database,
        Feed.open(database, CRM, poll_seconds=30) as feed,
    ):
        engine = Engine(graphql_schema, database, documents, feed, plans)
        org_id = organisation_id(LARGE)
        engine.sizes.is_large(org_id)
        while engine.sizes.looking:
            await asyncio.wait(engine.sizes.looking.values())
        yield engine


async def _times(url: str, only: str, part: int) -> Times:
    """The median of each operation that is asked for, after a first one that compiles and warms up."""
    caller = Caller(LARGE, "member-1", Role.ADMIN)
    times: Times = {}
    async with _engine(url) as engine:

        async def once(text: str, variables: Any = None) -> float:
            prepared = engine.documents.prepare(text)
            began = perf_counter()
            answer = await engine.execute(prepared, variables, caller)
            took = (perf_counter() - began) * 1000
            body = orjson.loads(answer.body)
            assert "errors" not in body, body["errors"]
            assert not (body["data"].get("result") or {}).get("userErrors"), body
            return took

        for name, text in _chosen(READS.items(), only):
            times[name] = await _median(partial(_same, once, text))
        names = [name for name, _ in _chosen(changes(0).items(), only)]
        for name in names:

            async def change(nth: int, name: str = name) -> float:
                text, given = changes(100 * part + nth)[name]
                return await once(text, {"input": given})

            times[name] = await _median(change)
    return times


async def _same(once: Callable[[str], Awaitable[float]], text: str, nth: int) -> float:
    return await once(text)


def _chosen(items: Iterable[tuple[str, Any]], only: str) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in items if only in name]


async def _median(run: Callable[[int], Awaitable[float]]) -> float:
    await run(0)
    took = [await run(1)]
    while len(took) < ROUNDS and sum(took) < 10_000:
        took.append(await run(1 + len(took)))
    return median(took)


if __name__ == "__main__":
    typer.run(main)
