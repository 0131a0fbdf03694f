"""The caller's organisation."""

from typing import Any

from engine.read.rows import ORG, Entity, Rows
from engine.read.slots import Args
from models.tables.organisation import Organisation


def mine(root: Any, args: Args) -> Rows:
    """The organisation's own row; there is none before somebody signs in."""
    entity = Entity(Organisation)
    return Rows(Organisation, entity, (entity.id == ORG,))
