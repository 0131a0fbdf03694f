"""The caller as a member of the organisation. Both are created by the first change."""

from uuid import UUID

from sqlalchemy import select, text

from engine.caller import Caller
from engine.read.rows import ORG, SUBJECT
from models.database import Connection, Statement
from models.rules.refusal import Refusal, Refused
from models.tables.base import new_id
from models.tables.member import Member

FIND_MEMBER = Statement(select(Member.id, Member.active).where(Member.org_id == ORG, Member.subject == SUBJECT))

FOUND_ORGANISATION = Statement(
    text(
        """
        WITH made AS (
            INSERT INTO organisation (id, key, name) VALUES (:org_id, :organisation, :organisation)
            ON CONFLICT DO NOTHING
        )
        INSERT INTO event_log (org_id) VALUES (:org_id) ON CONFLICT DO NOTHING
        """
    ).bindparams(ORG)
)
"""Create the organisation's own rows. Foreign keys are checked at the end of a statement, so both fit in one."""

JOIN = Statement(
    text(
        """
        INSERT INTO member (org_id, id, subject, name, email, role)
        VALUES (:org_id, :id, :subject, :name, :email, :role)
        ON CONFLICT (org_id, subject) DO UPDATE SET subject = excluded.subject
        RETURNING id, active
        """
    )
)
"""Make the caller a member. The empty update returns the row even if another transaction has just created it."""


async def expect_member(connection: Connection, caller: Caller) -> UUID:
    """The id of the caller's member record, created on the first change. Raises `Refused` FORBIDDEN for an inactive
    member."""
    found = await FIND_MEMBER.first(connection, org_id=caller.org_id, subject=caller.subject)
    if found is None:
        await FOUND_ORGANISATION.run(connection, org_id=caller.org_id, organisation=caller.organisation)
        found = await JOIN.first(
            connection,
            org_id=caller.org_id,
            id=new_id(),
            subject=caller.subject,
            name=caller.name or caller.email or caller.subject,
            email=caller.email,
            role=caller.role.value,
        )
    assert found is not None
    if not found["active"]:
        raise Refused(Refusal.FORBIDDEN, "You are no longer an active member here. Ask an admin to activate you.")
    actor_id: UUID = found["id"]
    return actor_id
