"""The caller's organisation."""

from typing import Any

from models.organisation import Organisation
from resolvers.reading import ORG, Args, Entity, Rows


def mine(root: Any, args: Args) -> Rows:
    """The organisation's own row; there is none before the first change made in it."""
    entity = Entity(Organisation)
    return Rows(Organisation, entity, (entity.id == ORG,))
