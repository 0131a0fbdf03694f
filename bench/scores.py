"""`python -m bench.scores`: how long scoring all open leads of a pipeline takes, and what hand-written SQL takes.

20 rules in four groups. The hand-written statement gives the same points by the same conditions, in the same batches,
and writes a score and its points where they differ; it knows no bands, pins or instants, and writes no events.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgres
from bench.growing.data import LARGE, load_large
from engine.background.passing_time import TIME
from engine.change.events import append
from models.database import Connection, Database
from models.migrate import migrate
from models.tables.base import organisation_id
from resolvers.changes.run_sizes import BATCH
from resolvers.changes.scoring.points import Rules
from resolvers.changes.scoring.scoring import LOCK_LEADS, scored

DATABASE = "dealboard_scores"
ORG = organisation_id(LARGE)

Batch = Callable[[Connection, list[UUID]], Awaitable[Any]]
"""Scores some leads."""

console = Console(width=None if sys.stdout.isatty() else 120)


def conditions() -> Iterator[tuple[dict[str, Any], str]]:
    """20 conditions, and what each is in SQL."""
    for amount in (1_000, 10_000, 50_000, 100_000, 400_000):
        atleast = {"value": {"atLeast": {"amount": str(amount), "currency": "USD"}}}
        yield atleast, f"currency = 'USD' AND value >= {amount}"
    for word in ("licences", "seats", "renewal", "pilot", "audit"):
        yield {"title": {"contains": word}}, f"title ILIKE '%{word}%'"
    for month in (1, 2, 3, 4, 5):
        first, last = f"2026-0{month}-01", f"2026-0{month}-28"
        within = {"expectedCloseDate": {"within": {"from": first, "to": last}}}
        yield within, f"expected_close_date BETWEEN '{first}' AND '{last}'"
    for digit in (1, 3, 5, 7, 9):
        name = f"(SELECT name FROM customer WHERE org_id = $1 AND customer.id = lead.customer_id) ILIKE '%{digit}'"
        yield {"customerName": {"endsWith": str(digit)}}, name


def rules(shift: int) -> Rules:
    """The rules; with another shift, each gives other points."""
    made = [
        {"name": f"Rule {nth}", "points": nth % 7 + 1 + shift, "condition": condition, "activities": None}
        for nth, (condition, _) in enumerate(conditions())
    ]
    groups = [{"name": f"Group {at}", "min": 0, "max": 25, "rules": made[at : at + 5]} for at in range(0, len(made), 5)]
    bands = [{"name": "Warm", "from": 20, "leaveBelow": 18}, {"name": "Hot", "from": 35, "leaveBelow": 30}]
    return Rules(groups, bands)


def by_hand() -> str:
    """The hand-written statement."""
    points = [f"CASE WHEN {sql} THEN {nth % 7 + 1} ELSE 0 END AS r{nth}" for nth, (_, sql) in enumerate(conditions())]
    groups = [f"least(25, {' + '.join(f'r{nth}' for nth in range(at, at + 5))})" for at in range(0, len(points), 5)]
    return f"""
        WITH raw AS MATERIALIZED (
            SELECT id, score, {", ".join(points)} FROM lead WHERE org_id = $1 AND id = ANY($2) AND closed_at IS NULL
        ), made AS (
            SELECT id, score, least(100, {" + ".join(groups)}) AS total,
                ARRAY[{", ".join(f"r{nth}" for nth in range(len(points)))}] AS parts
            FROM raw
        ), changed AS (
            SELECT made.* FROM made LEFT JOIN by_hand ON by_hand.org_id = $1 AND by_hand.lead_id = made.id
            WHERE by_hand.parts IS DISTINCT FROM made.parts
        ), written AS (
            UPDATE lead SET score = changed.total FROM changed
            WHERE lead.org_id = $1 AND lead.id = changed.id AND lead.score IS DISTINCT FROM changed.total
        )
        INSERT INTO by_hand (org_id, lead_id, total, parts) SELECT $1, id, total, parts FROM changed
        ON CONFLICT (org_id, lead_id) DO UPDATE SET total = excluded.total, parts = excluded.parts
    """


async def publish(connection: Connection, version: int, shift: int) -> None:
    """Publish a version of the rules."""
    made = rules(shift)
    await connection.execute(
        "INSERT INTO scoring_model (org_id, pipeline_id, version, groups, bands, parts, published_at)"
        " SELECT $1, pipeline_id, $2, $3, $4, $5, now() FROM lead WHERE org_id = $1 LIMIT 1",
        *(ORG, version, *(orjson.dumps(part).decode() for part in (made.groups, made.bands, made.parts))),
    )


async def one_batch(connection: Connection, ids: list[UUID]) -> None:
    """Score leads as a batch of a run does."""
    leads = await LOCK_LEADS.all(connection, org_id=ORG, ids=ids)
    _, new_events = await scored(connection, ORG, leads)
    if new_events:
        await append(connection, ORG, new_events, TIME)


async def unscored(url: str) -> None:
    """Take all scores away, and what that has left behind."""
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE lead SET score = NULL")
    await connection.execute("VACUUM (FULL, ANALYZE) lead")
    await connection.close()


async def timed(
    database: Database, ids: list[UUID], batch: Callable[[Connection, list[UUID]], Awaitable[Any]]
) -> float:
    """Seconds that all batches take, each in a transaction of its own."""
    begun = perf_counter()
    for at in range(0, len(ids), BATCH):
        async with database.transaction(None) as connection:
            await batch(connection, ids[at : at + BATCH])
    return perf_counter() - begun


async def measured(server_url: str, leads: int) -> tuple[int, dict[str, tuple[float, float]]]:
    """How many leads were scored, and the seconds of each run: as it is, and by hand."""
    admin = await asyncpg.connect(server_url)
    await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {DATABASE}")
    await admin.close()
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{DATABASE}"))
    await migrate(url)
    connection = await asyncpg.connect(url)
    await load_large(connection, leads)
    await connection.execute(
        "CREATE TABLE by_hand (org_id uuid, lead_id uuid, total int, parts int[], PRIMARY KEY (org_id, lead_id))"
    )
    found = await connection.fetch("SELECT id FROM lead WHERE closed_at IS NULL ORDER BY id")
    await connection.close()
    await unscored(url)
    ids, statement = [row["id"] for row in found], by_hand()
    times: dict[str, tuple[float, float]] = {}
    async with Database.open(url) as database:
        async with database.acquire() as opened:
            await publish(opened, 1, 0)
        first = await timed(database, ids, one_batch)
        same = await timed(database, ids, one_batch)
        console.log(f"{first:.2f} s, {same:.2f} s")
        await unscored(url)

        async def written(connection: Connection, some: list[UUID]) -> None:
            await connection.execute(statement, ORG, some)

        times["the first run"] = first, await timed(database, ids, written)
        times["a run that changes nothing"] = same, await timed(database, ids, written)
    return len(ids), times


def main(leads: Annotated[int, typer.Option(min=1_000, help="Leads of the organisation.")] = 100_000) -> None:
    """Measure scoring."""
    load = os.getloadavg()[0]
    with postgres() as server_url:
        count, times = asyncio.run(measured(server_url, leads))
    table = Table(title=f"{count:,} open leads, 20 rules (load before: {load:.1f})")
    for name in ("run", "seconds", "by hand, seconds", "ratio"):
        table.add_column(name)
    for name, (ours, theirs) in times.items():
        table.add_row(name, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
