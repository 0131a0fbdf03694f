"""The data to measure on: organisations of a given number of leads, generated from a seed and loaded by COPY.

It is kept between runs, and generated again when the tables or the files that generate it change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

import models
from models.migrate import migrate
from models.rules.rank import spread
from models.tables.base import organisation_id
from resolvers.changes.missing_values import fill

DATABASE = "dealboard_bench"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OWNERS = 24
NEIGHBOURS = 200
"""Small organisations beside the measured ones, so that no table is a single page."""
NEIGHBOUR = 20
"""Leads of each of them."""
STAGES = (
    ("New", "OPEN", 10, 30),
    ("Contacted", "OPEN", 20, 20),
    ("Meeting", "OPEN", 40, 12),
    ("Offer", "OPEN", 60, 8),
    ("Won", "WON", 100, 18),
    ("Lost", "LOST", 0, 12),
)
"""Name, kind, probability, and the share of the leads in percent."""


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


FIRST = words("Ada Boris Chen Dora Emil Fatima Goran Hana Ivan Jana Kofi Lena Milo Nora Omar Petra Quinn Rosa Sven")
LAST = words("Abel Brandt Costa Duarte Eriksen Fischer Garcia Horvat Ito Jansen Keller Larsen Moreau Novak Okafor")
THINGS = words("licences seats renewal rollout support training migration audit pilot upgrade integration")
STEPS = ("Call back about the offer", "Send the contract draft", "Ask for the budget", "Agree on a date for the demo")


@dataclass(frozen=True)
class Place:
    """An organisation to measure in."""

    key: str
    pipeline: str
    stages: tuple[str, ...]
    """Public ids of the open stages, in order."""
    leads: tuple[str, ...]
    """Public ids of some leads in these stages, spread over the organisation."""
    standing: tuple[int, ...]
    """The stage of each of these leads, by its place among the stages."""

    @property
    def id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.key)


@dataclass(frozen=True)
class Crowd:
    """An organisation with many leads that are ready for the same change."""

    key: str
    leads: tuple[str, ...]
    member: str

    @property
    def id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.key)


class Maker:
    """Generates the records of one organisation; the same seed generates the same records."""

    def __init__(self, key: str, leads: int) -> None:
        self.random = Random(key)
        self.key = key
        self.org_id = organisation_id(key)
        self.leads = leads
        self.members = [self._id(0) for _ in range(OWNERS)]
        self.pipeline = self._id(0)
        self.stages = [self._id(0) for _ in STAGES]
        self.customers = [self._id(0) for _ in range(max(leads // 12, 5))]
        self.contacts = [self._id(0) for _ in range(max(leads // 4, 10))]
        self.lead_ids = [self._id(nth) for nth in range(leads)]

    def _id(self, nth: int) -> UUID:
        """A UUIDv7 of the past year; a later one for a higher `nth`."""
        at = int(self._at(nth).timestamp() * 1000)
        value = at << 80 | self.random.getrandbits(80)
        return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)

    def _at(self, nth: int) -> datetime:
        return NOW - timedelta(days=365) + timedelta(seconds=nth * 365 * 86_400 // (self.leads + 1))

    def _name(self) -> str:
        return f"{self.random.choice(FIRST)} {self.random.choice(LAST)}"

    def tables(self) -> Iterator[tuple[str, list[str], Iterator[tuple[Any, ...]]]]:
        """Each table with the names of its columns and its rows, in the order of their references."""
        org_id, random = self.org_id, self.random
        yield "organisation", ["id", "key", "name"], iter([(org_id, self.key, "Bench")])
        yield "event_log", ["org_id", "head", "known_from"], iter([(org_id, 0, None)])
        yield (
            "member",
            ["org_id", "id", "subject", "name", "email", "role"],
            (
                (org_id, id, f"member-{nth}", name := self._name(), _email(name), "ADMIN" if nth == 0 else "REP")
                for nth, id in enumerate(self.members)
            ),
        )
        yield "pipeline", ["org_id", "id", "name", "type"], iter([(org_id, self.pipeline, "Sales", "OPPORTUNITY")])
        yield (
            "stage",
            ["org_id", "id", "pipeline_id", "name", "kind", "probability", "position"],
            (
                (org_id, id, self.pipeline, name, kind, odds, position)
                for position, (id, (name, kind, odds, _)) in enumerate(zip(self.stages, STAGES, strict=True))
            ),
        )
        yield (
            "customer",
            ["org_id", "id", "name"],
            ((org_id, id, f"{random.choice(LAST)} & {random.choice(LAST)}") for id in self.customers),
        )
        yield (
            "contact",
            ["org_id", "id", "name", "email", "customer_id"],
            ((org_id, id, name := self._name(), _email(name), random.choice(self.customers)) for id in self.contacts),
        )
        yield "lead", LEAD_COLUMNS, self._leads()
        yield (
            "task",
            ["org_id", "id", "lead_id", "title", "assignee_id", "due_at", "deadline", "status", "priority"],
            self._tasks(),
        )

    def _leads(self) -> Iterator[tuple[Any, ...]]:
        random = self.random
        places = random.choices(range(len(STAGES)), [share for *_, share in STAGES], k=self.leads)
        ranks = spread(self.leads)
        random.shuffle(ranks)
        for nth, id in enumerate(self.lead_ids):
            at = self._at(nth)
            closed = at + timedelta(days=9) if STAGES[places[nth]][1] != "OPEN" else None
            yield (
                self.org_id,
                id,
                self.pipeline,
                self.stages[places[nth]],
                ranks[nth],
                f"{random.randrange(5, 500)} {random.choice(THINGS)} for {random.choice(LAST)}",
                random.choice(self.contacts),
                random.choice(self.customers),
                random.choice(self.members) if random.random() < 0.9 else None,
                Decimal(random.randrange(10_000, 9_000_000)).scaleb(-2) if random.random() < 0.95 else None,
                random.choice(("USD", "USD", "EUR")),
                date(2026, 1, 5) + timedelta(days=random.randrange(120)),
                at + timedelta(days=9),
                closed,
                at,
                at + timedelta(days=9),
            )

    def _tasks(self) -> Iterator[tuple[Any, ...]]:
        """Every lead has a completed task, and nine of ten have an open one."""
        random = self.random
        for nth, id in enumerate(self.lead_ids):
            due = NOW + timedelta(hours=random.randrange(-200, 1500))
            assignee = random.choice(self.members)
            yield self.org_id, self._id(nth), id, "First call", assignee, due, due, "DONE", "NORMAL"
            if random.random() < 0.9:
                yield self.org_id, self._id(nth), id, random.choice(STEPS), assignee, due, due, "OPEN", "NORMAL"


LEAD_COLUMNS = words(
    "org_id id pipeline_id stage_id rank title contact_id customer_id owner_id value currency expected_close_date"
    " stage_entered_at closed_at created_at updated_at"
)

TOTALS = """
    INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
    SELECT lead.org_id, lead.stage_id, CASE WHEN lead.value IS NULL THEN '' ELSE lead.currency END, count(*),
        coalesce(sum(lead.value), 0),
        coalesce(sum(lead.value * CASE stage.kind
            WHEN 'OPEN' THEN coalesce(lead.probability, stage.probability) ELSE stage.probability END), 0)
    FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
    WHERE lead.org_id = $1
    GROUP BY 1, 2, 3
