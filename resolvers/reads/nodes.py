"""Any record by its id, whatever its type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Text, Uuid, func, select

from engine.read.redirects import resolved
from engine.read.rows import NULL, Args, BadInput, Expression, Source, json_array, quoted, rows
from models.rules.ids import NAMES, split_id
from models.tables.activity import Activity
from models.tables.contact import Contact, Customer
from models.tables.lead import Lead
from models.tables.member import Member
from models.tables.pipeline import Pipeline
from models.tables.routing import Pool
from models.tables.stage import Stage
from models.tables.task import Task

MAX_NODES = 100

MODELS: Mapping[str, type[Any]] = {
    "pipeline": Pipeline,
    "stage": Stage,
    "lead": Lead,
    "contact": Contact,
    "customer": Customer,
    "task": Task,
    "member": Member,
    "activity": Activity,
    "pool": Pool,
}
"""The table behind each prefix of an id."""

MERGED = (Lead, Contact, Customer)
"""What can be joined into another record of its kind."""


@dataclass(frozen=True)
class AnyOf:
    """Records of several types: a prefix and an id for each, from `source` if there may be many."""

    prefix: Expression
    id: Expression
    source: Any = None

    def json(self, build: Callable[[str, Source], Expression]) -> Expression:
        """A JSON object for the record that prefix and id name, or null; in a list of them if there may be many.

        `build` makes the object of one type, named as it is published, from a source.
        """
        item = func.coalesce(*(self._one(prefix, model, build) for prefix, model in MODELS.items()), NULL)
        return item if self.source is None else select(json_array(item)).select_from(self.source).scalar_subquery()

    def _one(self, prefix: str, model: type[Any], build: Callable[[str, Source], Expression]) -> Expression:
        """The record if it is of this type, or SQL's NULL."""
        id = resolved(self.id) if model in MERGED else self.id
        found = rows(model, id).where(self.prefix == quoted(prefix))
        if model is Pipeline:
            found = found.where(found.entity.deleted_at.is_(None))
        return found.json_or_nothing(lambda source: build(NAMES[prefix], source))


def node(root: Any, args: Args) -> AnyOf:
    """The record with this id, if there is one in the organisation."""
    slot = args["id"]
    return AnyOf(slot.bind(Text(), lambda text: split_id(text)[0]), slot.bind(Uuid(), lambda text: split_id(text)[1]))


def nodes(root: Any, args: Args) -> AnyOf:
    """The records with these ids, in that order; null for what is not found."""
    slot = args["ids"]
    prefixes = slot.bind(ARRAY(Text()), lambda texts: [prefix for prefix, _ in _split(texts)])
    ids = slot.bind(ARRAY(Uuid()), lambda texts: [id for _, id in _split(texts)])
    source = func.unnest(prefixes, ids).table_valued("prefix", "id").render_derived()
    return AnyOf(source.c.prefix, source.c.id, source)


def _split(texts: list[str]) -> list[tuple[str, Any]]:
    if len(texts) > MAX_NODES:
        raise BadInput(f"ids: {len(texts)} ids are too many at once. Send up to {MAX_NODES}.")
    return [split_id(text) for text in texts]
