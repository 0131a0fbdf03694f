"""Arguments in a compiled read: structure when it is compiled, scalar values with each execution.

Values that change the shape of the SQL (null or not, which parts of an input are given, enums, booleans, a cursor's
order) are fixed when the operation is compiled, and are part of `shape`, the key of the compiled statement. Every other
scalar is a `Slot`, filled at each execution. So one statement serves all values of one shape.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_leaf_type,
    value_from_ast,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from engine.read.cursors import Cursor
from engine.read.slots import Args, BadInput, Binder, Register, Slot, Source

UNFILTERED = {"first", "after", "last", "before", "orderBy"}
"""The arguments of a connection that leave nothing out of its list."""

MOST_LISTED = 100
"""Values of one list that change the SQL, such as enum values. Each such list is compiled, and kept as a key."""


def shape(value: Any) -> Any:
    """The part of a variable's value that changes the SQL: hashable, and the same for all values of one shape."""
    if value is None or isinstance(value, bool | Enum):
        return value
    if isinstance(value, Cursor):
        return value.shape
    if isinstance(value, dict):
        return tuple((name, shape(part)) for name, part in value.items())
    if isinstance(value, list):
        return tuple(shape(part) for part in value) if value and isinstance(value[0], dict | Enum | bool) else "list"
    return "value"


class Arguments:
    """Builds the arguments of a field from its place in the document and the shape of the variables."""

    def __init__(self, variables: Mapping[str, Any], register: Register) -> None:
        self.variables = variables
        self.register = register

    def of(self, field: GraphQLField, node: FieldNode) -> Args:
        """The arguments of a field by their Python names, without the omitted ones."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        found: dict[str, Any] = {}
        for name, definition in field.args.items():
            value = self._value(definition.type, given.get(name), name)
            if value is Undefined and definition.default_value is not Undefined:
                value = self._constant(definition.type, definition.default_value, name)
            if value is not Undefined:
                found[python_name(name)] = value
        return found

    def _value(self, type_: GraphQLInputType, node: ValueNode | None, name: str) -> Any:
        """The value of a literal, of a variable, or of a literal that holds variables."""
        if node is None:
            return Undefined
        if isinstance(node, VariableNode):
            key = node.name.value
            if key not in self.variables:
                return Undefined
            if self.variables[key] is None and isinstance(type_, GraphQLNonNull):
                # Validation allows a nullable variable here because there is a default; null is not the same as
                # omitted.
                raise BadInput.at(name, "null is not accepted here. Send a value, or omit the variable.")
            return self._settled(type_, self.variables[key], name, lambda variables: variables[key], (key,))
        if isinstance(node, NullValueNode):
            return None
        type_ = _nullable(type_)
        if isinstance(type_, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
            return self._object(type_, node, name)
        if isinstance(type_, GraphQLList):
            return self._list(type_, node, name)
        return self._constant(type_, value_from_ast(node, type_), name)

    def _constant(self, type_: GraphQLInputType, value: Any, name: str) -> Any:
        """A value in the document or in the schema."""
        return self._settled(type_, value, name, lambda _: value)

    def _object(self, type_: GraphQLInputObjectType, node: ObjectValueNode, name: str) -> dict[str, Any]:
        given = {field.name.value: field.value for field in node.fields or ()}
        found: dict[str, Any] = {}
        for key, field in type_.fields.items():
            path = f"{name}.{key}"
            value = self._value(field.type, given.get(key), path)
            if value is Undefined and field.default_value is not Undefined:
                value = self._constant(field.type, field.default_value, path)
            if value is not Undefined:
                found[python_name(key)] = value
        return found

    def _list(self, type_: GraphQLList[Any], node: ValueNode, name: str) -> Any:
        items = [
            self._value(type_.of_type, item, f"{name}.{at}")
            for at, item in enumerate(node.values if isinstance(node, ListValueNode) else [node])
        ]
        items = [None if item is Undefined else item for item in items]
        if not _is_bound(type_.of_type):
            return items
        return self._slot(name, lambda variables: [item and item.get(variables) for item in items])

    def _settled(
        self, type_: GraphQLInputType, value: Any, name: str, get: Binder, source: Source | None = None
    ) -> Any:
        """A coerced value, with a slot in place of each scalar. `source` is where it stands in the variables."""
        if value is None or value is Undefined:
            return value
        type_ = _nullable(type_)
        if isinstance(type_, GraphQLInputObjectType):
            return {
                python_name(key): self._settled(
                    type_.fields[key].type, part, f"{name}.{key}", _part(get, key), source and (*source, key)
                )
                for key, part in value.items()
            }
        if isinstance(type_, GraphQLList) and not _is_bound(type_.of_type):
            if len(value) > MOST_LISTED:
                raise BadInput.at(name, f"List up to {MOST_LISTED} values, not {len(value):,}.")
            return [
                self._settled(type_.of_type, part, f"{name}.{at}", _part(get, at), source and (*source, at))
                for at, part in enumerate(value)
            ]
        if isinstance(value, bool | Enum):
            return value
        return self._slot(name, get, value.shape if isinstance(value, Cursor) else None, source)

    def _slot(self, name: str, get: Binder, shape: Any = None, source: Source | None = None) -> Slot:
        return Slot(name, get, self.register, shape, source)


def _part(get: Binder, key: str | int) -> Binder:
    return lambda variables: get(variables)[key]


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _is_bound(type_: Any) -> bool:
    """Whether values of this type are bound, rather than part of the SQL's shape."""
    type_ = _nullable(type_)
    return is_leaf_type(type_) and not isinstance(type_, GraphQLEnumType) and type_.name != "Boolean"


def python_name(name: str) -> str:
    """`orderBy` as Python spells it."""
    written = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
    return "from_" if written == "from" else written


DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF
"""Where a graphql-core field holds the Strawberry field it was made from."""