"""


OPEN_TASKS = """
    UPDATE lead SET has_open_task = true WHERE org_id = $1 AND EXISTS (
        SELECT FROM task WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN'
    )
"""


async def prepare(server_url: str) -> str:
    """The URL of the database to measure in, on this server; its data is generated again when tables or generator
    changed."""
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{DATABASE}"))
    connection = await asyncpg.connect(server_url)
    try:
        names = [row[0] for row in await connection.fetch("SELECT datname FROM pg_database")]
        if DATABASE in names and await _fingerprint(url) == fingerprint():
            return url
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        for nth in range(NEIGHBOURS):
            await load(connection, Maker(f"neighbour-{nth}", NEIGHBOUR))
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute(f"CREATE TABLE bench AS SELECT '{fingerprint()}'::text AS fingerprint")
    finally:
        await connection.close()
    return url


def fingerprint() -> str:
    """Changes when the data has to be generated again: with the tables, and with the files that generate it."""
    here = Path(__file__)
    files = sorted((here.parent.parent / "models" / "migrations" / "versions").glob("*.py"))
    makers = here, here.with_name("work.py")
    return sha256(b"".join(file.read_bytes() for file in (*makers, *files))).hexdigest()


async def _fingerprint(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT fingerprint FROM bench")
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()


async def place(url: str, key: str, leads: int, *, fresh: bool = False) -> Place:
    """The organisation of that key with so many leads: as it was left, or generated again if it must be `fresh`."""
    connection = await asyncpg.connect(url)
    try:
        org_id = organisation_id(key)
        if fresh or await connection.fetchval("SELECT count(*) FROM lead WHERE org_id = $1", org_id) != leads:
            await load(connection, Maker(key, leads))
            await connection.execute("VACUUM (ANALYZE)")
        return await _found(connection, key, leads)
    finally:
        await connection.close()


WAITING = """
SELECT lead.id FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
WHERE lead.org_id = $1 AND lead.closed_at IS NULL AND stage.kind = 'OPEN' AND stage.position < (
    SELECT max(position) FROM stage WHERE org_id = $1 AND kind = 'OPEN'
)
ORDER BY md5(lead.id::text)
"""


QUALIFIED = """
WITH leads AS (
    UPDATE pipeline SET type = 'LEAD' WHERE org_id = $1 RETURNING org_id
), deals AS (
    INSERT INTO pipeline (org_id, id, name, type, is_default)
    SELECT org_id, gen_random_uuid(), 'Deals', 'OPPORTUNITY', true FROM leads RETURNING org_id, id
), opened AS (
    INSERT INTO stage (org_id, id, pipeline_id, name, position)
    SELECT org_id, gen_random_uuid(), id, 'Opened', 0 FROM deals
)
UPDATE lead SET qualified_at = now() WHERE org_id = $1
"""
"""Turns an organisation's opportunities into qualified leads, with a pipeline to convert them into."""


