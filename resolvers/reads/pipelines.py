"""Reading pipelines."""

from typing import Any

from sqlalchemy import Uuid

from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.pipeline import Pipeline


def pipeline(root: Any, args: Args) -> Rows:
    """One pipeline by id; a deleted one is not found."""
    found = rows(Pipeline, args["id"].bind(Uuid(), lambda text: parse_id("pipeline", text)))
    return found.where(found.entity.deleted_at.is_(None))


def pipelines(root: Any, args: Args) -> Rows:
    """The pipelines of the organisation, optionally of one type, oldest first."""
    found = rows(Pipeline)
    entity = found.entity
    if (type_ := args.get("type")) is not None:
        found = found.where(entity.type == type_.value)
    return found.where(entity.deleted_at.is_(None)).ordered(entity.id.asc())
