"""Importing deals: one transaction, by COPY, with history, totals and events; a second import changes nothing.

lock       one import at a time in an organisation; the stages, against every other change of their leads
look up    pipeline, stages, members, customers, contacts by name; what is missing is created, or its lines are rejected
write      leads, history and events by COPY; the event log's counter is taken last
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from engine.change.records import expect_columns
from engine.read.rows import ORG
from models.database import Connection, Database, Statement
from models.event_keys import key
from models.event_types import EventType, Plain
from models.rules.rank import spread
from models.rules.sort_key import with_sort_key
from models.rules.stage_kind import StageKind
from models.tables.base import new_id
from models.tables.lead import Lead
from resolvers.changes.imports.copying import BATCH, Progress, Records
from resolvers.changes.imports.names import Import, Names
from resolvers.changes.imports.rows import FOUND, IN_LINES, Deal
from resolvers.changes.organisation.membership import FOUND_ORGANISATION
from resolvers.changes.search_words import FIELDS, write_new
from resolvers.changes.stage_totals import refresh_totals

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('import ' || CAST(:key AS text), 0))"))

CREATED = Plain(EventType.LEAD_CREATED)
"""What is recorded of each lead."""

EXTERNAL_ID = key(EventType.LEAD_MERGED, "external_id")

KNOWN_IDS = Statement(
    text(
        f"""
        SELECT external_id FROM lead
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND external_id IS NOT NULL
        UNION SELECT data ->> '{EXTERNAL_ID}' FROM event
        WHERE org_id = :org_id AND type = '{EventType.LEAD_MERGED}' AND pipeline_id = :pipeline_id
            AND data ->> '{EXTERNAL_ID}' IS NOT NULL
        """
    ).bindparams(ORG)
)
"""Ids that were imported before; a lead that was merged into another since is not created again."""

LAST_RANKS = Statement(
    text(
        """
        SELECT stage.id, (
            SELECT rank FROM lead WHERE lead.org_id = stage.org_id AND lead.stage_id = stage.id
            ORDER BY rank DESC, id DESC LIMIT 1
        ) AS rank FROM stage WHERE stage.org_id = :org_id AND stage.pipeline_id = :pipeline_id
        """
    ).bindparams(ORG)
)


expect_columns(
    Lead,
    (
        *("org_id", "id", "pipeline_id", "stage_id", "rank", *IN_LINES, *FOUND, "sort_key"),
        *("stage_entered_at", "closed_at", "created_at", "updated_at", "version"),
    ),
    default=(
        *("qualified_at", "disqualified_at", "lost_reason", "last_activity_at", "has_open_task"),
        *("converted_at", "converted_to_id", "converted_from_id"),
    ),
)


@dataclass
class Report:
    """The result of an import."""

    created: int = 0
    unchanged: int = 0
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: list[tuple[int, str]] = field(default_factory=list)


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


async def import_deals(
    database: Database, options: Import, deals: Sequence[Deal], progress: Progress = lambda done: None
) -> Report:
    """Import the deals in one transaction. Raises `ImportFailed` when none of them can be imported."""
    report = Report()
    try:
        async with database.transaction(None) as connection:
            await _Importer(connection, options, report, progress).run(deals)
            if options.dry_run:
                raise _RolledBack
    except _RolledBack:
        pass
    return report


class _Importer:
    """The state of one import: the records known by name, and the rows to write."""

    def __init__(self, connection: Connection, options: Import, report: Report, progress: Progress) -> None:
        self.connection = connection
        self.options = options
        self.org_id = options.org_id
        self.report = report
        self.progress = progress
        self.records = Records(connection, options.org_id, report.made)
        self.names = Names(options, self.records)
        self.lines: dict[str, int] = {}
        """The line of the file on which each external id was taken."""

    async def run(self, deals: Sequence[Deal]) -> None:
        """The whole import, inside the caller's transaction."""
        await ONE_AT_A_TIME.run(self.connection, key=self.options.organisation)
        await FOUND_ORGANISATION.run(self.connection, org_id=self.org_id, organisation=self.options.organisation)
        await self.names.load(deals)
        known = {
            row["external_id"]
            for row in await KNOWN_IDS.all(self.connection, org_id=self.org_id, pipeline_id=self.names.pipeline_id)
        }
        leads = [lead for deal in deals if (lead := self._lead(deal, known)) is not None]
        await self._rank(leads)
        self.records.rows["lead"] = leads
        for table in ("member", "customer", "contact"):
            await self.records.copy(table)
        await self.records.copy("lead", self.progress)
        await self.records.copy("stage_change")
        await self._write_words()
        await self.records.copy_events()
        await refresh_totals(self.connection, self.org_id, [stage["id"] for stage in self.names.stages.values()])
        self.report.created = len(leads)

    async def _write_words(self) -> None:
        """Write the words of the new records, those of leads last, because they copy the others."""
        for noun in FIELDS:
            ids = [row["id"] for row in self.records.rows[noun]]
            for at in range(0, len(ids), BATCH):
                await write_new(self.connection, self.org_id, noun, ids[at : at + BATCH])

    def _lead(self, deal: Deal, known: set[str]) -> dict[str, Any] | None:
        """The row of a deal; None if it already exists or is rejected."""
        if deal.external_id is not None and deal.external_id in known:
            self._skip(deal)
            return None
        stage = self.names.stages.get(deal.stage.casefold())
        reason = self.names.missing(deal, stage)
        if reason is not None or stage is None:
            self.report.rejected.append((deal.line, reason or "has no stage; name one"))
            return None
        if deal.external_id is not None:
            known.add(deal.external_id)
            self.lines[deal.external_id] = deal.line
        customer = self.names.customer(deal)
        return self._row(deal, stage, self.names.owner(deal), customer, self.names.contact(deal, customer))

    def _skip(self, deal: Deal) -> None:
        assert deal.external_id is not None
        if deal.external_id in self.lines:
            reason = f"external_id: {deal.external_id!r} is already used on line {self.lines[deal.external_id]}"
            self.report.rejected.append((deal.line, reason))
        else:
            self.report.unchanged += 1

    def _row(
        self, deal: Deal, stage: dict[str, Any], owner: UUID | None, customer: UUID | None, contact: UUID | None
    ) -> dict[str, Any]:
        """The lead, with its history and its event."""
        closed = stage["kind"] != StageKind.OPEN
        began = deal.created_at or (deal.closed_at if closed else None) or self.records.now
        ended = (deal.closed_at or began) if closed else None
        lead_id = new_id(began)
        path = [(stage, began)]
        if ended is not None and self.names.first_open is not None:
            path = [(self.names.first_open, began), (stage, ended)]
        previous: dict[str, Any] | None = None
        for step, at in path:
            self._step(lead_id, previous, step, at)
            previous = step
        self.records.rows["event"].append(
            {
                "id": new_id(),
                "type": CREATED.type,
                "mutation": "import",
                "lead_id": lead_id,
                "owner_id": owner,
                "pipeline_id": self.names.pipeline_id,
                "stage_id": stage["id"],
                "data": orjson.dumps(CREATED.data()).decode(),
            }
        )
        return {
            "org_id": self.org_id,
            "id": lead_id,
            "pipeline_id": self.names.pipeline_id,
            "stage_id": stage["id"],
            **with_sort_key("lead", deal.lead),
            "contact_id": contact,
            "customer_id": customer,
            "owner_id": owner,
            "stage_entered_at": ended or began,
            "closed_at": ended,
            "created_at": began,
            "updated_at": ended or began,
            "version": 1,
        }

    def _step(self, lead_id: UUID, previous: dict[str, Any] | None, stage: dict[str, Any], at: datetime) -> None:
        self.records.rows["stage_change"].append(
            {
                "org_id": self.org_id,
                "id": new_id(at),
                "lead_id": lead_id,
                "from_pipeline_id": previous and self.names.pipeline_id,
                "from_stage_id": previous and previous["id"],
                "to_pipeline_id": self.names.pipeline_id,
                "to_stage_id": stage["id"],
                "occurred_at": at,
            }
        )

    async def _rank(self, leads: Sequence[dict[str, Any]]) -> None:
        """Place the leads below the cards of each stage, in the order of the file."""
        last = {
            row["id"]: row["rank"]
            for row in await LAST_RANKS.all(self.connection, org_id=self.org_id, pipeline_id=self.names.pipeline_id)
        }
        columns = defaultdict(list)
        for lead in leads:
            columns[lead["stage_id"]].append(lead)
        for stage_id, column in columns.items():
            for lead, rank in zip(column, spread(len(column), last.get(stage_id)), strict=True):
                lead["rank"] = rank
