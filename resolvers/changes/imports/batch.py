"""One batch of an import: some lines of the file, with their history, totals and events, in one transaction.

The stages are kept, so that leads go on moving in them meanwhile; events and totals are written last.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.events import append
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.event_keys import key
from models.event_types import EventType
from models.rules.rank import spread
from resolvers.changes.imports.copying import Records
from resolvers.changes.imports.history import History, history
from resolvers.changes.imports.import_events import imported_by, people_created
from resolvers.changes.imports.lead_rows import NewLead, new_lead
from resolvers.changes.imports.names import Names
from resolvers.changes.imports.rows import Deal, Rejected
from resolvers.changes.search_words import FIELDS, write_new
from resolvers.changes.spans.beside import beside
from resolvers.changes.stage_totals import Totals

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


@dataclass
class Report:
    """The result of an import, or of a batch. `resumed` of the `unchanged` lines have no external id; they were
    imported when the same file was sent before."""

    created: int = 0
    unchanged: int = 0
    resumed: int = 0
    undated: int = 0
    """Deals that are won or lost without a date, so that they are closed by the import."""
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: list[tuple[int, str]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """The line of the file on which each external id was taken."""

    def add(self, batch: "Report") -> None:
        """Add the result of a batch that is stored."""
        self.created += batch.created
        self.unchanged += batch.unchanged
        self.resumed += batch.resumed
        self.undated += batch.undated
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
        self.records = Records(self.org_id, self.report.made)
        names.write_to(self.records)

    async def write(self, deals: Sequence[Deal], done: int) -> list[NewLead]:
        """Write all but the events; returns the leads. Of the lines without an external id the first `done` are
        imported already. Raises `OutOfDate` when the names have to be looked up again."""
        await self.names.keep(self.connection)
        known = await self._known(deals)
        found = (self._lead(deal, known, nth < done) for nth, deal in enumerate(deals))
        leads = [lead for lead in found if lead is not None]
        rows = self.records.rows["lead"] = [lead.row for lead in leads]
        await self.names.keep_named(self.connection, rows)
        await self._rank(rows)
        self.records.rows["stage_change"] = [dict(step) for lead in leads for step in lead.steps]
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

    async def append(self, leads: Sequence[NewLead]) -> None:
        """Write the events, and add the leads to the totals of their stages."""
        stages = {stage["id"]: stage for stage in self.names.stages.values()}
        totals = Totals()
        for lead in leads:
            totals.count(lead.row, stages[lead.row["stage_id"]], 1)
        events = [*people_created(self.records), *(event for lead in leads for event in lead.events)]
        if events:
            cause = imported_by(self.names.actor_id)
            await append(self.connection, self.org_id, events, cause, beside(events, totals))

    def _lead(self, deal: Deal, known: set[str], done: bool) -> NewLead | None:
        """The lead of a deal; None if it already exists or is rejected."""
        if deal.external_id is not None and deal.external_id in known:
            self._skip(deal)
            return None
        stage = self.names.stages.get(deal.stage.casefold())
        reason = self.names.missing(deal, stage)
        if reason is not None or stage is None:
            self.report.rejected.append((deal.line, reason or "has no stage; name one"))
            return None
        if deal.external_id is None and done:
            self.report.unchanged += 1
            self.report.resumed += 1
            return None
        past = self._history(deal)
        if past is None:
            return None
        if deal.external_id is not None:
            known.add(deal.external_id)
            self.report.lines[deal.external_id] = deal.line
        self.report.undated += past.undated
        return new_lead(self.org_id, self.names.pipeline_id, deal, past, self.names.found(deal), self.names.actor_id)

    def _skip(self, deal: Deal) -> None:
        """Report a line whose external id is known: unchanged, or rejected if the file has it on two lines."""
        assert deal.external_id is not None
        line = self.report.lines.get(deal.external_id) or self.stored.lines.get(deal.external_id)
        if line is None:
            self.report.unchanged += 1
        else:
            reason = f"external_id: {deal.external_id!r} is already used on line {line}"
            self.report.rejected.append((deal.line, reason))

    def _history(self, deal: Deal) -> History | None:
        """The history of a deal; None if it is rejected."""
        first = self.names.first_open
        assert first is not None
        try:
            return history(deal, self.names.stages, first, self.names.zone, self.records.now)
        except Rejected as rejected:
            self.report.rejected.append((deal.line, str(rejected)))
            return None

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
