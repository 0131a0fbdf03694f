"""Merging: of two records that are the same, one stays, and what named the other names it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS, describe, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.ended_event_types import Merged
from models.event_types import Changed
from models.rules.ids import public_id
from models.rules.matching.keys import former_keys, with_keys
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.stage_kind import StageKind
from models.rules.text import spelled
from models.tables.event import EventData, NewEvent
from resolvers.changes.contacts.merge_kinds import CONTACT, CUSTOMER, LEAD, REMEMBER, UPDATED, MergeKind
from resolvers.changes.contacts.merge_values import Taken, taken
from resolvers.changes.locks import KEEP, expect_version
from resolvers.changes.ownership.rules import RULES, reshaped
from resolvers.changes.stage_totals import count

LOCK_NAMED_IN_RULES = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND id = ANY(ARRAY(
            SELECT pipeline_id FROM routing_rule
            WHERE org_id = :org_id AND strpos(CAST(condition AS text), CAST(:loser AS text)) > 0
        ))
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The pipelines of which a rule names the loser, each against other changes of its rules."""

POINT_CONDITIONS = Statement(
    text(
        """
        UPDATE routing_rule
        SET condition = CAST(replace(CAST(condition AS text), CAST(:loser AS text), CAST(:winner AS text)) AS jsonb),
            updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id
            AND strpos(CAST(condition AS text), CAST(:loser AS text)) > 0
        """
    ).bindparams(ORG)
)
"""Let conditions that name the loser name the winner; its public id, in its quotes, is no part of anything else."""

KEEP_STAGES = Statement(
    text(
        """
        SELECT stage.* FROM stage
        WHERE org_id = :org_id AND id = ANY(ARRAY(SELECT stage_id FROM lead WHERE org_id = :org_id AND id = ANY(:ids)))
        ORDER BY id FOR KEY SHARE
        """
    ).bindparams(ORG, IDS)
)


