"""`python -m bench.soak`: is anything lost, doubled or out of order, whatever happens to processes and connections?

Writers move leads through several servers while subscribers listen and a webhook and NATS are sent what happens, and
one disturbance follows the other. In the end each subscriber's list of events must equal the event table's, exactly,
and so must the stream of NATS and the answered moves of each lead. The webhook's receiver must have taken each stage
change at least once, with one id, those of a lead in order; and nothing is left leased.
"""

import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import httpx2
import orjson
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.soaking.disturbances import Disturb, Disturbances
from bench.soaking.hook import Hook, misdelivered
from bench.soaking.house import HEADERS, ORGANISATION, SENDING, House
from bench.soaking.subscriber import EVERYTHING, STAGES, Subscriber
from bench.soaking.writer import MOVE, Writer
from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from engine.live.wakeups import Wakeups
from models.database import UNREACHABLE, Database
from models.rules.ids import public_id
from models.rules.roles import Role
from models.tables.base import organisation_id
from resolvers.domain import CRM
from schema.api import graphql_schema

SCOPE = Caller(ORGANISATION, "soaker", Role.ADMIN)
COLUMNS = ("New", "Talking", "Offer", "Agreed")
CALM = 1.5
"""Seconds between two disturbances."""

PATIENCE = 120.0
"""Seconds for what the webhook and NATS lack: more than a lease."""

QUIET = 2.5
"""Seconds without any event once everything has arrived: longer than it takes to recover from a lost wake-up."""


class Silent(Wakeups):
    """Wakes no other process."""

    async def publish(self, channel: str, message: Any) -> None:
        """Drop it."""


@dataclass
class Board:
    """A board, and a way to change it without a wake-up."""

    engine: Engine
    stages: list[str] = field(default_factory=list)
    own: str = ""
    """The lead that is moved silently."""
    moved: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Board"]:
        """Create the board."""
        async with Database.open(url) as database, Feed.open(database, CRM, 1, Silent()) as feed:
            board = cls(Engine(graphql_schema, database, Documents(graphql_schema, Limits()), feed))
            stages = [{"name": name} for name in COLUMNS]
            query = "mutation ($i: CreatePipelineInput!) { createPipeline(input: $i) { pipeline { stages { id } } } }"
            made = await board.ask(query, {"name": "Soak", "type": "OPPORTUNITY", "stages": stages})
            board.stages = [stage["id"] for stage in made["createPipeline"]["pipeline"]["stages"]]
            (board.own,) = await board.leads(1)
            yield board

    async def ask(self, query: str, given: dict[str, Any] | None = None) -> Any:
        """The data of an operation with the input `i`."""
        answer = await self.engine.execute(self.engine.documents.prepare(query), {"i": given} if given else None, SCOPE)
        body = orjson.loads(answer.body)
        assert "errors" not in body, body
        return body["data"]

    async def leads(self, count: int) -> list[str]:
        """New leads in the first column."""
        query = "mutation ($i: CreateLeadInput!) { createLead(input: $i) { lead { id } } }"
        made = [await self.ask(query, {"title": f"No {n}", "stageId": self.stages[0]}) for n in range(count)]
        return [one["createLead"]["lead"]["id"] for one in made]

    async def move_silently(self) -> None:
        """A committed move without a wake-up to any process."""
        stage = self.stages[(len(self.moved) + 1) % len(self.stages)]
        await self.ask(MOVE.replace("$input", "$i"), {"leadId": self.own, "stageId": stage})
        self.moved.append((self.own, stage))


@dataclass(frozen=True)
class Verdict:
    """The result. `wrong` describes each fault in words."""

    events: int
    moves: int
    retries: int
    reconnects: int
    done: Counter[str]
    wrong: list[str]


async def soak(
    folder: Path,
    seconds: float,
    *,
    redis: bool,
    nodes: Sequence[int],
    subscribers: int,
    only: Sequence[str] = (),
    workers: int = 0,
) -> Verdict:
    """Run the soak until the time is over, and at least until every disturbance (or `only` some of them) has happened
    once."""
    house = House(folder, list(nodes), redis, workers)
    try:
        async with Hook.listening() as hook:
            SENDING["DEALBOARD_OUTGOING_PORTS"] = str(hook.port)
            await house.start()
            return await _soaked(house, hook, seconds, subscribers, only)
    finally:
        await house.stop()


