"""The scoring rules of a pipeline: set as a whole, as a draft or published at once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from engine.change.records import ID, IDS, inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.stage_kind import StageKind
from models.tables.event import NewEvent
from models.tables.scoring.scores import ScoringModel
from resolvers.changes.pipeline_stages import RESHAPED, lock_stages
from resolvers.changes.scoring.points import Rules, tidy_rules
from resolvers.changes.scoring.scoring import score_pipeline
from resolvers.conditions.stored import Named, expect_known

LATEST = Statement(
    text(
        """
        SELECT version, groups, bands, published_at FROM scoring_model
        WHERE org_id = :org_id AND pipeline_id = :id ORDER BY version DESC LIMIT 2
        """
    ).bindparams(ORG, ID)
)
"""The latest versions of a pipeline's rules: at most one draft, and what holds."""

KINDS = Statement(text("SELECT id, kind FROM stage WHERE org_id = :org_id AND id = ANY(:ids)").bindparams(ORG, IDS))

NEW_MODEL = inserted(
    ScoringModel,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "pipeline_id": "CAST(:pipeline_id AS uuid)",
        "version": "CAST(:version AS int)",
        "groups": "CAST(:groups AS jsonb)",
        "bands": "CAST(:bands AS jsonb)",
        "parts": "CAST(:parts AS jsonb)",
        "published_at": "CASE WHEN CAST(:published AS boolean) THEN now() END",
    },
    default=("scored_to",),
)

PUT = Statement(
    text(
        f"""
        INSERT INTO scoring_model ({NEW_MODEL.columns}) VALUES ({NEW_MODEL.values})
        ON CONFLICT (org_id, pipeline_id, version) DO UPDATE SET groups = excluded.groups, bands = excluded.bands,
            parts = excluded.parts, published_at = excluded.published_at
        """
    ).bindparams(ORG)
)
"""A new version, or another content of the draft."""


async def set_scoring_rules(
    change: Change,
    pipeline_id: UUID,
    groups: Sequence[Mapping[str, Any]],
    bands: Sequence[Mapping[str, Any]] | None = None,
    publish: bool | None = True,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Set the scoring rules of a pipeline. Unless they are only a draft, a run scores its open leads by them.

    Raises `Refused`, with the path of each fault: NOT_FOUND; CONFLICT, showing the pipeline; LEAKS_OUTCOME; WRONG_ID;
    INVALID.
    """
    wanted, named = tidy_rules(groups, bands or [])
    await lock_stages(change, pipeline_id, expected_version)
    with Checks() as check:
        await check.later(expect_known(change, named))
        await check.later(_expect_open_stages(change, named))
    versions = await change.all(LATEST, id=pipeline_id)
    draft = versions[0] if versions and versions[0]["published_at"] is None else None
    holds = next((row for row in versions if row["published_at"] is not None), None)
    now = draft if draft is not None else holds
    if now is not None and _rules(now) == wanted and (draft is None or not publish):
        return {"pipeline": pipeline_id, "version": now["version"]}
    version = draft["version"] if draft is not None else versions[0]["version"] + 1 if versions else 1
    await change.run(
        PUT,
        pipeline_id=pipeline_id,
        version=version,
        published=bool(publish),
        **{
            name: orjson.dumps(value).decode()
            for name, value in (("groups", wanted.groups), ("bands", wanted.bands), ("parts", wanted.parts))
        },
    )
    await change.run(RESHAPED, id=pipeline_id)
    before = holds if publish else draft
    changes = {"scoringRules" if publish else "scoringDraft": [before and _public(_rules(before)), _public(wanted)]}
    updated = Changed(EventType.PIPELINE_UPDATED, changes)
    change.emit(NewEvent(updated, pipeline_id=pipeline_id, record_id=pipeline_id))
    run = await score_pipeline(change, pipeline_id, version) if publish else None
    return {"pipeline": pipeline_id, "version": version, "run": run}


def _rules(row: Row) -> Rules:
    return Rules(orjson.loads(row["groups"]), orjson.loads(row["bands"]))


def _public(rules: Rules) -> dict[str, Any]:
    """Rules as an event holds them."""
    return {"groups": rules.groups, "bands": rules.bands}


async def _expect_open_stages(change: Change, named: Sequence[Named]) -> None:
    """Refuse each stage of a condition in which a sale has ended with LEAKS_OUTCOME."""
    stages = [(id, path) for noun, id, path in named if noun == "stage"]
    if not stages:
        return
    found = await change.all(KINDS, ids=sorted({id for id, _ in stages}))
    ended = {row["id"] for row in found if row["kind"] != StageKind.OPEN}
    with Checks() as check:
        for id, path in stages:
            if id in ended:
                check(_refuse_stage, *path)


def _refuse_stage(*path: str) -> None:
    raise Refused(
        Refusal.LEAKS_OUTCOME,
        "This stage says how a sale has ended, which a score is to foretell. Name open stages.",
        *path,
    )
