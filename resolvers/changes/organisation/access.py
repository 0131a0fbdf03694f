"""Restricted access: deactivated members, suspended organisations, and the roles of members.

Requests do not check this one by one. Each process checks all connected callers once a second, in two statements: a
look into an index for each caller, and into one that contains nothing but what was suspended.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from engine.caller import Person, Restriction, Revoked
from engine.change.shards import CLOCK
from engine.read.rows import ORG
from models.database import Database, Statement
from models.rules.roles import Role

RESTRICTED = Statement(
    text(
        """
        SELECT member.org_id, member.subject, CASE WHEN active THEN role ELSE 'DEACTIVATED' END AS restriction
        FROM unnest(:org_ids, :subjects) AS asked (org_id, subject)
        JOIN member ON member.org_id = asked.org_id AND member.subject = asked.subject
        WHERE role <> 'ADMIN' OR NOT active
        """
    ).bindparams(bindparam("org_ids", type_=ARRAY(Uuid())), bindparam("subjects", type_=ARRAY(Text())))
)
"""Those of these people whose role is below the highest, or who were deactivated."""

SUSPENDED = Statement(text("SELECT id FROM organisation WHERE suspended_at IS NOT NULL"))
"""All organisations that are suspended: they are few, and to name those of all callers would take longer."""

RESTRICTIONS: Mapping[str, Restriction] = {**Role.__members__, **Revoked.__members__}

SUSPEND = Statement(
    text(
        f"UPDATE organisation SET suspended_at = coalesce(suspended_at, clock.now) FROM {CLOCK}"
        " WHERE organisation.id = :org_id RETURNING organisation.id"
    ).bindparams(ORG)
)

RESUME = Statement(
    text("UPDATE organisation SET suspended_at = NULL WHERE organisation.id = :org_id RETURNING id").bindparams(ORG)
)


async def find_restricted(database: Database, people: Collection[Person]) -> Mapping[Person, Restriction]:
    """Those of the people whose access was revoked, or whose role is below the highest. People who are not known yet
    have access."""
    org_ids, subjects = [org_id for org_id, _ in people], [subject for _, subject in people]
    async with database.acquire() as connection:
        found = await RESTRICTED.all(connection, org_ids=org_ids, subjects=subjects)
        suspended = {row["id"] for row in await SUSPENDED.all(connection)}
    restricted = {(row["org_id"], row["subject"]): RESTRICTIONS[row["restriction"]] for row in found}
    return {**restricted, **{person: Revoked.SUSPENDED for person in people if person[0] in suspended}}


async def suspend(database: Database, org_id: UUID) -> bool:
    """Suspend an organisation: its members have no access until it is resumed. Returns whether it exists."""
    async with database.acquire() as connection:
        return await SUSPEND.first(connection, org_id=org_id) is not None


async def resume(database: Database, org_id: UUID) -> bool:
    """Resume an organisation: its members have access again. Returns whether it exists."""
    async with database.acquire() as connection:
        return await RESUME.first(connection, org_id=org_id) is not None
