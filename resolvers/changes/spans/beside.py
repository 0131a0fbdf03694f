"""What the statement that appends the events of a change writes beside them: totals of stages, and spans.

A span is written by comparing: every lead that an event names is looked at as it is at the end of the change, and where
it differs from its span, that one ends and another begins. So no change has to say what it means for the past, and none
can forget it. All is one statement with the events, so spans cost no round trip.

PostgreSQL plans the statement once for organisations of all sizes. What could be a join of two tables is therefore a
look-up for each lead, or a conflict with the key of its span: a merge join read all open leads of an organisation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

from engine.change.events import Beside, appending
from engine.change.shards import OWN
from models.database import Statement
from models.event_types import EventType
from models.tables.analytics.spans import FOREVER
from models.tables.event import NewEvent
from resolvers.changes.spans.held import LEAD_EVENTS, OF_LEAD, OF_STAGE, matters
from resolvers.changes.stage_totals import TOTALS, Totals

LEADS = f"""lead_spans_begun AS (
            INSERT INTO lead_span (org_id, lead_id, from_number, {", ".join(OF_LEAD)})
            SELECT own.id, named.id, log.before + named.nth, {", ".join(f"changed.{name}" for name in OF_LEAD)}
            FROM {OWN}, log, unnest(CAST(:changed_leads AS uuid[]), CAST(:lead_places AS int[])) AS named (id, nth),
                LATERAL (
                    SELECT {", ".join(f"{value} AS {name}" for name, value in OF_LEAD.items())}
                    FROM lead JOIN stage ON stage.org_id = :org_id AND stage.id = lead.stage_id
                    WHERE lead.org_id = :org_id AND lead.id = named.id LIMIT 1
                ) AS changed
            WHERE own.id = :org_id
            ON CONFLICT (org_id, lead_id, until_number) DO UPDATE
                SET from_number = excluded.from_number, {", ".join(f"{name} = excluded.{name}" for name in OF_LEAD)}
                WHERE ({", ".join(f"lead_span.{name}" for name in OF_LEAD)})
                    IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in OF_LEAD)})
            RETURNING lead_id, from_number
        ), lead_spans_ended AS (
            INSERT INTO lead_span (org_id, lead_id, from_number, until_number, {", ".join(OF_LEAD)})
            SELECT ended.org_id, ended.lead_id, ended.from_number, begun.from_number,
                {", ".join(f"ended.{name}" for name in OF_LEAD)}
            FROM lead_spans_begun AS begun, LATERAL (
                SELECT * FROM lead_span AS open WHERE open.org_id = :org_id AND open.lead_id = begun.lead_id
                    AND open.until_number = {FOREVER} LIMIT 1
            ) AS ended
        )"""
"""The row of an open span is overwritten where the lead has changed, and what it held is written again as ended: a
statement sees rows as they were before it."""

GONE = f"""lead_spans_gone AS (
            UPDATE lead_span SET until_number = log.before + named.nth
            FROM log, unnest(CAST(:gone_leads AS uuid[]), CAST(:gone_places AS int[])) AS named (id, nth)
            WHERE lead_span.org_id = :org_id AND lead_span.lead_id = named.id AND lead_span.until_number = {FOREVER}
        )"""
"""Ends the spans of leads that have been deleted or merged."""

STAGES_NOW = f"""
    SELECT stage.id AS stage_id, log.before + named.nth AS number, stage.deleted_at IS NULL AS is_there,
        {", ".join(f"{value} AS {name}" for name, value in OF_STAGE.items())}
    FROM log, unnest(CAST(:changed_pipelines AS uuid[]), CAST(:pipeline_places AS int[])) AS named (id, nth)
        JOIN stage ON stage.org_id = :org_id AND stage.pipeline_id = named.id
"""


STAGES = f"""stages_now AS ({STAGES_NOW}), stage_spans_ended AS (
            UPDATE stage_span SET until_number = changed.number FROM stages_now AS changed
            WHERE stage_span.org_id = :org_id AND stage_span.stage_id = changed.stage_id
                AND stage_span.until_number = {FOREVER} AND (NOT changed.is_there
                    OR ({", ".join(f"stage_span.{name}" for name in OF_STAGE)})
                        IS DISTINCT FROM ({", ".join(f"changed.{name}" for name in OF_STAGE)}))
            RETURNING stage_span.stage_id
        ), stage_spans_begun AS (
            INSERT INTO stage_span (org_id, stage_id, from_number, {", ".join(OF_STAGE)})
            SELECT own.id, changed.stage_id, changed.number, {", ".join(f"changed.{name}" for name in OF_STAGE)}
            FROM {OWN} CROSS JOIN stages_now AS changed
                LEFT JOIN stage_spans_ended AS ended ON ended.stage_id = changed.stage_id
                LEFT JOIN stage_span AS current ON current.org_id = :org_id AND current.stage_id = changed.stage_id
                    AND current.until_number = {FOREVER}
            WHERE own.id = :org_id AND changed.is_there AND (ended.stage_id IS NOT NULL OR current.stage_id IS NULL)
        )"""
"""Ends the spans of stages that have changed, and begins new ones."""

PARTS = (TOTALS, LEADS, GONE, STAGES)

APPENDS: Mapping[tuple[bool, ...], Statement] = {
    wanted: appending(", ".join(part for part, is_wanted in zip(PARTS, wanted, strict=True) if is_wanted))
    for wanted in product((False, True), repeat=len(PARTS))
}
"""The statement that appends events, by which of the parts it has: most changes need none or two of them."""

GOES = frozenset({EventType.LEAD_DELETED, EventType.LEAD_MERGED})
"""After these, a lead is there no more."""


@dataclass(frozen=True)
class Kept:
    """What is written beside events: totals, the leads and the pipelines whose spans may change, and the leads that are
    `gone`, each with the place of its first event among those of the change, from 1."""

    totals: Totals | None
    leads: Mapping[UUID, int]
    gone: Mapping[UUID, int]
    pipelines: Mapping[UUID, int]

    @property
    def statement(self) -> Statement:
        """The statement with the parts that this needs."""
        return APPENDS[self.totals is not None, bool(self.leads), bool(self.gone), bool(self.pipelines)]

    def values(self) -> Mapping[str, Any]:
        """The parameters of these parts."""
        values: dict[str, Any] = {}
        if self.totals is not None:
            values |= self.totals.values()
        if self.leads:
            values |= {"changed_leads": list(self.leads), "lead_places": list(self.leads.values())}
        if self.gone:
            values |= {"gone_leads": list(self.gone), "gone_places": list(self.gone.values())}
        if self.pipelines:
            values |= {"changed_pipelines": list(self.pipelines), "pipeline_places": list(self.pipelines.values())}
        return values

    def shown(self) -> Mapping[str, Any]:
        """What it adds to the values of the payload."""
        return {} if self.totals is None else self.totals.shown()


def beside(new_events: Sequence[NewEvent], totals: Totals | None = None) -> Beside:
    """What a change writes beside its events."""
    leads: dict[UUID, int] = {}
    gone: dict[UUID, int] = {}
    pipelines: dict[UUID, int] = {}
    for nth, one in enumerate(new_events, 1):
        if not matters(one.what.type, getattr(one.what, "changes", None) or ()):
            continue
        if one.what.type in LEAD_EVENTS and one.lead_id is not None:
            number = leads.setdefault(one.lead_id, nth)
            if one.what.type in GOES:
                gone[one.lead_id] = number
        elif one.pipeline_id is not None:
            pipelines.setdefault(one.pipeline_id, nth)
    return Kept(totals, {id: nth for id, nth in leads.items() if id not in gone}, gone, pipelines)
