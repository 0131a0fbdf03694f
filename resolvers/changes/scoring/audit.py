"""Comparing the scores that are kept with what the rules give now: there must be no difference.

A lead is scored a moment after it has changed, and a run that publishes rules takes its time. So what differs is looked
at again later, and only counts if it is still so.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, text

from engine.read.rows import ORG
from models.database import Connection, Database, Row, Statement
from resolvers.changes import run_sizes
from resolvers.changes.scoring.scoring import NEXT_LEADS, PUBLISHED
from resolvers.changes.scoring.statement import scoring

PIPELINES = Statement(
    text(
        """
        SELECT DISTINCT pipeline_id FROM scoring_model
        WHERE org_id = :org_id AND published_at IS NOT NULL ORDER BY pipeline_id
        """
    ).bindparams(ORG)
)

SCORED_ORGANISATIONS = Statement(
    text(
        """
        SELECT organisation.id, organisation.key FROM organisation
        WHERE EXISTS (SELECT FROM scoring_model AS m WHERE m.org_id = organisation.id AND m.published_at IS NOT NULL)
            AND (CAST(:key AS text) IS NULL OR organisation.key = :key)
        ORDER BY organisation.key
        """
    ).bindparams(bindparam("key"))
)
"""The organisations that have scoring rules, or the one of this key if it has."""


@dataclass(frozen=True)
class Audit:
    """How many open leads were compared, and those whose score is not what the rules give."""

    compared: int
    differing: tuple[UUID, ...]


async def audit(database: Database, org_id: UUID, seconds: float) -> Audit:
    """Compare the scores of all open leads of an organisation. What differs is given so many seconds to be scored."""
    compared = 0
    differing: list[UUID] = []
    async for connection, model, ids in _batches(database, org_id):
        compared += len(ids)
        found = await differences(connection, org_id, model, ids)
        differing += found
    if differing and seconds:
        await asyncio.sleep(seconds)
        again = await _again(database, org_id, differing)
        differing = [id for id in differing if id in again]
    return Audit(compared, tuple(differing))


async def differences(connection: Connection, org_id: UUID, model: Row, ids: list[UUID]) -> list[UUID]:
    """Those of these leads whose kept score is not what the published rules of their pipeline give now."""
    made = scoring(model["groups"], model["bands"], only_compare=True)
    given = {"pipeline_id": model["pipeline_id"], "version": model["version"]}
    found = await made.statement.all(connection, org_id=org_id, ids=ids, **given, **made.values)
    return [row["lead_id"] for row in found]


async def _batches(database: Database, org_id: UUID) -> AsyncIterator[tuple[Connection, Row, list[UUID]]]:
    """The open leads of each pipeline that has rules, some at a time, each with a connection of its own."""
    async with database.acquire() as connection:
        pipelines = [row["pipeline_id"] for row in await PIPELINES.all(connection, org_id=org_id)]
    for pipeline_id in pipelines:
        after_id: UUID | None = None
        while True:
            async with database.acquire() as connection:
                [model] = await PUBLISHED.all(connection, org_id=org_id, ids=[pipeline_id])
                place = {"id": pipeline_id, "after_id": after_id, "most": run_sizes.BATCH}
                ids = [row["id"] for row in await NEXT_LEADS.all(connection, org_id=org_id, **place)]
                if not ids:
                    break
                yield connection, model, ids
            after_id = ids[-1]


async def _again(database: Database, org_id: UUID, ids: list[UUID]) -> set[UUID]:
    wanted, found = set(ids), set[UUID]()
    async for connection, model, some in _batches(database, org_id):
        there = [id for id in some if id in wanted]
        if there:
            found |= set(await differences(connection, org_id, model, there))
    return found
