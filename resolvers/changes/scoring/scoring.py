"""Scoring leads by the published rules of their pipelines: some of them, or all of a pipeline in a run."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.background.runs import Given, RunKind, Step, start
from engine.change.records import ID, IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_types import ScoreCrossed, ScoresChanged
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.tables.event import NewEvent
from resolvers.changes import run_sizes
from resolvers.changes.scoring.statement import scoring

MOST = 10_000
"""Leads that a call may name."""

LISTED = 500
"""Leads that one event lists."""

LARGE = 5_000
"""Characters of rules that are compiled in a thread."""

PUBLISHED = Statement(
    text(
        """
        SELECT DISTINCT ON (pipeline_id) pipeline_id, version, groups, bands, scored_to FROM scoring_model
        WHERE org_id = :org_id AND pipeline_id = ANY(:ids) AND published_at IS NOT NULL
        ORDER BY pipeline_id, version DESC
        """
    ).bindparams(ORG, IDS)
)
"""The rules that hold in these pipelines."""

PIPELINE = Statement(
    text("SELECT id FROM pipeline WHERE org_id = :org_id AND id = :id AND deleted_at IS NULL").bindparams(ORG, ID)
)

LOCK_LEADS = Statement(
    text(
        """
        SELECT id, pipeline_id, closed_at, owner_id, stage_id FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)

OPEN_LEADS = Statement(
    text(
        """
        SELECT count(*) AS leads FROM lead
        WHERE org_id = :org_id AND pipeline_id = :id AND closed_at IS NULL
        """
    ).bindparams(ORG, ID)
)

NEXT_LEADS = Statement(
    text(
        """
        SELECT id FROM lead
        WHERE org_id = :org_id AND pipeline_id = :id AND closed_at IS NULL
            AND id > coalesce(CAST(:after_id AS uuid), '00000000-0000-0000-0000-000000000000')
        ORDER BY id LIMIT CAST(:most AS int)
        """
    ).bindparams(ORG, ID)
)

REACH = Statement(
    text(
        """
        UPDATE scoring_model SET scored_to = :lead_id
        WHERE org_id = :org_id AND pipeline_id = :id AND version = :version
        """
    ).bindparams(ORG, ID)
)
"""Remember up to which lead a run has come; null before its first batch."""


async def score_leads(
    change: Change, lead_ids: Sequence[UUID] | None = None, pipeline_id: UUID | None = None
) -> Mapping[str, Any]:
    """Score these leads by the rules of their pipelines, or all open leads of a pipeline. Closed leads, and those of
    pipelines without rules, keep their scores.

    More leads of a pipeline than fit in a request are scored by a run.

    Raises `Refused`: NOT_FOUND; NO_SCORING_RULES for a pipeline; INVALID.
    """
    check_scored({"lead_ids": lead_ids, "pipeline_id": pipeline_id})
    if pipeline_id is None:
        leads = await change.all(LOCK_LEADS, ids=list(lead_ids or ()))
        _expect_all(lead_ids or (), leads)
        return {"scored_count": await score(change, leads)}
    if await change.first(PIPELINE, id=pipeline_id) is None:
        raise not_found("pipeline", "pipelineId")
    found = await change.all(PUBLISHED, ids=[pipeline_id])
    if not found:
        message = "This pipeline has no published scoring rules. Publish some with `setScoringRules` first."
        raise Refused(Refusal.NO_SCORING_RULES, message, "pipelineId")
    ids = [row["id"] for row in await change.all(NEXT_LEADS, id=pipeline_id, after_id=None, most=run_sizes.AT_ONCE + 1)]
    if len(ids) > run_sizes.AT_ONCE:
        return {"run": await score_pipeline(change, pipeline_id, found[0]["version"])}
    return {"scored_count": await score(change, await change.all(LOCK_LEADS, ids=ids))}


def check_scored(given: Mapping[str, Any]) -> None:
    """Check which leads are to be scored: those named, or those of a pipeline. Raises `Refused` INVALID."""
    lead_ids = given.get("lead_ids")
    if (lead_ids is None) == (given.get("pipeline_id") is None):
        raise Refused(Refusal.INVALID, "Send either leadIds or pipelineId.", "leadIds")
    if lead_ids is not None and not 1 <= len(lead_ids) <= MOST:
        raise Refused(Refusal.INVALID, f"Send 1 to {MOST:,} leads, not {len(lead_ids):,}.", "leadIds")