async def merge_contacts(
    change: Change,
    winner_id: UUID,
    loser_id: UUID,
    dry_run: bool | None = False,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Merge one contact into another. Raises `Refused`: NOT_FOUND; INVALID when both are the same; ARCHIVED; CONFLICT
    when the winner is at another version."""
    winner, loser = await _alone(change, CONTACT, winner_id, loser_id, bool(dry_run), expected_version)
    _expect_shown(winner, "contact")
    return await _merge(change, CONTACT, winner, loser, taken(CONTACT, winner, loser), bool(dry_run))


async def merge_customers(
    change: Change,
    winner_id: UUID,
    loser_id: UUID,
    dry_run: bool | None = False,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Merge one customer into another. Raises `Refused`: NOT_FOUND; INVALID when both are the same; ARCHIVED; CONFLICT
    when the winner is at another version."""
    winner, loser = await _alone(change, CUSTOMER, winner_id, loser_id, bool(dry_run), expected_version)
    _expect_shown(winner, "customer")
    return await _merge(change, CUSTOMER, winner, loser, taken(CUSTOMER, winner, loser), bool(dry_run))


async def merge_leads(
    change: Change,
    winner_id: UUID,
    loser_id: UUID,
    dry_run: bool | None = False,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Merge one lead into another: its tasks and activities go along, and it leaves the board and the totals. The
    stages it was in remain in reports on the past, and in its events, which the winner's timeline shows.

    Raises `Refused`: NOT_FOUND; INVALID when both are the same; CONFLICT when the winner is at another version;
    LEAD_CONVERTED where either became an opportunity, or was created from a lead; LEAD_CLOSED when the loser ended as
    the winner did not.
    """
    while True:
        stages = {row["id"]: row for row in await change.all(KEEP_STAGES, ids=[winner_id, loser_id])}
        winner, loser = await _both(change, LEAD, winner_id, loser_id, expected_version)
        # Between the two statements another change may have moved one on; then its stage is not among those locked.
        if {winner["stage_id"], loser["stage_id"]} <= stages.keys():
            break
    for lead, field in ((winner, "winnerId"), (loser, "loserId")):
        if lead["converted_to_id"] is not None or lead["converted_from_id"] is not None:
            message = "A converted lead and its opportunity belong together: neither can be merged. Merge other leads."
            raise Refused(Refusal.LEAD_CONVERTED, message, field)
    _expect_same_end(winner, loser, stages)
    owner = await change.first(KEEP["member"], id=loser["owner_id"]) if loser["owner_id"] is not None else None
    gone = owner is not None and not owner["active"]
    values = taken(LEAD, winner, loser, unwanted=["owner_id"] if gone else [])
    shown = await _merge(change, LEAD, winner, loser, values, bool(dry_run))
    if not dry_run:
        count(change, loser, stages[loser["stage_id"]], -1)
        count(change, winner, stages[winner["stage_id"]], -1)
        count(change, {**winner, **values.changes}, stages[winner["stage_id"]], 1)
    return shown


async def _alone(
    change: Change, kind: MergeKind, winner_id: UUID, loser_id: UUID, dry_run: bool, expected_version: int | None
) -> tuple[Row, Row]:
    """Lock what names the loser, then both records, then what came to name the loser in between: once it is locked,
    nothing new can name it."""
    if not dry_run and kind is not LEAD:
        await change.run(LOCK_NAMED_IN_RULES, loser=_quoted(kind, loser_id))
    for statement in () if dry_run else kind.lock:
        await change.run(statement, loser_id=loser_id)
    both = await _both(change, kind, winner_id, loser_id, expected_version)
    for statement in () if dry_run else kind.lock:
        await change.run(statement, loser_id=loser_id)
    return both


async def _both(
    change: Change, kind: MergeKind, winner_id: UUID, loser_id: UUID, expected_version: int | None
) -> tuple[Row, Row]:
    if winner_id == loser_id:
        raise Refused(Refusal.INVALID, f"These are the same {kind.noun}. Name two different ones.", "loserId")
    found = {row["id"]: row for row in await change.all(kind.take, ids=[winner_id, loser_id])}
    for id, field in ((winner_id, "winnerId"), (loser_id, "loserId")):
        if id not in found:
            raise not_found(kind.noun, field)
    expect_version(found[winner_id], expected_version, **{kind.noun: winner_id})
    return found[winner_id], found[loser_id]


def _expect_same_end(winner: Row, loser: Row, stages: Mapping[UUID, Row]) -> None:
    """Refuse to let a lead that is won or lost disappear in one that did not end in the same way."""
    ends = [
        StageKind.LOST if lead["disqualified_at"] is not None else StageKind(stages[lead["stage_id"]]["kind"])
        for lead in (winner, loser)
    ]
    if ends[1] not in (StageKind.OPEN, ends[0]):
        raise Refused(
            Refusal.LEAD_CLOSED,
            f"The merged lead is {ends[1].lower()}, the one that stays is not: the merge would undo that. Swap winner"
            " and loser, or reopen the merged lead first.",
            "loserId",
            shown={"lead": winner["id"]},
        )


def _expect_shown(winner: Row, noun: str) -> None:
    """Refuse an archived winner, behind which what is in use would be hidden."""
    if winner["archived_at"] is not None:
        raise Refused(
            Refusal.ARCHIVED, f"This {noun} is archived. Restore it first, or swap winner and loser.", "winnerId"
        )


async def _merge(
    change: Change, kind: MergeKind, winner: Row, loser: Row, values: Taken, dry_run: bool
) -> Mapping[str, Any]:
    ids = {"winner_id": winner["id"], "loser_id": loser["id"]}
    moved = {}
    for name in kind.named_by:
        if dry_run:
            found = await change.first(kind.count[name], loser_id=loser["id"])
            assert found is not None
            moved[f"moved_{name}"] = found["count"]
        else:
            moved[f"moved_{name}"] = await _point_at(change, kind, name, **ids)
    shown = {
        kind.noun: winner["id"],
        "filled_fields": [spelled(name) for name in values.filled],
        "dropped_fields": [spelled(name) for name in values.dropped],
        "merged_id": public_id(kind.noun, loser["id"]),
        **moved,
    }
    if dry_run:
        return shown
    await change.run(kind.end, **ids)
    if kind is not LEAD:  # which is found by no key, and named by no condition
        kept = former_keys(kind.noun, loser)
        await change.run(REMEMBER, **ids, kinds=[*kept], keys=[*kept.values()])
        await _point_rules_at(change, kind, **ids)
    latest = {}
    if kind is LEAD:
        worked_on = [lead["last_activity_at"] for lead in (winner, loser) if lead["last_activity_at"] is not None]
        latest = {"last_activity_at": max(worked_on, default=None)}
    changes = values.changes
    if changes or latest:
        await rewrite(change, kind.revise, winner, {**latest, **with_keys(kind.noun, changes)})
    change.emit(_about(kind, Merged(kind.merged, kind.fields.public(loser), public_id(kind.noun, winner["id"])), loser))
    if changes:
        updated = Changed(UPDATED[kind.noun], describe(winner, changes))
        change.emit(_about(kind, updated, {**winner, **changes}))
    return shown


async def _point_rules_at(change: Change, kind: MergeKind, winner_id: UUID, loser_id: UUID) -> None:
    """Let the conditions of routing rules that name the loser name the winner, with an event for each pipeline."""
    names = {"loser": _quoted(kind, loser_id), "winner": _quoted(kind, winner_id)}
    for pipeline in await change.all(LOCK_NAMED_IN_RULES, loser=names["loser"]):
        before = await change.all(RULES, pipeline_id=pipeline["id"])
        await change.run(POINT_CONDITIONS, pipeline_id=pipeline["id"], **names)
        await reshaped(change, pipeline["id"], before, await change.all(RULES, pipeline_id=pipeline["id"]))


def _quoted(kind: MergeKind, id: UUID) -> str:
    """A public id as conditions hold it."""
    return f'"{public_id(kind.noun, id)}"'


async def _point_at(change: Change, kind: MergeKind, name: str, winner_id: UUID, loser_id: UUID) -> int:
    """Let what names the loser name the winner, with an event for each; returns how many did."""
    table, column = kind.named_by[name]
    pointed = await change.all(kind.point[name], winner_id=winner_id, loser_id=loser_id)
    updated = Changed(
        UPDATED[table], {spelled(column): [public_id(kind.noun, loser_id), public_id(kind.noun, winner_id)]}
    )
    for row in pointed:
        about = {key: row[key] for key in ("lead_id", "owner_id", "pipeline_id", "stage_id")}
        change.emit(NewEvent(updated, **about, record_id=None if table == "lead" else row["id"]))
    return len(pointed)


def _about(kind: MergeKind, what: EventData, record: Mapping[str, Any]) -> NewEvent:
    if kind is not LEAD:
        return NewEvent(what, record_id=record["id"])
    return NewEvent.of_lead(what, record)
