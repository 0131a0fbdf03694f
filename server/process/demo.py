"""The demo organisation: two pipelines, eight members and about 300 leads with a believable past.

Everything is drawn from one seeded generator, so every machine sees the same organisation, dated back from today.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson

from models.database import Connection, Database
from models.rules.matching.keys import with_keys
from models.rules.rank import spread
from models.tables.base import new_id, organisation_id
from resolvers.changes.search_words import FIELDS, write_new
from resolvers.changes.settle import MARK_TASKS
from resolvers.changes.spans.backfill import span_all
from resolvers.changes.stage_totals import refresh_totals
from server.process.demo_names import (
    BUSINESSES,
    COMPANIES,
    FIRST_NAMES,
    LAST_NAMES,
    LEADS,
    MEMBERS,
    OPPORTUNITIES,
    PIPELINES,
    REASONS,
    SOURCES,
    TASKS,
    WANTS,
)
from server.process.demo_routing import routing_rows
from server.process.runtime import DEMO_ORGANISATION

Row = dict[str, Any]
Rows = dict[str, list[Row]]


async def load_demo(database: Database, *, seed: int = 1) -> None:
    """Create the demo organisation, unless it has pipelines already. One transaction."""
    org_id = organisation_id(DEMO_ORGANISATION)
    async with database.transaction(None) as connection:
        # Only one of two servers that start together on one database creates it.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('dealboard demo'))")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM pipeline WHERE org_id = $1)", org_id):
            return
        demo = Demo(org_id, Random(seed), datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        for table, rows in demo.made().items():
            await _copy(connection, table, rows)
        await refresh_totals(connection, org_id, [stage["id"] for stage in demo.rows["stage"]])
        leads = [lead["id"] for lead in demo.rows["lead"]]
        await MARK_TASKS.run(connection, org_id=org_id, ids=leads)
        await span_all(connection, org_id, leads)
        for noun in FIELDS:
            await write_new(connection, org_id, noun, [row["id"] for row in demo.rows[noun]])


async def _copy(connection: Connection, table: str, rows: list[Row]) -> None:
    """Write rows, each of which may omit columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    await connection.copy_records_to_table(
        table, columns=columns, records=[tuple(row.get(name) for name in columns) for row in rows]
    )