async def _soaked(house: House, hook: Hook, seconds: float, subscribers: int, only: Sequence[str]) -> Verdict:
    webhook = await created(house, hook)
    async with Board.open(house.url) as board:
        after = (await board.ask("{ cursor }"))["cursor"]
        queries = (EVERYTHING, STAGES)
        listening = [Subscriber(lambda: _urls(house), queries[nth % 2], after) for nth in range(subscribers)]
        writing = [Writer(lambda: _urls(house), await board.leads(5), board.stages) for _ in range(4)]
        tasks = [asyncio.create_task(subscriber.run()) for subscriber in listening]
        over = asyncio.Event()
        writers = [asyncio.create_task(writer.run(over)) for writer in writing]
        done = await _disturb(
            _chosen(
                Disturbances(house, listening, board.move_silently, hook, partial(enabled, board, webhook)).all(), only
            ),
            seconds,
        )
        over.set()
        await asyncio.gather(*writers)
        moves = [*board.moved, *(move for writer in writing for move in writer.moved)]
        wrong = await _compare(house, listening, moves)
        if house.workers:
            wrong += await _compare_sent(house, board, webhook, hook)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Verdict(
        max(len(subscriber.numbers) for subscriber in listening),
        len(moves),
        sum(writer.retries for writer in writing),
        sum(subscriber.reconnects for subscriber in listening),
        done,
        wrong,
    )


async def created(house: House, hook: Hook) -> str:
    """A webhook to the receiver, if there are workers that send to it; its id."""
    if not house.workers:
        return ""
    query = "mutation ($i: CreateWebhookInput!) { createWebhook(input: $i) { secret webhook { id } } }"
    given = {
        "url": hook.url,
        "types": ["LEAD_STAGE_CHANGED"],
        "selection": "{ lead { id } ... on StageChanged { toStage { id } } }",
    }
    async with httpx2.AsyncClient(timeout=10, headers=HEADERS) as client:
        answer = await client.post(house.nodes[0].url, json={"query": query, "variables": {"i": given}})
    made = answer.json()["data"]["createWebhook"]
    hook.secret = made["secret"]
    return str(made["webhook"]["id"])


async def enabled(board: Board, webhook: str) -> None:
    """Pause and enable the webhook, so that what failed is sent at once, also where it says that it is gone."""
    for name in ("pauseWebhook", "enableWebhook"):
        type_ = f"{name[0].upper()}{name[1:]}Input"
        try:
            await board.ask(
                f"mutation ($i: {type_}!) {{ {name}(input: $i) {{ userErrors {{ code }} }} }}", {"webhookId": webhook}
            )
        except (AssertionError, *UNREACHABLE):
            """PostgreSQL was away: the end of the soak enables it again."""


async def _compare_sent(house: House, board: Board, webhook: str, hook: Hook) -> list[str]:
    """The differences between the event table, what the webhook was sent, and what was published."""
    connection: Any = await asyncpg.connect(house.url)
    org_id = organisation_id(ORGANISATION)
    found = await connection.fetch(
        "SELECT number, id, type, lead_id FROM event WHERE org_id = $1 ORDER BY number", org_id
    )
    made = next(row["number"] for row in found if row["type"] == "webhook.created")
    steps = {
        row["number"]: public_id("lead", row["lead_id"])
        for row in found
        if row["type"] == "lead.stage_changed" and row["number"] > made
    }
    logged = [(row["number"], public_id("event", row["id"])) for row in found]
    end = time.monotonic() + PATIENCE
    while steps.keys() - hook.taken and time.monotonic() < end:
        await enabled(board, webhook)
        await asyncio.sleep(5)
    assert house.broker is not None
    published: list[tuple[int, str]] = []
    while len(published) < len(logged) and time.monotonic() < end:
        published = [one for one in await house.broker.published() if one[0] <= logged[-1][0]]
        await asyncio.sleep(0.5)
    await house.stop_processes()
    leased = await connection.fetchval("SELECT count(*) FROM webhook_state WHERE lease_until IS NOT NULL")
    leased += await connection.fetchval("SELECT count(*) FROM run WHERE state = 'RUNNING'")
    await connection.close()
    wrong = misdelivered(hook.sent, steps)
    wrong += [f"NATS {words}" for words in difference([number for number, _ in published], [one for one, _ in logged])]
    wrong += ["NATS was given other ids"] if set(published) - set(logged) else []
    wrong += [f"{hook.forged} requests had a wrong signature"] if hook.forged else []
    wrong += [f"{leased} are still leased after all processes were stopped"] if leased else []
    return wrong


def _urls(house: House) -> list[str]:
    return [node.url for node in house.nodes]


def _chosen(every: dict[str, Disturb], only: Sequence[str]) -> dict[str, Disturb]:
    return {name: every[name] for name in only} if only else every


async def _disturb(every: dict[str, Disturb], seconds: float) -> Counter[str]:
    """One disturbance after the other, in random order, each about as often as the others."""
    end = time.monotonic() + seconds
    done: Counter[str] = Counter()
    while time.monotonic() < end or len(done) < len(every):
        for name in random.sample(sorted(every), len(every)):
            if time.monotonic() > end and done[name]:
                continue
            await every[name]()
            done[name] += 1
            await asyncio.sleep(CALM * random.random())
    return done


