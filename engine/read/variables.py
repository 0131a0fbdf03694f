"""The variables of an operation as values of their types, or an error for each invalid part of them."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    ObjectFieldNode,
    Undefined,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    coerce_input_value,
    visit,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities.validate_input_value import validate_input_value

from engine.errors import Code, RequestError

MOST_ERRORS = 10
"""Invalid parts of the variables of one request that are reported."""

Path = tuple[str | int, ...]


def coerced(
    schema: GraphQLSchema,
    document: DocumentNode,
    definitions: Collection[VariableDefinitionNode],
    given: Mapping[str, Any],
    *,
    suggesting: bool = True,
) -> VariableValues:
    """The values of these variables. Messages suggest names of fields and values, unless that is not wanted.

    Raises `RequestError` for all invalid parts at once. Each error locates the definition of its variable, and names in
    `extensions` the `variable`, the `argument` it is used for, and the `path` of the part from that argument on.
    """
    values = get_variable_values(schema, definitions, dict(given), MOST_ERRORS, not suggesting)
    if isinstance(values, VariableValues):
        return values
    invalid = [found for found in values if found.original_error is not None]
    parts = islice(_invalid_parts(schema, definitions, given), len(invalid))
    places = _places(document)
    for found in values:
        found.extensions = {"code": str(Code.BAD_USER_INPUT)}
    for found, (variable, part) in zip(invalid, parts, strict=True):
        place = places.get(variable, ())
        where = {"variable": variable, "argument": place[0] if place else None, "path": [*place, *part]}
        found.extensions = {"code": str(Code.BAD_USER_INPUT), **where}
    raise RequestError(values)


def _invalid_parts(
    schema: GraphQLSchema, definitions: Collection[VariableDefinitionNode], given: Mapping[str, Any]
) -> Iterator[tuple[str, Path]]:
    """The variable and the path of each invalid part, in the order in which graphql-core reports them: its errors have
    the path in their message alone."""
    for definition in definitions:
        signature = get_variable_signature(schema, definition)
        if not isinstance(signature, GraphQLVariableSignature):
            continue
        value = given.get(signature.name, Undefined)
        if value is Undefined and definition.default_value is not None:
            continue
        if coerce_input_value(value, signature.type) is not Undefined:
            continue
        paths: list[Path] = []

        def note(error: GraphQLError, path: list[str | int], paths: list[Path] = paths) -> None:
            paths.append(tuple(path))

        validate_input_value(value, signature.type, note)
        yield from ((signature.name, path) for path in paths)


def _places(document: DocumentNode) -> dict[str, Path]:
    """For each variable the path of its first use, from the name of an argument on."""
    found: dict[str, Path] = {}

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, key: Any, parent: Any, keys: Any, ancestors: Any) -> None:
            place: list[str | int] = []
            above = [*ancestors, parent]
            for at, ancestor in enumerate(above):
                if isinstance(ancestor, ArgumentNode):
                    place = [ancestor.name.value]
                elif isinstance(ancestor, ObjectFieldNode):
                    place.append(ancestor.name.value)
                elif at and isinstance(above[at - 1], ListValueNode):
                    place.append(keys[at])
            if place:
                found.setdefault(node.name.value, tuple(place))

    visit(document, Uses())
    return found
