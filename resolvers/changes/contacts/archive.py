"""Putting contacts and customers away, and bringing them back: what names them stays, but they are not offered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text

from engine.change.records import ID, describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, ChangedType, EventType
from models.rules.refusal import not_found
from models.tables.base import utc_now
from models.tables.event import NewEvent
from resolvers.changes.locks import TAKE, expect_version

SET = {
    noun: Statement(
        text(
            f"""
            UPDATE {noun} SET archived_at = :archived_at, updated_at = statement_timestamp(), version = version + 1
            WHERE org_id = :org_id AND id = :id
            """
        ).bindparams(ORG, ID, bindparam("archived_at", type_=DateTime(timezone=True)))
    )
    for noun in TAKE
}

EVENTS: Mapping[str, tuple[ChangedType, ChangedType]] = {
    "contact": (EventType.CONTACT_ARCHIVED, EventType.CONTACT_RESTORED),
    "customer": (EventType.CUSTOMER_ARCHIVED, EventType.CUSTOMER_RESTORED),
}
"""What is recorded when a record is archived, and when it is restored."""


async def archive_contact(change: Change, contact_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Put a contact away. Raises `Refused`: NOT_FOUND; CONFLICT, showing it."""
    return await _set(change, "contact", contact_id, expected_version, utc_now())


async def restore_contact(change: Change, contact_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Bring a contact back. Raises `Refused`: NOT_FOUND; CONFLICT, showing it."""
    return await _set(change, "contact", contact_id, expected_version, None)


async def archive_customer(change: Change, customer_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Put a customer away. Raises `Refused`: NOT_FOUND; CONFLICT, showing it."""
    return await _set(change, "customer", customer_id, expected_version, utc_now())


async def restore_customer(change: Change, customer_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Bring a customer back. Raises `Refused`: NOT_FOUND; CONFLICT, showing it."""
    return await _set(change, "customer", customer_id, expected_version, None)


async def _set(
    change: Change, noun: str, id: UUID, expected_version: int | None, archived_at: datetime | None
) -> Mapping[str, Any]:
    record = await change.first(TAKE[noun], id=id)
    if record is None:
        raise not_found(noun, f"{noun}Id")
    expect_version(record, expected_version, **{noun: id})
    if (record["archived_at"] is None) != (archived_at is None):
        await change.run(SET[noun], id=id, archived_at=archived_at)
        changes = describe(record, {"archived_at": archived_at})
        change.emit(NewEvent(Changed(EVENTS[noun][archived_at is None], changes), record_id=id))
    return {noun: id}