async def _compare(house: House, subscribers: Sequence[Subscriber], moves: Sequence[tuple[str, str]]) -> list[str]:
    """The differences between the event table, the answers to the writers, and what the subscribers received."""
    connection: Any = await asyncpg.connect(house.url)
    found = await connection.fetch(
        "SELECT number, type, lead_id, stage_id FROM event WHERE org_id = $1 ORDER BY number",
        organisation_id(ORGANISATION),
    )
    await connection.close()
    start = next(row["number"] for row in found if row["type"] == "lead.created")
    all_ = {row["number"]: {"type": row["type"].upper().replace(".", "_")} for row in found if row["number"] > start}
    steps = {row["number"]: _ids(row) for row in found if row["type"] == "lead.stage_changed"}
    stages = {number: {"lead": {"id": lead}, "toStage": {"id": stage}} for number, (lead, stage) in steps.items()}
    wrong = astray(moves, list(steps.values()))
    expected = {EVERYTHING: all_, STAGES: stages}
    for subscriber in subscribers:
        await _arrived(subscriber, len(expected[subscriber.query]))
    await asyncio.sleep(QUIET)
    for nth, subscriber in enumerate(subscribers):
        events = expected[subscriber.query]
        wrong += [f"subscriber {nth} {words}" for words in difference(subscriber.numbers, list(events))]
        other = [number for number, event in subscriber.received.items() if event != events.get(number, event)]
        wrong += [f"subscriber {nth} received something else for {other[:10]}"] if other else []
        wrong += [f"subscriber {nth} was refused: {failure}" for failure in subscriber.failures]
    return wrong


def _ids(row: Any) -> tuple[str, str]:
    return public_id("lead", row["lead_id"]), public_id("stage", row["stage_id"])


def astray(answered: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]) -> list[str]:
    """In words, which leads did not pass through the stages, in order, that the writers' answers say."""
    return [
        f"{lead} was moved {len(wanted)} times and went {len(went)} steps, or others"
        for lead in sorted({lead for lead, _ in (*answered, *found)})
        if (wanted := [stage for one, stage in answered if one == lead])
        != (went := [stage for one, stage in found if one == lead])
    ]


async def _arrived(subscriber: Subscriber, count: int) -> None:
    """Give a subscriber a minute to receive what it lacks."""
    end = time.monotonic() + 60
    while len(subscriber.numbers) < count and time.monotonic() < end:
        subscriber.came.clear()
        try:
            await asyncio.wait_for(subscriber.came.wait(), 1)
        except TimeoutError:
            continue


def difference(got: Sequence[int], expected: Sequence[int]) -> list[str]:
    """In words, how a list of numbers differs from the expected one."""
    words = []
    if missing := sorted(set(expected) - set(got)):
        words.append(f"missed {len(missing)}: {missing[:10]}")
    if surplus := sorted(set(got) - set(expected)):
        words.append(f"was given {len(surplus)} that are not there: {surplus[:10]}")
    if doubled := [number for number, count in Counter(got).items() if count > 1]:
        words.append(f"was given {len(doubled)} more than once: {doubled[:10]}")
    if list(got) != sorted(got):
        words.append("was not given them in order")
    return words


def main(
    minutes: Annotated[float, typer.Option(help="Minutes for each carrier of wake-ups.")] = 2,
    carriers: Annotated[
        str, typer.Option(help="postgresql, redis, or both, separated by a comma.")
    ] = "postgresql,redis",
    subscribers: Annotated[int, typer.Option(help="Subscribers.")] = 12,
) -> None:
    """Run the soak, print the result, and fail when an event was lost, doubled or out of order."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # asyncpg logs each connection that is cut at length
    wrong = False
    for carrier in carriers.split(","):
        with tempfile.TemporaryDirectory(prefix="dealboard-soak-", ignore_cleanup_errors=True) as folder:
            verdict = uvloop.run(
                soak(
                    Path(folder),
                    minutes * 60,
                    redis=carrier == "redis",
                    nodes=(1, 1, 2),
                    subscribers=subscribers,
                    workers=2,
                )
            )
        _print(console, carrier, verdict, subscribers)
        wrong = wrong or bool(verdict.wrong)
    raise typer.Exit(1 if wrong else 0)


def _print(console: Console, carrier: str, verdict: Verdict, subscribers: int) -> None:
    table = Table(
        title=f"wake-ups by {carrier}: two servers, one of two workers, and two of dealboard work", show_header=False
    )
    for name, count in sorted(verdict.done.items()):
        table.add_row(name, str(count))
    table.add_row("moves answered", f"{verdict.moves:,}")
    table.add_row("requests that had to be sent again", f"{verdict.retries:,}")
    table.add_row("subscribers, and times they came back", f"{subscribers}, {verdict.reconnects:,}")
    table.add_row("events that each of them was to get", f"{verdict.events:,}")
    console.print(table)
    for words in verdict.wrong:
        console.print(f"  {words}")
    console.print("Verdict: " + ("WRONG" if verdict.wrong else "nothing lost, nothing twice, all in order"))


if __name__ == "__main__":
    typer.run(main)
