"""Ids of merged records: each stands for the record that its own was merged into."""

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, text

from engine.read.filters import parse_ids
from engine.read.json_text import Expression
from engine.read.rows import ORG, rows
from engine.read.slots import Slot
from models.database import Statement
from models.rules.ids import parse_id
from models.tables.merged_record import MergedRecord

MERGED = Statement(
    text("SELECT id, into_id FROM merged_record WHERE org_id = :org_id AND id = ANY(:ids)").bindparams(
        ORG, bindparam("ids", type_=ARRAY(Uuid()))
    )
)
"""The ids that belong to merged records."""


def resolved(id: Expression) -> Expression:
    """The id, or that of the record into which the record with this id was merged."""
    into = rows(MergedRecord, id).value(lambda merged: merged.into_id)
    return func.coalesce(into, id, type_=Uuid())


def named(prefix: str, id: Slot) -> Expression:
    """The id of the record that a public id names or stands for."""
    return resolved(id.bind(Uuid(), parse_id, prefix))


def all_named(prefix: str, ids: Slot) -> Expression:
    """The ids that public ids name, as an array, with those of the records that any of them stands for."""
    return all_resolved(ids.bind(ARRAY(Uuid()), parse_ids, prefix))


def all_resolved(ids: Expression) -> Expression:
    """An array of ids, with those of the records that any of them stands for."""
    merged = rows(MergedRecord)
    into = merged.where(merged.entity.id == any_(ids)).select(merged.entity.into_id).scalar_subquery()
    return ids.concat(func.array(into, type_=ARRAY(Uuid())))


def together(id: Expression) -> Expression:
    """The id of an existing record, and those of all records that were merged into it, as an array."""
    merged = rows(MergedRecord)
    others = merged.where(merged.entity.into_id == id).select(merged.entity.id).scalar_subquery()
    return func.array_append(func.array(others, type_=ARRAY(Uuid())), id, type_=ARRAY(Uuid()))
