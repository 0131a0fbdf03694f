"""What every table shares: the declarative base, typed identifiers and the tenancy key.

`org_id` comes first in every primary key, unique key, foreign key and index, so that one organisation's rows can never
refer to another's, and so that the tables can be sharded by it.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid5

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, MetaData, Text, Uuid, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMESPACE = UUID("6f1f4b1e-6d1c-4a53-8c9a-0d0f7d2b8a51")
"""The UUIDv5 namespace in which an organisation's key becomes its id."""


class Base(DeclarativeBase):
    """The declarative base. Constraint names are fixed, because they are mapped to the errors a client sees."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "last_column": lambda constraint, _table: constraint.column_keys[-1],
            "fk": "%(table_name)s_%(last_column)s_fkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
    }
    identity: ClassVar[str] = "id"
    """The column by which the rows of a list differ."""


class Tenant:
    """The composite key of every record: the organisation, then the record."""

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


class Stamped:
    """When a record was created and last changed, and its version for optimistic concurrency (1, 2, 3, …)."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(server_default="1")


def belongs_to_organisation() -> ForeignKeyConstraint:
    """The foreign key from `org_id` to the organisation; its rows are deleted with it."""
    return ForeignKeyConstraint(["org_id"], ["organisation.id"], ondelete="CASCADE")


REFERENCES: dict[str, str] = {}
"""The table that each column refers to, by the column's name: a name refers to the same table everywhere."""


def refers(table: str, column: str, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A composite foreign key `(org_id, column)` to `table (org_id, id)`: out of reach of other organisations."""
    assert REFERENCES.setdefault(column, table) == table, f"{column} refers to {REFERENCES[column]} elsewhere"
    return ForeignKeyConstraint(["org_id", column], [f"{table}.org_id", f"{table}.id"], ondelete=ondelete)


def searched(table: str) -> Index:
    """The index of a table's `words`. It begins with no `org_id`, because each word begins with the organisation's key.

    Without `fastupdate`, which would let a change now and then pay for what many before it have added, and every search
    read what is not merged yet.
    """
    return Index(f"{table}_words_idx", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"})


def sorted_by() -> Mapped[str]:
    """The key that a title or a name is sorted by, as `models.rules.sort_key` makes it; empty until that is filled in.

    Compared byte by byte, so that it means the same in Python and in any PostgreSQL.
    """
    return mapped_column(Text(collation="C"), server_default="")


def organisation_id(key: str) -> UUID:
    """The id of the organisation with this key in tokens: derived from the key, so it takes no look-up."""
    return uuid5(NAMESPACE, key)


def new_id(at: datetime | None = None) -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 12 of the fraction, 62 random ones.

    Ids sort by age: those of one process strictly (section 6.2, methods 3 and 4), those of several processes as far as
    their clocks agree. `at` dates the id in the past, for imported and demo records; ids of one millisecond come in any
    order, and so do those of years before 1970, which all have the earliest time.
    """
    ticks = (
        next(_ticks) if at is None else max(int(at.timestamp() * 1000), 0) << 12 | int.from_bytes(os.urandom(2)) & 0xFFF
    )
    milliseconds, fraction = ticks >> 12 & 0xFFFF_FFFF_FFFF, ticks & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ~(0x3 << 62)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)


def _clock() -> Iterator[int]:
    """The time in 4096ths of a millisecond, later with each call."""
    last = 0
    while True:
        last = max(time.time_ns() * 4096 // 1_000_000, last + 1)
        yield last


_ticks = _clock()


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