@dataclass
class Demo:
    """The rows of the demo organisation, table by table, in an order that foreign keys allow."""

    org_id: UUID
    random: Random
    now: datetime
    rows: Rows = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)

    def made(self) -> Rows:
        """Every row of every table."""
        self.rows["organisation"] = [{"id": self.org_id, "key": DEMO_ORGANISATION, "name": "Demo Ltd"}]
        self.members = self._add(
            "member",
            (
                {"subject": subject, "name": name, "email": f"{subject}@example.com", "role": role, "time_zone": zone}
                for subject, name, role, zone in MEMBERS
            ),
            400,
        )
        self._companies()
        for (name, type_, stages), count in zip(PIPELINES, (LEADS, OPPORTUNITIES), strict=True):
            self._pipeline(name, type_, stages, count)
        self.rows["pool_member"] = routing_rows(self._add, self.rows["pipeline"][0], self.members[1], self.members[2:7])
        self._tasks()
        self.events.sort(key=lambda event: event["occurred_at"])
        self.rows["event"] = [{**event, "number": nth} for nth, event in enumerate(self.events, 1)]
        self.rows["event_log"] = [{"org_id": self.org_id, "head": len(self.events)}]
        return self.rows

    def _add(self, table: str, rows: Iterable[Mapping[str, Any]], days_ago: float) -> list[Row]:
        at = self.now - timedelta(days=days_ago)
        stamped = {"created_at": at, "updated_at": at, "version": 1}
        made = [{"org_id": self.org_id, "id": new_id(at), **stamped, **with_keys(table, row)} for row in rows]
        self.rows.setdefault(table, []).extend(made)
        return made

    def _companies(self) -> None:
        for nth, company in enumerate(COMPANIES):
            business, industry = BUSINESSES[nth % len(BUSINESSES)]
            website = f"{company.lower()}-{business.lower()}.example"
            (customer,) = self._add(
                "customer", [{"name": f"{company} {business}", "website": website, "industry": industry}], 300
            )
            for _ in range(self.random.randint(2, 5)):
                first, last = self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)
                contact = {
                    "name": f"{first} {last}",
                    "email": f"{first}.{last}@{website}".lower(),
                    "phone": f"+49 30 {self.random.randint(1000000, 9999999)}",
                    "job_title": self.random.choice(("Buyer", "Head of operations", "Managing director", "Team lead")),
                    "customer_id": customer["id"],
                }
                self._add("contact", [contact], self.random.uniform(130, 290))

    def _pipeline(self, name: str, type_: str, stages: Iterable[tuple[str, str, int]], count: int) -> None:
        (pipeline,) = self._add("pipeline", [{"name": name, "type": type_, "is_default": True}], 390)
        made = self._add(
            "stage",
            (
                {
                    "pipeline_id": pipeline["id"],
                    "name": stage,
                    "kind": kind,
                    "probability": probability,
                    "position": position,
                    "rotten_after_days": 14 if kind == "OPEN" else None,
                }
                for position, (stage, kind, probability) in enumerate(stages)
            ),
            390,
        )
        for stage in made:
            stage["required_fields"] = []
        leads = [self._lead(pipeline, made) for _ in range(count)]
        for stage in made:
            column = [lead for lead in leads if lead["stage_id"] == stage["id"]]
            column.sort(key=lambda lead: lead["stage_entered_at"], reverse=True)
            for lead, rank in zip(column, spread(len(column)), strict=True):
                lead["rank"] = rank

    def _lead(self, pipeline: Row, stages: list[Row]) -> Row:
        contact = self.random.choice(self.rows["contact"])
        unowned = pipeline["type"] == "LEAD" and self.random.random() < 0.2
        owner = None if unowned else self.random.choice(self.members[1:7])
        currency = "EUR" if self.random.random() < 0.2 else "USD"
        priced = pipeline["type"] == "OPPORTUNITY" or self.random.random() < 0.6
        age = self.random.uniform(1, 120)
        (lead,) = self._add(
            "lead",
            [
                {
                    "pipeline_id": pipeline["id"],
                    "title": f"{self.random.choice(WANTS)} for {self._customer(contact)['name']}",
                    "contact_id": contact["id"],
                    "customer_id": contact["customer_id"],
                    "owner_id": owner and owner["id"],
                    "value": Decimal(self.random.randint(5, 400) * 100).quantize(Decimal("0.01")) if priced else None,
                    "currency": currency if priced else None,
                    "score": self.random.randint(0, 100),
                    "source": self.random.choice(SOURCES),
                    "expected_close_date": (self.now + timedelta(days=self.random.randint(-10, 90))).date(),
                }
            ],
            age,
        )
        self._history(lead, pipeline, stages, age)
        return lead

    def _customer(self, contact: Mapping[str, Any]) -> Row:
        return next(customer for customer in self.rows["customer"] if customer["id"] == contact["customer_id"])

    def _history(self, lead: Row, pipeline: Row, stages: list[Row], age: float) -> None:
        """Move the lead through the open stages, and close some leads."""
        open_stages = [stage for stage in stages if stage["kind"] == "OPEN"]
        ends = [stage for stage in stages if stage["kind"] != "OPEN"]
        path = open_stages[: self.random.randint(1, len(open_stages))]
        if age > 20 and self.random.random() < 0.35:
            path = [*path, self.random.choice(ends)]
        moments = sorted(self.random.uniform(0, age * 0.9) for _ in path[1:])
        instants = [lead["created_at"], *(self.now - timedelta(days=days) for days in reversed(moments))]
        previous: Row | None = None
        for stage, at in zip(path, instants, strict=True):
            self._step(lead, pipeline, previous, stage, at)
            previous = stage
        last = path[-1]
        lead.update(stage_id=last["id"], stage_entered_at=instants[-1], updated_at=instants[-1], version=len(path))
        if last["kind"] != "OPEN":
            lead["closed_at"] = instants[-1]
            lead["lost_reason"] = self.random.choice(REASONS) if last["kind"] == "LOST" else None
        if pipeline["type"] == "LEAD" and open_stages[-1] in path:
            lead["qualified_at"] = instants[path.index(open_stages[-1])]

    def _step(self, lead: Row, pipeline: Row, previous: Row | None, stage: Row, at: datetime) -> None:
        actor = lead["owner_id"] or self.members[1]["id"]
        place = {"from_pipeline_id": previous and pipeline["id"], "from_stage_id": previous and previous["id"]}
        step = {"org_id": self.org_id, "id": new_id(at), "lead_id": lead["id"], "actor_id": actor, "occurred_at": at}
        self.rows.setdefault("stage_change", []).append(
            {**step, **place, "to_pipeline_id": pipeline["id"], "to_stage_id": stage["id"]}
        )
        self.events.append(
            {
                **step,
                **place,
                "type": "lead.stage_changed" if previous else "lead.created",
                "owner_id": lead["owner_id"],
                "pipeline_id": pipeline["id"],
                "stage_id": stage["id"],
                "data": orjson.dumps({}).decode(),
            }
        )

    def _tasks(self) -> None:
        """An open task for three in four open leads, a completed one for half of the closed leads."""
        for lead in self.rows["lead"]:
            is_open = "closed_at" not in lead
            if self.random.random() < (0.25 if is_open else 0.5):
                continue
            due = (self.now if is_open else lead["stage_entered_at"]) + timedelta(hours=self.random.randint(-96, 240))
            all_day = self.random.random() < 0.3
            deadline = due.replace(hour=23, minute=59) if all_day else due
            task = {
                "lead_id": lead["id"],
                "title": self.random.choice(TASKS),
                "assignee_id": lead["owner_id"] or self.members[1]["id"],
                "due_at": None if all_day else due,
                "due_on": due.date() if all_day else None,
                "deadline": deadline,
                "priority": self.random.choice(("LOW", "NORMAL", "NORMAL", "HIGH")),
                "status": "OPEN" if is_open else "DONE",
                "completed_at": None if is_open else due,
            }
            self._add("task", [task], self.random.uniform(0, 10))
