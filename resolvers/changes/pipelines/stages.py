"""Changes of stages: added, updated, reordered. `delete_stage` deletes them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, between, required
from engine.change.records import describe, differing, inserted, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, Created, EventType, Reordered
from models.rules.entering import LeadField
from models.rules.ids import public_id
from models.rules.numbers import within
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.stage_kind import ForecastCategory, StageKind, chosen_category, odds
from models.rules.text import line
from models.tables.base import new_id
from models.tables.event import EventData, NewEvent
from models.tables.stage import Stage
from resolvers.changes.pipeline_stages import (
    STAGES_IN_ORDER,
    PipelineStages,
    arrange,
    expect_open_stage,
    lock_stages,
    lock_stages_around,
    take_stages,
)
from resolvers.changes.stage_totals import refresh_totals

MOST_STAGES = 100
"""Stages that a pipeline may have: a board is drawn with all of them."""

LONGEST_ROT = 3650
"""Days after which at most a deal counts as stale."""

NEW_STAGES = inserted(
    Stage,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "id": "new.id",
        "pipeline_id": "CAST(:pipeline_id AS uuid)",
        **{name: f"new.{name}" for name in ("name", "kind", "probability", "rotten_after_days", "forecast_category")},
        "required_fields": "string_to_array(new.required, ',')",
        "position": "CAST(:position AS int) + new.nth - 1",
    },
    default=("deleted_at", "deleting_run_id", "rot_check_at"),
)

INSERT_STAGES = Statement(
    text(
        f"""
        INSERT INTO stage ({NEW_STAGES.columns}) SELECT {NEW_STAGES.values}
        FROM unnest(
            CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:kinds AS text[]), CAST(:probabilities AS int[]),
            CAST(:rotten AS int[]), CAST(:categories AS text[]), CAST(:required AS text[])
        ) WITH ORDINALITY AS new (id, name, kind, probability, rotten_after_days, forecast_category, required, nth)
        """
    ).bindparams(ORG)
)


def _each_once(fields: Sequence[str] | None, *field: str) -> list[str]:
    """Each field once, in the order of the catalogue."""
    return [one.value for one in LeadField if one in (fields or ())]


FIELDS = Fields(
    Stage,
    name=required(line),
    kind=required(),
    probability=required(between(0, 100)),
    rotten_after_days=between(1, LONGEST_ROT),
    forecast_category=required(chosen_category),
    required_fields=_each_once,
)

REVISE_STAGE = FIELDS.revise("rot_check_at")

KNOWN_STAGES = Statement(
    text("SELECT id FROM stage WHERE org_id = :org_id AND id = ANY(CAST(:ids AS uuid[]))").bindparams(ORG)
)
"""Those of the ids that are stages of the organisation, deleted ones included."""

ANY_LEAD = Statement(
    text("SELECT id FROM lead WHERE org_id = :org_id AND stage_id = :stage_id LIMIT 1").bindparams(ORG)
)


async def add_stage(
    change: Change,
    pipeline_id: UUID,
    position: int | None = None,
    expected_version: int | None = None,
    **stage: Any,
) -> Mapping[str, Any]:
    """Add a stage at a position, or where it belongs: an OPEN one after the last OPEN one, others at the end.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the pipeline; PROBABILITY_CONTRADICTS_KIND; INVALID.
    """
    tidied = tidy_stage(stage)
    shape = await lock_stages(change, pipeline_id, expected_version)
    _expect_room(len(shape.stages) + 1, "pipelineId")
    at = within(position, 0, len(shape.stages), "position") if position is not None else _end(shape, tidied["kind"])
    (stage_id,) = await insert_stages(change, pipeline_id, [tidied], at)
    await arrange(change, shape, [*shape.ids[:at], stage_id, *shape.ids[at:]])
    change.emit(_about(Created(EventType.STAGE_ADDED, FIELDS.public(tidied)), pipeline_id, stage_id))
    return {"stage": stage_id, "pipeline": pipeline_id}


async def update_stage(
    change: Change, stage_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change a stage. It gets another kind only while it is empty, since that would close or open its leads; when only
    the kind is given, the probability follows it.

    Raises `Refused`: NOT_FOUND; CONFLICT, LAST_OPEN_STAGE or STAGE_NOT_EMPTY, showing the stage;
    PROBABILITY_CONTRADICTS_KIND; INVALID.
    """
    wanted = FIELDS.tidy(given)
    shape = await lock_stages_around(change, stage_id)
    stage = shape.stage(stage_id, expected_version)
    kind: str = wanted["kind"] if "kind" in wanted else stage["kind"]
    if "probability" in wanted or kind != stage["kind"]:
        follows = None if kind != StageKind.OPEN else stage["probability"]
        wanted["probability"] = odds(kind, wanted.get("probability", follows), "probability")
    changes = differing(stage, wanted)
    if not changes:
        return {"stage": stage_id}
    if "kind" in changes:
        others = [kind, *(other["kind"] for other in shape.stages if other["id"] != stage_id)]
        expect_open_stage(others, "kind", stage=stage_id)
    decisive = changes.keys() & {"kind", "probability"}
    if decisive:
        await take_stages(change, stage_id)
    # Once the stage is taken, no lead can enter it.
    if "kind" in changes and await change.first(ANY_LEAD, stage_id=stage_id) is not None:
        raise Refused(
            Refusal.STAGE_NOT_EMPTY,
            "There are leads in this stage, which another kind would close or open."
            f" Add a stage of the kind {kind}, and delete this one with moveLeadsTo.",
            "kind",
            shown={"stage": stage_id},
        )
    # An instant that has passed: its leads are looked at again by the new days.
    look = {"rot_check_at": stage["updated_at"]} if changes.keys() & {"kind", "rotten_after_days"} else {}
    await rewrite(change, REVISE_STAGE, stage, {**changes, **look})
    if decisive:
        await refresh_totals(change.connection, change.org_id, [stage_id])
    change.emit(_about(Changed(EventType.STAGE_UPDATED, describe(stage, changes)), stage["pipeline_id"], stage_id))
    return {"stage": stage_id}


