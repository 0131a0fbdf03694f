"""Ids of records that were joined into another: they stand for that one."""

from sqlalchemy import ARRAY, Uuid, any_, func

from models.contact import MergedRecord
from models.ids import parse_id
from resolvers.reading import Expression, Slot, rows


def resolved(id: Expression) -> Expression:
    """The id, or that of the record which the one with this id was joined into."""
    into = rows(MergedRecord, id).value(lambda merged: merged.into_id)
    return func.coalesce(into, id, type_=Uuid())


def named(prefix: str, id: Slot) -> Expression:
    """The id of the record that a public id names, or stands for."""
    return resolved(id.bind(Uuid(), lambda text: parse_id(prefix, text)))


def all_named(prefix: str, ids: Slot) -> Expression:
    """The ids that public ids name, as an array, with those of the records that any of them stands for."""
    given = ids.bind(ARRAY(Uuid()), lambda texts: [parse_id(prefix, text) for text in texts])
    merged = rows(MergedRecord)
    into = merged.where(merged.entity.id == any_(given)).select(merged.entity.into_id).scalar_subquery()
    return given.concat(func.array(into, type_=ARRAY(Uuid())))


def together(id: Expression) -> Expression:
    """The id of a record that is there, and those of all that were joined into it, as an array."""
    merged = rows(MergedRecord)
    others = merged.where(merged.entity.into_id == id).select(merged.entity.id).scalar_subquery()
    return func.array_append(func.array(others, type_=ARRAY(Uuid())), id, type_=ARRAY(Uuid()))
