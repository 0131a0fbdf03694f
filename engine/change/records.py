"""Creating and updating one record: which fields really change, and how the event describes it."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, insert, update

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused
from models.rules.text import spelled
from models.tables.base import REFERENCES, Base
from models.tables.event import Changes

ID = bindparam("id", type_=Uuid())
IDS = bindparam("ids", type_=ARRAY(Uuid()))

STAMPS = ("created_at", "updated_at", "version")
"""Columns that a new row has by default, in every table that has them."""


class Insertion(NamedTuple):
    """The columns of an INSERT and their values, both as text in the same order."""

    columns: str
    values: str


def inserted(model: type[Base], values: Mapping[str, str], *, default: Collection[str] = ()) -> Insertion:
    """The column and value lists of an INSERT of a whole row, from SQL expressions by column. Raises as
    `expect_columns` does."""
    expect_columns(model, values, default=default)
    return Insertion(", ".join(values), ", ".join(values.values()))


def expect_columns(model: type[Base], written: Collection[str], *, default: Collection[str] = ()) -> None:
    """Expect that each column of a table is written, or is named as one that keeps its default.

    Checked when modules are imported, so that a new column is never left out of an INSERT by mistake. Raises
    `TypeError`, naming the columns. `STAMPS` need not be named.
    """
    columns = model.__table__.c
    kept = {*default, *(name for name in STAMPS if name in columns and name not in written)}
    faults = {
        "neither written nor named as default": set(columns.keys()) - set(written) - kept,
        "not columns": {*written, *kept} - set(columns.keys()),
        "written and named as default": set(written) & set(default),
        "without a default": {
            name for name in kept if name in columns and not columns[name].nullable and not columns[name].server_default
        },
    }
    found = [f"{fault}: {', '.join(sorted(names))}" for fault, names in faults.items() if names]
    if found:
        raise TypeError(f"An INSERT INTO {model.__tablename__} has columns {'; '.join(found)}.")


def make(model: type[Base], *fields: str, default: Collection[str] = ()) -> Statement:
    """The statement that inserts a record with these fields. Raises as `expect_columns` does."""
    expect_columns(model, ("org_id", "id", *fields), default=default)
    columns = model.__table__.c
    return Statement(
        insert(model.__table__).values(  # type: ignore[arg-type]
            org_id=ORG, id=ID, **{name: bindparam(name, type_=columns[name].type) for name in fields}
        )
    )


def revise(model: type[Base], *fields: str) -> Statement:
    """The statement that sets these fields of a record and increments its version."""
    columns = model.__table__.c
    return Statement(
        update(model.__table__)  # type: ignore[arg-type]
        .where(columns.org_id == ORG, columns.id == ID)
        .values(
            version=columns.version + 1,
            updated_at=func.statement_timestamp(),
            **{name: bindparam(name, type_=columns[name].type) for name in fields},
        )
    )


async def rewrite(change: Change, statement: Statement, row: Row, changes: Mapping[str, Any]) -> None:
    """Run a statement of `revise` for a record: its present fields, with the changes applied."""
    kept = statement.given - changes.keys() - {"org_id"}
    await change.run(statement, **{name: row[name] for name in kept}, **changes)


def differing(row: Row, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted fields that differ from the record's; an amount also differs if only its precision does."""
    return {
        name: value
        for name, value in wanted.items()
        if value != row[name] or _precision(value) != _precision(row[name])
    }


def _precision(value: Any) -> Any:
    return value.as_tuple().exponent if isinstance(value, Decimal) else None


def describe(row: Row, changes: Mapping[str, Any]) -> Changes:
    """How an event describes an update: each field by its public name, with the values before and after."""
    return {spelled(name): [public(name, row[name]), public(name, value)] for name, value in changes.items()}


def public(name: str, value: Any) -> Any:
    """A field's value in an event: public ids; amounts, dates and instants as text."""
    if isinstance(value, UUID):
        return public_id(REFERENCES[name], value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return instant(value)
    return value.isoformat() if isinstance(value, date) else value


def instant(value: datetime) -> str:
    """An instant as reads return it: in UTC, and in PostgreSQL's JSON format, without trailing zeros."""
    second, point, rest = value.astimezone(UTC).isoformat().partition(".")
    digits, zone = rest[:6].rstrip("0"), rest[6:]
    return f"{second}{point}{digits}{zone}"


def not_null(value: Any, *field: str) -> Any:
    """The value, which must not be null. Raises `Refused` INVALID for a field that cannot be emptied."""
    if value is None:
        raise Refused(Refusal.INVALID, "This cannot be null. Omit it to keep the present value.", *field)
    return value
