"""One batch of an import: some lines of the file, with their history, totals and events, in one transaction.

The stages are kept, so that leads go on moving in them meanwhile; events and totals are written last.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.events import append
from engine.change.records import expect_columns
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_keys import key
from models.event_types import EventType, Plain
from models.rules.rank import spread
from models.rules.sort_key import with_sort_key
from models.rules.stage_kind import StageKind
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.lead import Lead
from resolvers.changes.imports.copying import Records
from resolvers.changes.imports.names import Names
from resolvers.changes.imports.rows import FOUND, IN_LINES, Deal
from resolvers.changes.search_words import FIELDS, write_new
from resolvers.changes.stage_totals import Totals

CREATED = Plain(EventType.LEAD_CREATED)
"""What is recorded of each lead."""

EXTERNAL_ID = key(EventType.LEAD_MERGED, "external_id")

KNOWN_IDS = Statement(
    text(
        f"""
        SELECT external_id FROM lead
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND external_id = ANY(:external_ids)
        UNION SELECT data ->> '{EXTERNAL_ID}' FROM event
        WHERE org_id = :org_id AND type = '{EventType.LEAD_MERGED}' AND pipeline_id = :pipeline_id
            AND data ->> '{EXTERNAL_ID}' = ANY(:external_ids)
        """
    ).bindparams(ORG, bindparam("external_ids", type_=ARRAY(Text())))
)
"""Which of these ids were imported before; a lead that was merged into another since is not created again."""

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
    """The result of an import, or of a batch. `resumed` of the `unchanged` lines have no external id; they were
    imported when the same file was sent before."""

    created: int = 0
    unchanged: int = 0
    resumed: int = 0
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: list[tuple[int, str]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """The line of the file on which each external id was taken."""

    def add(self, batch: "Report") -> None:
        """Add the result of a batch that is stored."""
        self.created += batch.created
        self.unchanged += batch.unchanged
        self.resumed += batch.resumed
        self.rejected.extend(batch.rejected)
        self.lines.update(batch.lines)
        for table, count in batch.made.items():
            self.made[table] += count


class Batch:
    """The lines of a batch become rows. `stored` is the report of the batches before."""

    def __init__(self, connection: Connection, names: Names, stored: Report) -> None:
        self.connection = connection
        self.names = names
        self.org_id = names.options.org_id
        self.stored = stored
        self.report = Report()
        self.records = names.records = Records(self.org_id, self.report.made)

    async def write(self, deals: Sequence[Deal], done: int) -> list[dict[str, Any]]:
        """Write all but the events; returns the leads. Of the lines without an external id the first `done` are
        imported already. Raises `OutOfDate` when the names have to be looked up again."""
        await self.names.keep(self.connection)
        known = await self._known(deals)
        found = (self._lead(deal, known, nth < done) for nth, deal in enumerate(deals))
        leads = [lead for lead in found if lead is not None]
        await self.names.keep_named(self.connection, leads)
        await self._rank(leads)
        self.records.rows["lead"] = leads
        for table in ("member", "customer", "contact", "lead", "stage_change"):
            await self.records.copy(self.connection, table)
        for noun in FIELDS:  # those of leads last, because they copy the others
            if ids := [row["id"] for row in self.records.rows[noun]]:
                await write_new(self.connection, self.org_id, noun, ids)
        self.report.created = len(leads)
        return leads

    async def _known(self, deals: Sequence[Deal]) -> set[str]:
        ids = [deal.external_id for deal in deals if deal.external_id is not None]
        given = {"org_id": self.org_id, "pipeline_id": self.names.pipeline_id, "external_ids": ids}
        return {row["external_id"] for row in await KNOWN_IDS.all(self.connection, **given)}

    async def append(self, leads: Sequence[Row]) -> None:
        """Write the events, and add the leads to the totals of their stages."""
        stages = {stage["id"]: stage for stage in self.names.stages.values()}
        totals = Totals()
        for lead in leads:
            totals.count(lead, stages[lead["stage_id"]], 1)
        events = [NewEvent.of_lead(CREATED, lead) for lead in leads]
        if events:
            await append(self.connection, self.org_id, events, totals, mutation="import")

    def _lead(self, deal: Deal, known: set[str], done: bool) -> dict[str, Any] | None:
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
            self.report.lines[deal.external_id] = deal.line
        elif done:
            self.report.unchanged += 1
            self.report.resumed += 1
            return None
        customer = self.names.customer(deal)
        return self._row(deal, stage, self.names.owner(deal), customer, self.names.contact(deal, customer))

    def _skip(self, deal: Deal) -> None:
        """Report a line whose external id is known: unchanged, or rejected if the file has it on two lines."""
        assert deal.external_id is not None
        line = self.report.lines.get(deal.external_id) or self.stored.lines.get(deal.external_id)
        if line is None:
            self.report.unchanged += 1
        else:
            reason = f"external_id: {deal.external_id!r} is already used on line {line}"
            self.report.rejected.append((deal.line, reason))

    def _row(
        self, deal: Deal, stage: Row, owner: UUID | None, customer: UUID | None, contact: UUID | None
    ) -> dict[str, Any]:
        """The lead, with its history and its event."""
        closed = stage["kind"] != StageKind.OPEN
        began = deal.created_at or (deal.closed_at if closed else None) or self.records.now
        ended = (deal.closed_at or began) if closed else None
        lead_id = new_id(began)
        path = [(stage, began)]
        if ended is not None and self.names.first_open is not None:
            path = [(self.names.first_open, began), (stage, ended)]
        previous: Row | None = None
        for step, at in path:
            self._step(lead_id, previous, step, at)
            previous = step
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

    def _step(self, lead_id: UUID, previous: Row | None, stage: Row, at: datetime) -> None:
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
