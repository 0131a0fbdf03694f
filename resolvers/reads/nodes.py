"""Any record by its id, whatever its type."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, Text, Uuid, func

from engine.read.any_of import AnyOf
from engine.read.json_text import Expression
from engine.read.redirects import resolved
from engine.read.rows import Rows, rows
from engine.read.slots import Args, BadInput
from models.records import RECORDS
from models.rules.ids import split_id
from models.rules.roles import Role
from models.tables.base import Base
from models.tables.pipeline import Pipeline
from models.tables.webhook import Webhook
from resolvers.reads.members import includes

MAX_NODES = 100

MODELS: Mapping[str, type[Any]] = {
    mapper.class_.__tablename__: mapper.class_
    for mapper in Base.registry.mappers
    if mapper.class_.__tablename__ in RECORDS
}
"""The table of each record, by its noun."""


def find(noun: str, id: Expression) -> Rows:
    """The record of this type and id; for a merged one, the record that it was merged into. Webhooks are
    there for admins alone."""
    found = rows(MODELS[noun], resolved(id) if RECORDS[noun].merges else id)
    if MODELS[noun] is Webhook:
        return found.where(includes(Role.ADMIN))
    return found.where(found.entity.deleted_at.is_(None)) if MODELS[noun] is Pipeline else found


def node(root: Any, args: Args) -> AnyOf:
    """The record with this id, if there is one in the organisation."""
    slot = args["id"]
    return AnyOf(
        find, slot.bind(Text(), lambda text: split_id(text)[0]), slot.bind(Uuid(), lambda text: split_id(text)[1])
    )


def nodes(root: Any, args: Args) -> AnyOf:
    """The records with these ids, in that order; null for each that is not found."""
    slot = args["ids"]
    prefixes = slot.bind(ARRAY(Text()), lambda texts: [prefix for prefix, _ in _split(texts)])
    ids = slot.bind(ARRAY(Uuid()), lambda texts: [id for _, id in _split(texts)])
    source = func.unnest(prefixes, ids).table_valued("prefix", "id").render_derived()
    return AnyOf(find, source.c.prefix, source.c.id, source)


def _split(texts: list[str]) -> list[tuple[str, Any]]:
    if len(texts) > MAX_NODES:
        raise BadInput.at("ids", f"{len(texts)} ids are too many at once. Send up to {MAX_NODES}.")
    found = [split_id(text) for text in texts]
    if len(set(found)) < len(found):
        twice = next(text for at, text in enumerate(texts) if found[at] in found[:at])
        raise BadInput.at("ids", f'"{twice}" is in the list twice. Send each id once.')
    return found