async def reorder_stages(
    change: Change, pipeline_id: UUID, stage_ids: Sequence[UUID], expected_version: int | None = None
) -> Mapping[str, Any]:
    """Reorder the stages of a pipeline. The new order contains each of them once.

    The order is read before the pipeline is locked and again afterwards: a caller who waited for another reordering
    finds it changed and is refused, since that order was not the one that this caller decided on. A caller who looked
    even earlier says so by `expected_version`.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the pipeline with the order as it is, in each of these cases and
    when the ids are not exactly its stages.
    """
    before = await _order(change, pipeline_id)
    await _expect_stages(change, stage_ids)
    shape = await lock_stages(change, pipeline_id, expected_version)
    if before != shape.ids or len(stage_ids) != len(before) or set(stage_ids) != set(before):
        raise Refused(
            Refusal.CONFLICT,
            "These are not exactly the pipeline's stages, or their order has just changed."
            " Read the stages again, and send the id of each of them once.",
            "stageIds",
            shown={"pipeline": pipeline_id},
        )
    if list(stage_ids) != before:
        await arrange(change, shape, stage_ids)
        reordered = Reordered(from_=[f"stage_{id}" for id in before], to=[f"stage_{id}" for id in stage_ids])
        change.emit(NewEvent(reordered, pipeline_id=pipeline_id, record_id=pipeline_id))
    return {"pipeline": pipeline_id}


def tidy_stage(given: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A complete new stage, as it is stored. Raises `Refused`: PROBABILITY_CONTRADICTS_KIND; INVALID."""
    kind = given.get("kind") or StageKind.OPEN.value
    chosen = {name: given.get(name) for name in ("name", "rotten_after_days", "required_fields")}
    chosen["forecast_category"] = given.get("forecast_category") or ForecastCategory.PIPELINE.value
    with Checks() as check:
        tidied = check(FIELDS.tidy, chosen, *path)
        probability = check(odds, kind, given.get("probability"), *path, "probability")
    return {**tidied, "kind": kind, "probability": probability}


async def insert_stages(
    change: Change, pipeline_id: UUID, stages: Sequence[Mapping[str, Any]], position: int = 0
) -> list[UUID]:
    """Insert tidied stages at `position` and after it, and return their ids."""
    _expect_room(len(stages), "stages")
    ids = [new_id() for _ in stages]
    await change.run(
        INSERT_STAGES,
        pipeline_id=pipeline_id,
        position=position,
        ids=ids,
        names=[stage["name"] for stage in stages],
        kinds=[stage["kind"] for stage in stages],
        probabilities=[stage["probability"] for stage in stages],
        rotten=[stage["rotten_after_days"] for stage in stages],
        categories=[stage["forecast_category"] for stage in stages],
        required=[",".join(stage["required_fields"]) for stage in stages],
    )
    return ids


def created_stage(id: UUID, stage: Mapping[str, Any]) -> dict[str, Any]:
    """A stage as the event of a pipeline holds it that is created with it."""
    return {"id": public_id("stage", id), **FIELDS.public(stage)}


async def _expect_stages(change: Change, stage_ids: Sequence[UUID]) -> None:
    """Refuse ids that never named a stage of the organisation."""
    known = {row["id"] for row in await change.all(KNOWN_STAGES, ids=list(stage_ids))}
    if missing := [at for at, stage_id in enumerate(stage_ids) if stage_id not in known]:
        raise not_found("stage", "stageIds", str(missing[0]))


async def _order(change: Change, pipeline_id: UUID) -> list[UUID]:
    return [row["id"] for row in await change.all(STAGES_IN_ORDER, id=pipeline_id)]


def _end(shape: PipelineStages, kind: str) -> int:
    """The position of a stage that is given none."""
    if kind != StageKind.OPEN:
        return len(shape.stages)
    return max((at + 1 for at, stage in enumerate(shape.stages) if stage["kind"] == StageKind.OPEN), default=0)


def _expect_room(count: int, *field: str) -> None:
    if count > MOST_STAGES:
        message = f"A pipeline has at most {MOST_STAGES} stages. Delete one first, or send fewer."
        raise Refused(Refusal.INVALID, message, *field)


def _about(what: EventData, pipeline_id: UUID, stage_id: UUID) -> NewEvent:
    return NewEvent(what, pipeline_id=pipeline_id, stage_id=stage_id, record_id=stage_id)
