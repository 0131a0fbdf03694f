"""The caller as a member of the organisation. Both are created when the caller signs in: when a process first sees a
token of theirs, or by their first change."""

from uuid import UUID

import asyncpg
from sqlalchemy import text

from engine.caller import Caller, Restriction, Revoked
from engine.change.events import Cause, append
from engine.change.records import describe, differing
from engine.read.rows import ORG
from models.database import Connection, Database, Row, Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Refusal, Refused
from models.rules.roles import Role
from models.rules.sort_key import sort_key
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.member import IMPORTED

FIND_MEMBER = Statement(
    text("SELECT id, active, role FROM member WHERE org_id = :org_id AND subject = :subject").bindparams(ORG)
)

SIGN_IN = Statement(
    text(
        """
        SELECT organisation.suspended_at IS NOT NULL AS suspended, member.id, member.active, member.role
        FROM organisation LEFT JOIN member ON member.org_id = organisation.id AND member.subject = :subject
        WHERE organisation.id = :org_id
        """
    ).bindparams(ORG)
)
"""The organisation and the caller in it. No row where neither is known."""

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
        INSERT INTO member (org_id, id, subject, name, sort_key, email, role)
        VALUES (:org_id, :id, :subject, :name, :sort_key, :email, :role)
        ON CONFLICT (org_id, subject) DO UPDATE SET subject = excluded.subject
        RETURNING id, active, role
        """
    )
)
"""Make the caller a member, with the role of the token. The
empty update returns the row even if another transaction has just created it."""

LOCK_UNCLAIMED = Statement(
    text(
        f"""
        SELECT id, name, email, active, role, version FROM member
        WHERE org_id = :org_id AND lower(email) = lower(:email) AND subject LIKE '{IMPORTED}%'
        ORDER BY id LIMIT 1 FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The member with this e-mail address who was imported and has not signed in yet."""

CLAIM = Statement(
    text(
        """
        UPDATE member SET subject = :subject, name = :name, sort_key = :sort_key, role = :role,
            updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id AND NOT EXISTS (
            SELECT FROM member AS other WHERE other.org_id = :org_id AND other.subject = :subject
        )
        RETURNING id, active, role
        """
    ).bindparams(ORG)
)
"""Give a member the caller's subject, unless another transaction has just made the caller a member."""

LEAD = Statement(
    text(
        """
        UPDATE member SET role = 'ADMIN', updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id AND active AND NOT EXISTS (
            SELECT FROM member AS other WHERE other.org_id = :org_id AND other.active AND other.role = 'ADMIN'
        )
        RETURNING role
        """
    ).bindparams(ORG)
)
"""Make a member the admin of an organisation that has none: there is nobody else who could."""


async def sign_in(database: Database, caller: Caller) -> Restriction:
    """Create the caller's member record if there is none; returns its role, or why access was revoked.

    An organisation that never had an admin gets one by the first token with that role. On a read-only standby, and
    while the disk is full, nothing is written: somebody who is no member yet has the token's role.
    """
    async with database.acquire() as connection:
        found = await SIGN_IN.first(connection, org_id=caller.org_id, subject=caller.subject)
        if found is not None and found["suspended"]:
            return Revoked.SUSPENDED
        if found is not None and found["active"] is False:
            return Revoked.DEACTIVATED
        known = None if found is None or found["id"] is None else found
        if known is not None and (caller.role is not Role.ADMIN or known["role"] == Role.ADMIN):
            return Role(known["role"])
        try:
            async with connection.transaction():
                known = known or await _claim(connection, caller, log=True)
                return await _led(connection, caller, known or await _join(connection, caller))
        except (asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError):
            return caller.role if known is None else Role(known["role"])


async def expect_member(connection: Connection, caller: Caller) -> tuple[UUID, Role]:
    """The id and the role of the caller's member record, created if there is none. Raises `Refused` FORBIDDEN for an
    inactive member."""
    found = await FIND_MEMBER.first(connection, org_id=caller.org_id, subject=caller.subject)
    if found is None:
        found = await _claim(connection, caller, log=False) or await _join(connection, caller)
    if not found["active"]:
        raise Refused(Refusal.FORBIDDEN, "You are no longer an active member here. Ask an admin to activate you.")
    return found["id"], Role(found["role"])


async def _claim(connection: Connection, caller: Caller, *, log: bool) -> Row | None:
    """Make an imported member with the caller's e-mail address the caller's own, with all that the member owns.

    The member gets the caller's name instead of an address, and the token's role unless somebody has chosen another.
    Within a change it is not logged: the change itself appends to the log, last.
    """
    if caller.email is None or not caller.email_verified:
        return None
    member = await LOCK_UNCLAIMED.first(connection, org_id=caller.org_id, email=caller.email)
    if member is None:
        return None
    name = caller.name if caller.name and member["name"] == member["email"] else member["name"]
    role = caller.role.value if member["version"] == 1 else member["role"]
    claimed = await CLAIM.first(
        connection,
        org_id=caller.org_id,
        id=member["id"],
        subject=caller.subject,
        name=name,
        sort_key=sort_key(name),
        role=role,
    )
    changes = differing(member, {"name": name, "role": role})
    if log and changes and claimed is not None:
        event = NewEvent(Changed(EventType.MEMBER_UPDATED, describe(member, changes)), record_id=member["id"])
        await append(connection, caller.org_id, [event], Cause(actor_id=member["id"]))
    return claimed


async def _join(connection: Connection, caller: Caller) -> Row:
    """Create the organisation, if need be, and the caller's member record."""
    await FOUND_ORGANISATION.run(connection, org_id=caller.org_id, organisation=caller.organisation)
    name = caller.name or caller.email or caller.subject
    made = await JOIN.first(
        connection,
        org_id=caller.org_id,
        id=new_id(),
        subject=caller.subject,
        name=name,
        sort_key=sort_key(name),
        email=caller.email,
        role=caller.role.value,
    )
    assert made is not None
    return made


async def _led(connection: Connection, caller: Caller, member: Row) -> Restriction:
    """The role of a member; the highest, where the token has it and the organisation has no admin."""
    if not member["active"]:
        return Revoked.DEACTIVATED
    if caller.role is not Role.ADMIN or member["role"] == Role.ADMIN:
        return Role(member["role"])
    if await LEAD.first(connection, org_id=caller.org_id, id=member["id"]) is None:
        return Role(member["role"])
    changes = describe(member, {"role": Role.ADMIN.value})
    event = NewEvent(Changed(EventType.MEMBER_UPDATED, changes), record_id=member["id"])
    await append(connection, caller.org_id, [event], Cause(actor_id=member["id"]))
    return Role.ADMIN
