"""The passing of time, seen from scores: everything that is stored is moved into the past."""

from datetime import UTC, datetime
from uuid import UUID

from engine.background.passing_time import record
from models import organisation_id
from resolvers.changes.scoring.audit import audit
from resolvers.changes.scoring.rescoring import RESCORED
from tests.support.scoring.rules import nobody
from tests.support.world import World

MOVED = {
    "lead": ("created_at", "updated_at", "stage_entered_at", "last_activity_at", "qualified_at"),
    "activity": ("occurred_at",),
    "task": ("due_at", "deadline"),
    "lead_score": ("scored_at", "rescore_at"),
}
"""The instants that scores follow from, by table."""


async def pass_time(world: World, days: int) -> None:
    """Let so many days pass: what is stored is so many days older."""
    for table, columns in MOVED.items():
        moved = ", ".join(f"{column} = {column} - interval '1 day' * {days}" for column in columns)
        await world.sql(f"UPDATE {table} SET {moved}")
    await world.sql(f"UPDATE lead SET expected_close_date = expected_close_date - {days}")


async def let_time_score(world: World) -> None:
    """Score what is due, as every process does again and again."""
    await record(world.database, RESCORED, datetime.now(UTC), nobody)


async def differing(world: World) -> set[UUID]:
    """The leads whose score is not what the rules give now."""
    found = await audit(world.database, organisation_id(world.organisation), 0)
    assert found.compared > 0
    return set(found.differing)