def _expect_all(lead_ids: Sequence[UUID], leads: Sequence[Row]) -> None:
    known = {lead["id"] for lead in leads}
    with Checks() as check:
        for at, id in enumerate(lead_ids):
            if id not in known:
                check(_refuse_lead, at)


def _refuse_lead(at: int) -> None:
    raise not_found("lead", "leadIds", str(at))


async def score_pipeline(change: Change, pipeline_id: UUID, version: int) -> UUID:
    """Start a run that scores all open leads of a pipeline by its published rules, from the first lead on."""
    [counted] = await change.all(OPEN_LEADS, id=pipeline_id)
    await change.run(REACH, id=pipeline_id, version=version, lead_id=None)
    return await start(change, {"pipeline_id": pipeline_id}, counted["leads"])


async def _batch(change: Change, given: Given, done: int) -> Step:
    """Score the next leads of a pipeline by the rules that are published now."""
    found = await change.all(PUBLISHED, ids=[given["pipeline_id"]])
    if not found:
        return Step(0, is_last=True)
    [model] = found
    place = {"id": given["pipeline_id"], "after_id": model["scored_to"]}
    ids = [row["id"] for row in await change.all(NEXT_LEADS, **place, most=run_sizes.BATCH)]
    if not ids:
        return Step(0, is_last=True)
    await score(change, await change.all(LOCK_LEADS, ids=ids))
    await change.run(REACH, id=given["pipeline_id"], version=model["version"], lead_id=ids[-1])
    return Step(len(ids))


async def _give_up(change: Change, given: Given) -> None:
    """Nothing is set aside for such a run: leads that are scored stay so."""


SCORING = RunKind(_batch, _give_up)
"""Scoring the open leads of a pipeline, by their ids."""


async def score(change: Change, leads: Sequence[Row]) -> int:
    """Score locked leads by the rules of their pipelines. Emits `scores.changed` for those whose scores changed,
    and `lead.score_crossed` for each that entered another band.

    Returns how many leads were scored, whether or not that changed anything.
    """
    count, new_events = await scored(change.connection, change.org_id, leads)
    for new_event in new_events:
        change.emit(new_event)
    return count


async def scored(connection: Connection, org_id: UUID, leads: Sequence[Row]) -> tuple[int, list[NewEvent]]:
    """Score locked leads; returns how many were scored, and the events of what has changed."""
    is_open = [lead for lead in leads if lead["closed_at"] is None]
    ids = sorted({lead["pipeline_id"] for lead in is_open})
    count = 0
    new_events: list[NewEvent] = []
    for model in await PUBLISHED.all(connection, org_id=org_id, ids=ids) if ids else []:
        here = [lead["id"] for lead in is_open if lead["pipeline_id"] == model["pipeline_id"]]
        count += len(here)
        written = await _write(connection, org_id, model, here)
        new_events += _changes(model, written)
        new_events += _crossings({lead["id"]: lead for lead in is_open}, written)
    return count, new_events


async def _write(connection: Connection, org_id: UUID, model: Row, ids: list[UUID]) -> list[Row]:
    """Write the scores of leads of one pipeline where they differ. Returns what has changed."""
    rules = (model["groups"], model["bands"])
    # Large rules take up to a quarter of a second to compile: others are served meanwhile.
    large = len(rules[0]) > LARGE
    made = await asyncio.to_thread(scoring, *rules) if large else scoring(*rules)
    given = {"pipeline_id": model["pipeline_id"], "version": model["version"]}
    return await made.statement.all(connection, org_id=org_id, ids=ids, **given, **made.values)


def _changes(model: Row, written: Sequence[Row]) -> Iterator[NewEvent]:
    ids = sorted(row["lead_id"] for row in written if row["given"] != row["score"])
    for at in range(0, len(ids), LISTED):
        named = [public_id("lead", id) for id in ids[at : at + LISTED]]
        event = ScoresChanged(lead_ids=named, version=model["version"])
        yield NewEvent(event, pipeline_id=model["pipeline_id"], record_id=model["pipeline_id"])


def _crossings(leads: Mapping[UUID, Row], written: Sequence[Row]) -> Iterator[NewEvent]:
    """An event for each lead that is in another band than when its band was last decided."""
    crossed = [row for row in written if row["band"] != row["was"]]
    for row in sorted(crossed, key=lambda row: row["lead_id"]):
        what = ScoreCrossed(from_band=row["was"], band=row["band"], from_=row["old_score"], to=row["score"])
        yield NewEvent.of_lead(what, leads[row["lead_id"]])
