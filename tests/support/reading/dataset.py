"""Two organisations full of records that are hard to read: ties, gaps, odd texts, several currencies, deleted stages.

The data is the same in every run, and is written straight into the tables, so that it does not depend on any change.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson

from models import Base, organisation_id
from models.database import Database
from models.event_types import EventType
from models.tables.event import ActorKind
from resolvers.changes.missing_values import fill as fill_values

DEMO, OTHER, EMPTY = "demo", "other", "empty"
"""The keys of the organisations; the last one is empty."""

NOW = datetime(2026, 6, 1, tzinfo=UTC)

TEXTS = (
    "Apple", "apple", "APPLE", "Äpfel", "äpfel & Söhne", "100% sure", "50_50", "back\\slash", 'say "hi"', "tab\there",
    "O'Neill; DROP TABLE lead", "line\nbreak", "Ω mega", "ω MEGA", "emoji 🦊", "名前", "", "-- comment", "{}", "$1",
    "null", "a%b_c\\d", "\u0001\u007f\u2028",
)  # fmt: skip
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
AMOUNTS = (
    ("USD", "0.00"), ("USD", "10.00"), ("USD", "10.00"), ("USD", "1054.55"), ("EUR", "10.00"),
    ("EUR", "999999999999999.99"), ("JPY", "500"), ("JPY", "12345"), ("KWD", "0.005"), ("KWD", "1234567890123.455"),
    (None, None), ("USD", None),
)  # fmt: skip

Row = dict[str, Any]
Tables = dict[str, list[Row]]


class Builder:
    """Makes the rows of one organisation."""

    def __init__(self, key: str, seed: int) -> None:
        self.random = Random(seed)
        self.key = key
        self.org_id = organisation_id(key)
        self.moments = itertools.count()
        self.tables: Tables = {}

    def id(self) -> UUID:
        """An id as in production: a UUIDv7, later than the one before."""
        milliseconds = 1_700_000_000_000 + 10_000 * next(self.moments)
        value = milliseconds << 80 | self.random.getrandbits(80)
        return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)

    def instant(self) -> datetime:
        """One of few instants, so that there are ties; some with microseconds, some ending in zeros."""
        seconds, micros = self.random.randrange(12), self.random.choice([0, 500_000, 123_456, 120])
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=seconds * 7, seconds=seconds, microseconds=micros)

    def maybe(self, value: Any) -> Any:
        """The value, or quite often none."""
        return value if self.random.random() < 0.7 else None

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def one(self, table: str) -> UUID:
        """The id of any row that was added before."""
        id: UUID = self.random.choice(self.tables[table])["id"]
        return id

    def add(self, table: str, **columns: Any) -> Row:
        """One more row, with an id and, where the table has them, times and a version."""
        stamped = "version" in Base.metadata.tables[table].columns
        stamps = {"created_at": self.instant(), "updated_at": self.instant(), "version": self.random.randrange(1, 5)}
        row = {"org_id": self.org_id, "id": self.id(), **(stamps if stamped else {}), **columns}
        self.tables.setdefault(table, []).append(row)
        return row

    def build(self) -> Tables:
        """All rows."""
        self.tables["organisation"] = [{"id": self.org_id, "key": self.key, "name": self.text(), "currency": "EUR"}]
        self.tables["event_log"] = [{"org_id": self.org_id, "head": self.random.randrange(1, 2**40)}]
        self._people()
        self._boards()
        for _ in range(60):
            self._lead()
        self._converted()
        for _ in range(50):
            self._task()
        self._waiting()
        self.tables["merged_record"] = [
            {"org_id": self.org_id, "id": self.id(), "into_id": self.one(table)}
            for table in ("lead", "lead", "contact", "customer")
        ]
        self._routing()
        for nth, reason in enumerate(("Price", "timing", "Ünal")):
            self.add("lost_reason", name=reason, position=nth // 2, archived_at=None if nth else self.instant())
        for _ in range(40):
            self._activity()
        self._runs()
        self._webhooks()
        for nth, type_ in enumerate(2 * list(EventType)):
            self._event(2**40 + 3 * nth, type_)
        for event in [row for row in self.tables["event"] if row["type"].startswith("lead.")][::3]:
            event["lead_id"] = self.random.choice(self.tables["merged_record"][:2])["id"]
        self._notifications()
        self._money()
        self._scores()
        return self.tables

    def _scores(self) -> None:
        """Rules of the first pipeline, once published and changed, and a draft; and scores of every other lead."""
        fit = {"name": "Fit", "min": -5, "max": 30, "rules": [
            {"name": "Fair", "points": 20, "condition": {"source": {"equals": "fair"}}, "activities": None},
            {"name": "Calls", "points": -2, "condition": None,
             "activities": {"types": ["CALL"], "cap": 9, "halfLifeDays": 7}},
        ]}  # fmt: skip
        names = ({"group": "Fit", "rule": "Fair"}, {"group": "Fit", "rule": "Calls"}, {"group": "Fit", "rule": None})
        pipeline_id = self.tables["pipeline"][0]["id"]
        self.tables["scoring_model"] = [
            {"org_id": self.org_id, "pipeline_id": pipeline_id, "version": version,
             "groups": json.dumps([fit] * (3 - version)), "parts": json.dumps([*names, {"group": None, "rule": None}]),
             "bands": json.dumps([{"name": "Hot", "from": 20, "leaveBelow": 15 + version}]),
             "published_at": None if version == 3 else self.instant()}
            for version in (1, 2, 3)
        ]  # fmt: skip
        for nth, lead in enumerate(self.tables["lead"][::2]):
            parts = [20 * (nth % 2), -2 * (nth % 3), nth % 2, -(nth % 5)]
            self.tables.setdefault("lead_score", []).append(
                {"org_id": self.org_id, "lead_id": lead["id"], "pipeline_id": pipeline_id, "total": sum(parts),
                 "score": sum(parts),
                 "model_version": 1 + nth % 2, "parts": parts, "band": self.maybe("Hot"), "pinned": nth % 3 == 0,
                 "scored_at": self.instant()}
            )  # fmt: skip

    def _money(self) -> None:
        for currency in ("USD", "JPY", "CHF"):
            for day in sorted({date(self.random.choice([2020, 2025, 2098]), 1, nth) for nth in range(1, 5)}):
                self.tables.setdefault("exchange_rate", []).append(
                    {"org_id": self.org_id, "currency": currency, "valid_from": day, "source": "MANUAL",
                     "rate": Decimal(self.random.choice(["1.1172", "175.68", "0.05", "3"]))}
                )  # fmt: skip
        holders = [("member", row["id"]) for row in self.tables["member"][:3]]
        holders += [("pool", row["id"]) for row in self.tables["pool"]]
        for nth, (noun, id) in enumerate(4 * holders):
            ids = {"member_id": id if noun == "member" else None, "pool_id": id if noun == "pool" else None}
            self.tables.setdefault("quota", []).append(
                {"org_id": self.org_id, "month": date(2026, 1 + nth // len(holders), 1), "holder_id": id, **ids,
                 "currency": CURRENCIES[nth % 3], "value": Decimal(100 * nth)}
            )  # fmt: skip
            self.add("forecast_submission", **ids, period=self.random.choice(["2026-01", "FY2026-Q1", "FY2026"]),
                     currency="EUR", value=Decimal("12.50"), note=self.maybe(self.text()),
                     submitted_by_id=self.one("member"), submitted_at=self.instant())  # fmt: skip

    def _notifications(self) -> None:
        position = self.random.randrange(1, 2**40)
        self.tables["consumer"] = [{"org_id": self.org_id, "name": "notifications", "position": position}]
        for nth in range(40):
            me = nth % 2 == 0
            self.add("notification", member_id=self.tables["member"][0]["id"] if me else self.one("member"),
                     number=2**40 + nth // 3, reason=self.random.choice(["ASSIGNED", "REMINDER"]),
                     lead_id=self.maybe(self.one("lead")), task_id=self.maybe(self.one("task")),
                     actor_id=self.maybe(self.one("member")), count=self.random.randrange(1, 4),
                     happened_at=self.instant(), updated_at=self.instant(),
                     read_at=self.maybe(self.instant()))  # fmt: skip
        self.tables["calendar_feed"] = [
            {"org_id": self.org_id, "member_id": member["id"], "secret_hash": "0", "created_at": self.instant()}
            for member in self.tables["member"][:2]
        ]
        self.tables["mail_setting"] = [
            {"org_id": self.org_id, "member_id": member["id"], "digest_times": ["07:30", "16:00"],
             "digest_weekdays": ["MONDAY", "SUNDAY"], "quiet_from": "20:00", "quiet_until": "07:00",
             "all_day_reminder_at": "08:15"}
            for member in self.tables["member"][:2]
        ]  # fmt: skip
        for member in self.tables["member"][:3]:
            own = {"org_id": self.org_id, "member_id": member["id"]}
            self.tables.setdefault("notification_setting", []).append(
                {**own, "reason": "ASSIGNED", "in_app": False, "mail": self.random.choice(["DIGEST", None])}
            )
            muted = {row["lead_id"] or row["task_id"] for row in self.tables["notification"][:9]} - {None}
            self.tables.setdefault("muted_record", []).extend({**own, "record_id": id} for id in sorted(muted))

    def _runs(self) -> None:
        for nth, state in enumerate(("RUNNING", "FINISHED", "FAILED", "CANCELLED")):
            self.add("run", kind=self.random.choice(["delete_stage", "reassign_all"]), input="{}", state=state,
                     total=900, done=300 * nth, owner=None, key=None, due_at=None, failures=0,
                     error=self.text() if state == "FAILED" else None,
                     made_by_id=self.one("member"),
                     finished_at=None if state == "RUNNING" else self.instant())  # fmt: skip
        for state in ("WAITING", "RUNNING", "FAILED"):
            self.add("run", kind="greeting", input="{}", state=state, total=1, done=0, owner="tests", key=state,
                     failures=2 if state == "FAILED" else 0, error=self.text() if state == "FAILED" else None,
                     due_at=None if state == "FAILED" else self.instant(),
                     finished_at=self.instant() if state == "FAILED" else None)  # fmt: skip
        for nth, stage in enumerate(self.tables["stage"]):
            stage["deleting_run_id"] = None if nth % 4 else self.tables["run"][0]["id"]

    def _webhooks(self) -> None:
        for status in ("ACTIVE", "PAUSED", "DISABLED"):
            id = self.add("webhook", url="https://x.example/hook", types=["LEAD_CREATED"], status=status,
                          pipeline_id=self.maybe(self.one("pipeline")), selection="{ id }", ordering="STRICT",
                          role="REP", disabled_reason="GONE" if status == "DISABLED" else None)["id"]  # fmt: skip
            self.add(
                "webhook_secret", webhook_id=id, sealed=b"", hint="abcd", public_key="whpk_", created_at=self.instant()
            )
            self.add("webhook_delivery", webhook_id=id, number=3, type="lead.created", record="", body=b"", attempts=1,
                     due_at=self.instant())  # fmt: skip
            self.add("webhook_attempt", number=len(self.tables.get("webhook_attempt", ())) + 1, webhook_id=id,
                     event_id=self.id(), type="lead.created", delivered=True,
                     status=200, milliseconds=5, at=self.instant())  # fmt: skip
            self.tables.setdefault("webhook_state", []).append({"org_id": self.org_id, "webhook_id": id, "position": 7})

    def _people(self) -> None:
        for nth in range(7):
            zone, role = self.random.choice(["UTC", "Europe/Paris"]), self.random.choice(["VIEWER", "REP", "ADMIN"])
            name = self.random.choice(["Ann", "ann", "Ünal", "Bob"])
            subject = "tester" if nth == 0 else f"member {nth}"
            self.add("member", subject=subject, name=name, email=self.maybe("a@b.c"), role=role, active=nth != 3,
                     time_zone=zone, capacity=nth % 3, daily_cap=self.maybe(nth))  # fmt: skip
        for _ in range(6):
            self.add("customer", name=self.text(), website=self.maybe("https://x.example/100%"),
                     industry=self.maybe(self.text()), phone=self.maybe("+49_1"),
                     address=self.maybe(self.text()), notes=self.maybe(self.text()), external_id=None,
                     archived_at=None if self.random.random() < 0.8 else self.instant())  # fmt: skip
        for _ in range(14):
            self.add("contact", name=self.text(), email=self.maybe(f"{self.random.randrange(3)}_x@Example.com"),
                     address=self.maybe(self.text()), notes=self.maybe(self.text()),
                     phone=self.maybe("+1 555%"), job_title=self.maybe(self.text()),
                     customer_id=self.maybe(self.one("customer")),
                     archived_at=None if self.random.random() < 0.8 else self.instant())  # fmt: skip

    def _boards(self) -> None:
        for nth, type_ in enumerate(["OPPORTUNITY", "LEAD", "LEAD"]):
            deleted = self.instant() if nth == 2 else None
            pipeline = self.add("pipeline", name=self.text(), type=type_, description=self.maybe(self.text()),
                                is_default=nth < 2, deleted_at=deleted,
                                routes_new_leads=nth == 1)  # fmt: skip
            kinds = [("OPEN", 33), ("OPEN", 50), ("OPEN", 7), ("WON", 100), ("LOST", 0)]
            for position, (kind, odds) in enumerate(kinds):
                gone = self.instant() if position == 2 else deleted
                self.add("stage", pipeline_id=pipeline["id"], name=self.text(), kind=kind, probability=odds,
                         position=position // 2, rotten_after_days=self.maybe(7), deleted_at=gone,
                         forecast_category=("PIPELINE", "BEST_CASE", "COMMIT", "OMITTED")[position % 4],
                         required_fields=self.random.sample(["value", "contact_id", "score"], nth))  # fmt: skip

    def _lead(self) -> None:
        stage = self.random.choice(self.tables["stage"][:12])
        currency, amount = self.random.choice(AMOUNTS)
        lead = self.add(
            "lead", pipeline_id=stage["pipeline_id"], stage_id=stage["id"], rank=self.random.choice("Vbz") + "1",
            title=self.text(), description=self.maybe(self.text()), contact_id=self.maybe(self.one("contact")),
            customer_id=self.maybe(self.one("customer")), owner_id=self.maybe(self.one("member")),
            value=Decimal(amount) if amount else None, currency=currency, probability=self.maybe(42),
            forecast_category=(None, "COMMIT", None, "OMITTED", "BEST_CASE")[len(self.tables.get("lead", ())) % 5],
            expected_close_date=self.maybe(date(2026, 1, 30) + timedelta(days=self.random.randrange(4))),
            score=self.maybe(self.random.randrange(-1, 3)), source=self.maybe(self.text()), external_id=None,
            stage_entered_at=self.instant(), qualified_at=self.maybe(self.instant()),
            disqualified_at=self.maybe(self.instant()), lost_reason=self.maybe(self.text()),
            last_activity_at=self.maybe(self.instant()),
            closed_at=self.maybe(self.instant()), converted_at=None, converted_to_id=None, converted_from_id=None,
        )  # fmt: skip
        for _ in range(self.random.randrange(4)):
            source = self.maybe(self.random.choice(self.tables["stage"])) or {}
            self.add("stage_change", lead_id=lead["id"], from_pipeline_id=source.get("pipeline_id"),
                     from_stage_id=source.get("id"), to_pipeline_id=stage["pipeline_id"], to_stage_id=stage["id"],
                     actor_id=self.maybe(self.one("member")), occurred_at=self.instant())  # fmt: skip

    def _converted(self) -> None:
        first, *others = self.tables["lead"]
        for lead, opportunity in zip([first, *others[::10]], others[5::10], strict=False):
            lead["converted_to_id"], lead["converted_at"] = opportunity["id"], self.instant()
            opportunity["converted_from_id"] = lead["id"]

    def _task(self) -> None:
        # The date is far away, so that it stays fixed what is overdue.
        deadline = self.maybe(datetime(self.random.choice([2020, 2099]), 5, self.random.randrange(1, 4), tzinfo=UTC))
        all_day = deadline is not None and self.random.random() < 0.5
        self.add(
            "task", title=self.text(), notes=self.maybe(self.text()), lead_id=self.maybe(self.one("lead")),
            contact_id=self.maybe(self.one("contact")), assignee_id=self.maybe(self.one("member")), deadline=deadline,
            due_at=None if all_day else deadline, due_on=deadline.date() if deadline and all_day else None,
            status=self.random.choice(["OPEN", "OPEN", "DONE", "CANCELLED"]),
            priority=self.random.choice(["LOW", "NORMAL", "HIGH"]), completed_at=self.maybe(self.instant()),
            customer_id=self.maybe(self.one("customer")), creator_id=self.maybe(self.one("member")),
            parent_id=self.maybe(self.one("task")) if self.tables.get("task") else None,
            outcome=self.maybe(self.text()), remind_at=self.maybe(self.instant()), recurrence=self.maybe("FREQ=DAILY"),
        )  # fmt: skip

    def _activity(self) -> None:
        self.add(
            "activity", lead_id=self.one("lead"), contact_id=self.maybe(self.one("contact")),
            author_id=self.maybe(self.one("member")), type=self.random.choice(["CALL", "EMAIL", "MEETING", "NOTE"]),
            subject=self.text(), body=self.maybe(self.text()), outcome=self.maybe(self.text()),
            occurred_at=self.instant(), duration=self.maybe(90), participants=[self.text()] * self.random.randrange(3),
        )  # fmt: skip

    def _event(self, number: int, type_: str) -> None:
        table = type_.partition(".")[0]
        record = (
            self.one(table)
            if table in ("task", "activity", "contact", "customer", "stage", "member", "run", "webhook")
            else None
        )
        if table in ("pipeline", "stages", "scores"):
            record = self.one("pipeline")
        data = {
            "changes": {"title": ["a", self.text()], "value": ["1.00", None], "isDefault": [True, ["x", 1]]},
            "from": self.maybe(f"member_{self.one('member')}"), "to": self.maybe(f"member_{self.one('member')}"),
            "opportunityId": f"lead_{self.one('lead')}", "reason": self.maybe(self.text()), "title": self.text(),
            "subject": self.text(), "notes": None, "into": f"lead_{self.one('lead')}",
            "deadline": self.instant().isoformat(), "closedAt": self.instant().isoformat(),
            "poolId": self.maybe(f"pool_{self.one('pool')}"), "repeats": self.maybe(f"task_{self.one('task')}"),
            "status": "DONE", "movedLeads": self.maybe(7),
            "remindAt": self.instant().isoformat(), "period": "2026-01", "currency": "EUR", "value": "5.00",
            "memberId": self.maybe(f"member_{self.one('member')}"),
            "leadIds": [f"lead_{self.one('lead')}"], "version": 3,
        }  # fmt: skip
        holds = table == "scores" or self.random.random() < 0.8
        self.tables.setdefault("event", []).append({
            "org_id": self.org_id, "number": number, "id": self.id(), "type": str(type_), "occurred_at": self.instant(),
            "actor_kind": self.random.choice(list(ActorKind)).value, "depth": self.random.randrange(3),
            "run_id": self.maybe(self.one("run")), "actor_id": self.maybe(self.one("member")),
            "mutation": self.maybe("convert_lead"),
            "lead_id": self.one("lead") if table in ("lead", "task", "activity") else None,
            "owner_id": None, "pipeline_id": self.maybe(self.one("pipeline")), "from_pipeline_id": None,
            "stage_id": self.maybe(self.one("stage")), "from_stage_id": self.maybe(self.one("stage")),
            "record_id": record, "data": orjson.dumps(data if holds else {}).decode(),
        })  # fmt: skip

    def _waiting(self) -> None:
        pairs = {(self.one("task"), self.one("task")) for _ in range(40)}
        self.tables["task_dependency"] = [
            {"org_id": self.org_id, "task_id": waiting, "blocked_by_id": awaited} for waiting, awaited in sorted(pairs)
        ]

    def _routing(self) -> None:
        members = [member["id"] for member in self.tables["member"]]
        for strategy in ("ROUND_ROBIN", "WEIGHTED"):
            pool = self.add("pool", name=self.text(), strategy=strategy, turn=1)
            for position, member in enumerate(self.random.sample(members, 3)):
                self.tables.setdefault("pool_member", []).append(
                    {"org_id": self.org_id, "pool_id": pool["id"], "member_id": member, "position": position,
                     "given": position * 7, "credit": 0}
                )  # fmt: skip
        for position in range(4):
            pipeline, stage = self.tables["pipeline"][position % 2], self.random.choice(self.tables["stage"])
            condition = {"not": {"title": {"equals": self.random.choice(TEXTS[:20])}}}
            to_member = position < 2
            self.add("routing_rule", pipeline_id=pipeline["id"], position=position // 2, name=self.text(),
                     stage_id=self.maybe(stage["id"]), condition=self.maybe(json.dumps(condition)),
                     member_id=self.one("member") if to_member else None,
                     pool_id=None if to_member else self.one("pool"))  # fmt: skip


ORGANISATIONS = (Builder(DEMO, 1).build(), Builder(OTHER, 2).build())
"""The rows of the organisations, the same in every run."""

COUNT_STAGES = """
INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
SELECT lead.org_id, lead.stage_id, CASE WHEN lead.value IS NULL THEN '' ELSE lead.currency END, count(*),
    coalesce(sum(lead.value), 0), coalesce(sum(lead.value * CASE
        WHEN stage.kind = 'OPEN' AND lead.closed_at IS NOT NULL THEN 0
        WHEN stage.kind = 'OPEN' THEN coalesce(lead.probability, stage.probability) ELSE stage.probability END), 0)
FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
GROUP BY 1, 2, 3
"""


FIND_OPEN_TASKS = """
UPDATE lead SET has_open_task = true WHERE EXISTS (
    SELECT FROM task WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN'
)
"""


async def fill(database: Database, *organisations: Tables) -> None:
    """Write the rows; tables in the order of their references."""
    async with database.acquire() as connection, connection.transaction():
        for tables in organisations:
            for table in (one.name for one in Base.metadata.sorted_tables if one.name in tables):
                rows = tables[table]
                columns = list(rows[0])
                records: Iterable[Any] = [[row.get(column) for column in columns] for row in rows]
                await connection.copy_records_to_table(table, records=records, columns=columns)
        await connection.execute(COUNT_STAGES)
        await connection.execute(FIND_OPEN_TASKS)
        await fill_values(connection)


async def load(database: Database) -> Tables:
    """Every row of every table: the rows of the first organisation come first, each by age."""
    names = [table.name for table in Base.metadata.sorted_tables]
    found = {name: [dict(row) for row in await database.pool.fetch(f"SELECT * FROM {name}")] for name in names}
    return {name: sorted(rows, key=_by_age) for name, rows in found.items()}


def _by_age(row: Mapping[str, Any]) -> tuple[bool, str]:
    """PostgreSQL returns rows in any order."""
    return row.get("org_id", row.get("id")) != organisation_id(DEMO), str(row.get("id"))
