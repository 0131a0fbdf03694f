"""What the caller may do at all: each mutation by its name."""

import strawberry

from engine.publish.fields import ROLE, read
from engine.read.json_text import Expression
from engine.read.slots import Args
from models.rules.roles import Role
from models.rules.text import spelled
from resolvers.reads.members import includes
from schema.mutation import Mutation


def _named_by_mutations(cls: type) -> type:
    """A field for each mutation."""
    fields = Mutation.__strawberry_definition__.fields  # type: ignore[attr-defined]
    cls.__annotations__ = {field.python_name: bool for field in fields}
    for field in fields:
        setattr(cls, field.python_name, _runs(field.metadata[ROLE], spelled(field.python_name)))
    return cls


def _runs(needed: Role, mutation: str) -> object:
    def resolver(root: object, args: Args) -> Expression:
        return includes(needed)

    return read(resolver, f"Whether you may run `{mutation}`, on some records at least.")


@strawberry.type(description="The mutations that your role lets you run.")
@_named_by_mutations
class ViewerRights:
    pass
