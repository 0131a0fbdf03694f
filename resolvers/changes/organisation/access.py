"""Restricted access: deactivated members, suspended organisations, and the roles of members.

Requests do not check this one by one. Each process checks all connected callers once a second, in one statement: a look
into one index for each, and into two that contain nothing but what was revoked.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from engine.caller import Person, Restriction, Revoked
from engine.read.rows import ORG
from models.database import Database, Statement
from models.rules.roles import Role

RESTRICTED = Statement(
    text(
        """
        SELECT asked.org_id, asked.subject, member.role AS restriction
        FROM unnest(:org_ids, :subjects) AS asked (org_id, subject)
        JOIN member ON member.org_id = asked.org_id AND member.subject = asked.subject AND member.role <> 'ADMIN'
        UNION ALL
        SELECT asked.org_id, asked.subject, 'DEACTIVATED'
        FROM unnest(:org_ids, :subjects) AS asked (org_id, subject)
        JOIN member ON member.org_id = asked.org_id AND member.subject = asked.subject AND NOT member.active
        UNION ALL
        SELECT asked.org_id, asked.subject, 'SUSPENDED'
        FROM unnest(:org_ids, :subjects) AS asked (org_id, subject)
        JOIN organisation ON organisation.id = asked.org_id AND organisation.suspended_at IS NOT NULL
        """
    ).bindparams(bindparam("org_ids", type_=ARRAY(Uuid())), bindparam("subjects", type_=ARRAY(Text())))
)
"""Those of these people whose role is below the highest, and whose access was revoked; one may appear several times,
the strongest restriction last."""

RESTRICTIONS: Mapping[str, Restriction] = {**Role.__members__, **Revoked.__members__}

SUSPEND = Statement(
    text(
        "UPDATE organisation SET suspended_at = coalesce(suspended_at, now())"
        " WHERE organisation.id = :org_id RETURNING id"
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
    return {(row["org_id"], row["subject"]): RESTRICTIONS[row["restriction"]] for row in found}


async def suspend(database: Database, org_id: UUID) -> bool:
    """Suspend an organisation: its members have no access until it is resumed. Returns whether it exists."""
    async with database.acquire() as connection:
        return await SUSPEND.first(connection, org_id=org_id) is not None


async def resume(database: Database, org_id: UUID) -> bool:
    """Resume an organisation: its members have access again. Returns whether it exists."""
    async with database.acquire() as connection:
        return await RESUME.first(connection, org_id=org_id) is not None
