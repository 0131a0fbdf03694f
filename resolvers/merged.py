"""Ids of records that were joined into another: they stand for that one."""

from sqlalchemy import Uuid, func

from models.contact import MergedRecord
from resolvers.reading import Expression, rows


def resolved(id: Expression) -> Expression:
    """The id, or that of the record which the one with this id was joined into."""
    into = rows(MergedRecord, id).value(lambda merged: merged.into_id)
    return func.coalesce(into, id, type_=Uuid())
