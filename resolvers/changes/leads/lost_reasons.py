"""Lost reasons: an organisation's own list of why leads are lost, so that they can be counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from engine.change.records import inserted
from engine.change.transaction import Change
from engine.read.rows import ORG, Rows, rows
from engine.read.slots import Args
from models.database import Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.stage_kind import StageKind
from models.rules.text import line
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.organisation import LostReason
from resolvers.changes.locks import LOCK_ORGANISATION

MOST = 100
"""Reasons that can be offered."""

LONGEST = 100
"""Characters of a reason."""

OFFERED = Statement(
    text(
        "SELECT name FROM lost_reason WHERE org_id = :org_id AND archived_at IS NULL ORDER BY position, name"
    ).bindparams(ORG)
)

TWICE = Statement(
    text(
        """
        SELECT nth, name FROM (
            SELECT nth, name, row_number() OVER (PARTITION BY lower(name) ORDER BY nth) AS occurrence
            FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS offered (name, nth)
        ) AS counted
        WHERE occurrence > 1 ORDER BY nth LIMIT 1
        """
    )
)
"""The first name that stands in a list already. The index compares by the database's `lower`, which is not Python's:
only there are “ΟΔΟΣ” and “οδοσ” the same."""

NEW_REASONS = inserted(
    LostReason,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "id": "offered.id",
        "name": "offered.name",
        "position": "offered.nth - 1",
    },
    default=("archived_at",),
)

OFFER = Statement(
    text(
        f"""
        WITH archived AS (
            UPDATE lost_reason SET archived_at = statement_timestamp()
            WHERE org_id = :org_id AND archived_at IS NULL AND lower(name) <> ALL(
                SELECT lower(offered.name) FROM unnest(CAST(:names AS text[])) AS offered (name)
            )
        )
        INSERT INTO lost_reason ({NEW_REASONS.columns}) SELECT {NEW_REASONS.values}
        FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) WITH ORDINALITY AS offered (id, name, nth)
        ON CONFLICT (org_id, lower(name)) DO UPDATE SET
            name = excluded.name, position = excluded.position, archived_at = NULL
        """
    ).bindparams(ORG)
)
"""Offer exactly these, in this order. What is no longer offered stays, for it may be offered again."""


def lost_reasons(root: Any, args: Args) -> Rows:
    """The reasons that are offered, in order."""
    found = rows(LostReason)
    reason = found.entity
    return found.where(reason.archived_at.is_(None)).ordered(reason.position.asc(), reason.name.asc())


async def set_lost_reasons(change: Change, reasons: Sequence[str]) -> Mapping[str, Any]:
    """Offer exactly these reasons, in this order; with none, any reason may be given. Leads keep what they have.

    Raises `Refused` INVALID for too many, and for one that is named twice.
    """
    names = tidy_reasons({"reasons": reasons})
    twice = await TWICE.first(change.connection, names=names)
    if twice is not None:
        at = str(twice["nth"] - 1)
        raise Refused(Refusal.INVALID, f"“{twice['name']}” is named twice. Leave one out.", "reasons", at)
    await change.run(LOCK_ORGANISATION)
    before = [row["name"] for row in await change.all(OFFERED)]
    if names != before:
        await change.run(OFFER, ids=[new_id() for _ in names], names=names)
        updated = Changed(EventType.ORGANISATION_UPDATED, {"lostReasons": [before, names]})
        change.emit(NewEvent(updated, record_id=change.org_id))
    return {"lost_reasons": [{"name": name} for name in names]}


def tidy_reasons(given: Mapping[str, Any]) -> list[str]:
    """The reasons as they are stored. Raises `Refused` INVALID."""
    reasons = given["reasons"]
    if len(reasons) > MOST:
        raise Refused(Refusal.INVALID, f"Offer up to {MOST} reasons, not {len(reasons):,}.", "reasons")
    with Checks() as check:
        return [check(line, reason or "", "reasons", str(at), longest=LONGEST) for at, reason in enumerate(reasons)]


async def settled_reason(change: Change, given: str | None, field: str, shown: Mapping[str, Any] | None = None) -> str:
    """A reason as it is kept: one that is offered, in whatever case it was given; any, when none are offered.

    Raises `Refused`: REASON_REQUIRED; REASON_UNKNOWN, naming those that are offered; INVALID.
    """
    offered = [row["name"] for row in await change.all(OFFERED)]
    choice = f" Choose one of: {', '.join(offered)}." if offered else ""
    if given is None or not given.strip():
        raise Refused(Refusal.REASON_REQUIRED, f"Send the reason why it was lost.{choice}", field, shown=shown)
    reason = line(given, field)
    if not offered:
        return reason
    found: str | None = next((name for name in offered if name.lower() == reason.lower()), None)
    if found is None:
        raise Refused(Refusal.REASON_UNKNOWN, f"This is not one of your reasons.{choice}", field, shown=shown)
    return found


async def reason_to_enter(
    change: Change,
    stage: Mapping[str, Any],
    given: str | None,
    *,
    has_one: bool = False,
    shown: Mapping[str, Any] | None = None,
) -> str | None:
    """The reason for which leads are lost on entering a stage, as it is kept. None in a stage of another kind, and
    where none is given for leads that have one already (`has_one`).

    Raises `Refused` as `settled_reason` does; INVALID for a reason in a stage of another kind.
    """
    if stage["kind"] != StageKind.LOST:
        if given is not None:
            raise Refused(
                Refusal.INVALID, "This stage is not of kind LOST. Leave lostReason out.", "lostReason", shown=shown
            )
        return None
    if given is None and has_one:
        return None
    return await settled_reason(change, given, "lostReason", shown=shown)