async def crowd(url: str, key: str, leads: int, prepare: str = "") -> Crowd:
    """A fresh organisation whose open leads can all be changed; `prepare` is run on it first."""
    await place(url, key, leads, fresh=True)
    connection = await asyncpg.connect(url)
    try:
        org_id = organisation_id(key)
        await connection.execute("UPDATE pipeline SET is_default = true WHERE org_id = $1", org_id)
        if prepare:
            await connection.execute(prepare, org_id)
            await connection.execute("VACUUM (ANALYZE) lead")
        ids = await connection.fetch(WAITING, org_id)
        member = await connection.fetchval("SELECT id FROM member WHERE org_id = $1 AND subject = 'member-1'", org_id)
        return Crowd(key, tuple(f"lead_{row['id']}" for row in ids), f"member_{member}")
    finally:
        await connection.close()


async def load(connection: asyncpg.Connection, maker: Maker) -> None:
    """Write an organisation's rows, in place of those it had."""
    async with connection.transaction():
        # The rows are correct by construction; checking eight foreign keys per lead takes most of the time.
        if await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user"):
            await connection.execute("SET LOCAL session_replication_role = replica")
        for table in reversed(models.Base.metadata.sorted_tables):
            column = "id" if table.name == "organisation" else "org_id"
            await connection.execute(f"DELETE FROM {table.name} WHERE {column} = $1", maker.org_id)
        for name, columns, rows in maker.tables():
            await connection.copy_records_to_table(name, records=rows, columns=columns)
        await connection.execute(TOTALS, maker.org_id)
        await connection.execute(OPEN_TASKS, maker.org_id)
        await fill(connection)


async def _found(connection: asyncpg.Connection, key: str, leads: int) -> Place:
    org_id = organisation_id(key)
    pipeline = await connection.fetchval("SELECT id FROM pipeline WHERE org_id = $1", org_id)
    stages = await connection.fetch(
        "SELECT id FROM stage WHERE org_id = $1 AND kind = 'OPEN' ORDER BY position", org_id
    )
    cards = await connection.fetch(
        "SELECT id, stage_id FROM (SELECT id, stage_id, row_number() OVER (ORDER BY id) AS nth FROM lead"
        " WHERE org_id = $1 AND closed_at IS NULL) AS lead WHERE nth % $2 = 0 LIMIT 1000",
        org_id,
        max(leads // 2000, 1),
    )
    places = {row["id"]: nth for nth, row in enumerate(stages)}
    return Place(
        key,
        f"pipeline_{pipeline}",
        tuple(f"stage_{id}" for id in places),
        tuple(f"lead_{row['id']}" for row in cards),
        tuple(places[row["stage_id"]] for row in cards),
    )


def _email(name: str) -> str:
    return name.lower().replace(" ", ".") + "@example.com"
