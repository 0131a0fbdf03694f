"""What the statement that appends the events of a change writes beside them: totals of stages, and spans.

A span is written by comparing: every lead that an event names is looked at as it is at the end of the change, and where
it differs from its span, that one ends and another begins. So no change has to say what it means for the past, and none
can forget it. All is one statement with the events, so spans cost no round trip.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

from engine.change.events import Beside, appending
from engine.change.shards import OWN
from models.database import Statement
from models.tables.analytics.spans import FOREVER
from models.tables.event import NewEvent
from resolvers.changes.spans.held import LEAD_EVENTS, OF_LEAD, OF_STAGE, matters
from resolvers.changes.stage_totals import TOTALS, Totals

LEADS_NOW = f"""
    SELECT named.id AS lead_id, log.before + named.nth AS number, lead.id IS NOT NULL AS is_there,
        {", ".join(f"{value} AS {name}" for name, value in OF_LEAD.items())}
    FROM log, unnest(CAST(:changed_leads AS uuid[]), CAST(:lead_places AS int[])) AS named (id, nth)
        LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = named.id
        LEFT JOIN stage ON stage.org_id = :org_id AND stage.id = lead.stage_id
"""

STAGES_NOW = f"""
    SELECT stage.id AS stage_id, log.before + named.nth AS number, stage.deleted_at IS NULL AS is_there,
        {", ".join(f"{value} AS {name}" for name, value in OF_STAGE.items())}
    FROM log, unnest(CAST(:changed_pipelines AS uuid[]), CAST(:pipeline_places AS int[])) AS named (id, nth)
        JOIN stage ON stage.org_id = :org_id AND stage.pipeline_id = named.id
"""


def _spans(noun: str, now: str, held: Iterable[str]) -> str:
    """The CTEs that end the spans of records that have changed, and begin new ones."""
    table, key, names = f"{noun}_span", f"{noun}_id", tuple(held)
    were, are = (", ".join(f"{source}.{name}" for name in names) for source in (table, "changed"))
    return f"""{noun}s_now AS ({now}), {table}s_ended AS (
            UPDATE {table} SET until_number = changed.number FROM {noun}s_now AS changed
            WHERE {table}.org_id = :org_id AND {table}.{key} = changed.{key} AND {table}.until_number = {FOREVER}
                AND (NOT changed.is_there OR ({were}) IS DISTINCT FROM ({are}))
            RETURNING {table}.{key}
        ), {table}s_begun AS (
            INSERT INTO {table} (org_id, {key}, from_number, {", ".join(names)})
            SELECT own.id, changed.{key}, changed.number, {are}
            FROM {OWN} CROSS JOIN {noun}s_now AS changed
                LEFT JOIN {table}s_ended AS ended ON ended.{key} = changed.{key}
                LEFT JOIN {table} AS current ON current.org_id = :org_id AND current.{key} = changed.{key}
                    AND current.until_number = {FOREVER}
            WHERE own.id = :org_id AND changed.is_there AND (ended.{key} IS NOT NULL OR current.{key} IS NULL)
        )"""


PARTS = (TOTALS, _spans("lead", LEADS_NOW, OF_LEAD), _spans("stage", STAGES_NOW, OF_STAGE))

APPENDS: Mapping[tuple[bool, ...], Statement] = {
    wanted: appending(", ".join(part for part, is_wanted in zip(PARTS, wanted, strict=True) if is_wanted))
    for wanted in product((False, True), repeat=len(PARTS))
}
"""The statement that appends events, by which of the parts it has: most changes need none or two of them."""


@dataclass(frozen=True)
class Kept:
    """What is written beside events: totals, the leads and the pipelines whose spans may change, each with the place of
    its first event among those of the change, from 1."""

    totals: Totals | None
    leads: Mapping[UUID, int]
    pipelines: Mapping[UUID, int]

    @property
    def statement(self) -> Statement:
        """The statement with the parts that this needs."""
        return APPENDS[self.totals is not None, bool(self.leads), bool(self.pipelines)]

    def values(self) -> Mapping[str, Any]:
        """The parameters of these parts."""
        values: dict[str, Any] = {}
        if self.totals is not None:
            values |= self.totals.values()
        if self.leads:
            values |= {"changed_leads": list(self.leads), "lead_places": list(self.leads.values())}
        if self.pipelines:
            values |= {"changed_pipelines": list(self.pipelines), "pipeline_places": list(self.pipelines.values())}
        return values

    def shown(self) -> Mapping[str, Any]:
        """What it adds to the values of the payload."""
        return {} if self.totals is None else self.totals.shown()


def beside(new_events: Sequence[NewEvent], totals: Totals | None = None) -> Beside:
    """What a change writes beside its events."""
    leads: dict[UUID, int] = {}
    pipelines: dict[UUID, int] = {}
    for nth, one in enumerate(new_events, 1):
        if not matters(one.what.type, getattr(one.what, "changes", None) or ()):
            continue
        if one.what.type in LEAD_EVENTS and one.lead_id is not None:
            leads.setdefault(one.lead_id, nth)
        elif one.pipeline_id is not None:
            pipelines.setdefault(one.pipeline_id, nth)
    return Kept(totals, leads, pipelines)
