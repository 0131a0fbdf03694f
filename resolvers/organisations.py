"""The caller's organisation."""

from typing import Any

from sqlalchemy.orm import aliased

from models.organisation import Organisation
from resolvers.reading import ORG, Args, Rows


def mine(root: Any, args: Args) -> Rows:
    """The organisation's own row; there is none before the first change made in it."""
    entity = aliased(Organisation)
    return Rows(Organisation, entity, (entity.id == ORG,))
