"""Organisations with few cards and much work: many tasks, and a lead with as many events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from bench.data import NOW, STAGES, STEPS, THINGS, Maker, load, words
from models.tables.base import organisation_id

LEADS = 100
BESIDE = 4
"""After so many events of the busiest lead comes one of another lead: no log is about a single lead for long."""
SEEN = 20
"""Places in the lists after which the next page is requested."""

EVENT_COLUMNS = words(
    "org_id number id type occurred_at actor_id lead_id owner_id pipeline_id stage_id from_pipeline_id from_stage_id"
    " record_id mutation data"
)
TYPES = (
    ("activity.logged", "log_activity"),
    ("lead.updated", "update_lead"),
    ("task.scheduled", "schedule_follow_up"),
    ("lead.stage_changed", "move_lead"),
    ("task.completed", "complete_task"),
    ("lead.assigned", "assign_lead"),
    ("lead.moved", "move_lead"),
)


@dataclass(frozen=True)
class Work:
    """An organisation in which pages of tasks and of events are read."""

    key: str
    lead: str
    """The public id of the busiest lead."""
    events: tuple[tuple[int, UUID], ...]
    """Numbers and ids of some of its events, spread over all of them."""
    tasks: tuple[tuple[str, UUID], ...]
    """Deadlines and ids of some of the caller's tasks, spread over all of them."""


class Worker(Maker):
    """Generates so many open tasks, most of them the first member's, and so many events of the first lead."""

    def __init__(self, key: str, size: int) -> None:
        super().__init__(key, LEADS)
        self.size = size
        self.total = size + size // BESIDE

    def tables(self) -> Iterator[tuple[str, list[str], Iterator[tuple[Any, ...]]]]:
        """The tables of any organisation, the logged activities, and the event log."""
        for name, columns, rows in super().tables():
            if name == "event_log":
                rows = iter([(self.org_id, self.total, None)])
            yield name, columns, rows
        activities = [self._id(nth) for nth in range(LEADS)]
        yield (
            "activity",
            ["org_id", "id", "lead_id", "author_id", "type", "subject", "occurred_at"],
            (
                (self.org_id, id, self.lead_ids[0], self.members[0], "CALL", "Asked for the budget", self._at(nth))
                for nth, id in enumerate(activities)
            ),
        )
        yield "event", EVENT_COLUMNS, self._events(activities)

    def _tasks(self) -> Iterator[tuple[Any, ...]]:
        random = self.random
        for nth in range(self.size):
            due = NOW + timedelta(minutes=random.randrange(-200_000, 200_000))
            assignee = self.members[0] if random.random() < 0.9 else random.choice(self.members)
            lead = random.choice(self.lead_ids)
            yield self.org_id, self._id(nth % LEADS), lead, random.choice(STEPS), assignee, due, due, "OPEN", "NORMAL"

    def _events(self, activities: list[UUID]) -> Iterator[tuple[Any, ...]]:
        random = self.random
        for number in range(1, self.total + 1):
            type_, mutation = TYPES[number % len(TYPES)]
            lead = random.choice(self.lead_ids[1:]) if number % (BESIDE + 1) == 0 else self.lead_ids[0]
            here, there = random.sample(self.stages[: len(STAGES) - 2], 2)
            entered = type_ == "lead.stage_changed"
            at = NOW - timedelta(days=365) + timedelta(seconds=number * 365 * 86_400 // self.total)
            yield (
                self.org_id,
                number,
                self._id(number % LEADS),
                type_,
                at,
                random.choice(self.members),
                lead,
                self.members[0],
                self.pipeline,
                here,
                self.pipeline if entered else None,
                there if entered else None,
                random.choice(activities) if type_.startswith("activity.") else None,
                mutation,
                orjson.dumps(self._data(type_)).decode(),
            )

    def _data(self, type_: str) -> dict[str, Any]:
        random = self.random
        if type_ == "lead.updated":
            titles = [f"{random.randrange(5, 500)} {random.choice(THINGS)}" for _ in range(2)]
            return {"changes": {"title": titles, "score": [random.randrange(50), random.randrange(50, 100)]}}
        if type_ == "lead.assigned":
            return {"from": None, "to": f"member_{random.choice(self.members)}"}
        return {}


async def work(url: str, size: int) -> Work:
    """The organisation with so many tasks, and so many events of one lead: as it was left, or generated now."""
    worker = Worker(f"bench-work-{size}", size)
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval("SELECT head FROM event_log WHERE org_id = $1", worker.org_id)
        if found != worker.total:
            await load(connection, worker)
            await connection.execute("VACUUM (ANALYZE)")
        return await _found(connection, worker)
    finally:
        await connection.close()


async def _found(connection: asyncpg.Connection, worker: Worker) -> Work:
    org_id, step = organisation_id(worker.key), worker.size // (SEEN + 2)
    events = await connection.fetch(
        "SELECT number, id FROM (SELECT number, id, row_number() OVER (ORDER BY number DESC) AS nth FROM event"
        " WHERE org_id = $1 AND lead_id = $2) AS event WHERE nth % $3 = 0 LIMIT $4",
        org_id,
        worker.lead_ids[0],
        step,
        SEEN,
    )
    tasks = await connection.fetch(
        "SELECT deadline::text, id FROM (SELECT deadline, id, row_number() OVER (ORDER BY deadline, id) AS nth"
        " FROM task WHERE org_id = $1 AND assignee_id = $2) AS task WHERE nth % $3 = 0 LIMIT $4",
        org_id,
        worker.members[0],
        step * 9 // 10,
        SEEN,
    )
    return Work(
        worker.key,
        f"lead_{worker.lead_ids[0]}",
        tuple((row["number"], row["id"]) for row in events),
        tuple((row["deadline"], row["id"]) for row in tasks),
    )
