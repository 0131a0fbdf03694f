"""What an operation needs before its variables are looked at: the role, and which variables change its plan."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    type_from_ast,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields

from engine.caller import Caller
from engine.documents import Prepared
from engine.errors import Code, RequestError, error
from engine.publish.fields import ROLE
from engine.read.arguments import DEFINITION
from engine.read.variables import coerced
from models.rules.roles import Role


@dataclass(frozen=True)
class Outline:
    """What is known of an operation without its variables.

    `role` is what all of its root fields need, those that a directive may leave out included. `shaping` are the
    variables that its plan depends on: the inputs of mutations are not among them. `texts` are its variables when all
    are ids or strings, and empty otherwise.
    """

    role: Role
    shaping: frozenset[str]
    texts: frozenset[str]


def outlined(schema: GraphQLSchema, prepared: Prepared) -> Outline:
    """The outline of an operation."""
    root = schema.get_root_type(prepared.operation.operation)
    assert root is not None
    fragments = {node.name.value: node for node in _fragments(prepared)}
    shaping: set[str] = set()
    asked: list[str] = []
    entered: set[tuple[str, bool]] = set()
    stack: list[tuple[SelectionSetNode, bool]] = [(prepared.operation.selection_set, True)]
    while stack:
        selections, top = stack.pop()
        for node in selections.selections:
            shaping.update(_in_directives(node.directives))
            if isinstance(node, FieldNode):
                if top:
                    asked.append(node.name.value)
                if not top or prepared.kind != "mutation":
                    shaping.update(name for given in node.arguments or () for name in _variables(given.value))
                if node.selection_set is not None:
                    stack.append((node.selection_set, False))
            elif isinstance(node, InlineFragmentNode):
                stack.append((node.selection_set, top))
            elif isinstance(node, FragmentSpreadNode) and (node.name.value, top) not in entered:
                entered.add((node.name.value, top))
                stack.append((fragments[node.name.value].selection_set, top))
    return Outline(role_of(root, asked), frozenset(shaping), _texts(schema, prepared))


def _texts(schema: GraphQLSchema, prepared: Prepared) -> frozenset[str]:
    definitions = prepared.operation.variable_definitions or ()
    if not all(str(type_from_ast(schema, node.type)).rstrip("!") in ("ID", "String") for node in definitions):
        return frozenset()
    return frozenset(node.variable.name.value for node in definitions)


def role_of(root: Any, names: Iterable[str]) -> Role:
    """The role that these root fields need together."""
    roles = [root.fields[name].extensions[DEFINITION].metadata[ROLE] for name in names if name in root.fields]
    return max(roles, key=list(Role).index, default=Role.VIEWER)


def expect_role(
    schema: GraphQLSchema, prepared: Prepared, outline: Outline, variables: Mapping[str, Any] | None, caller: Caller
) -> None:
    """Refuse an operation above the role of the caller, before any other variable than a boolean is looked at.

    Raises `RequestError` FORBIDDEN.
    """
    if caller.role.includes(outline.role):
        return
    needed = _needed(schema, prepared, variables or {})
    if not caller.role.includes(needed):
        holds = "your token has" if caller.token_role is None else "as a member you have"
        message = (
            f"This needs the role {needed.lower()}; {holds} {caller.role.lower()}. Ask an admin of your organisation."
        )
        raise RequestError([error(Code.FORBIDDEN, message)])


def _needed(schema: GraphQLSchema, prepared: Prepared, variables: Mapping[str, Any]) -> Role:
    """The role of the root fields that `@skip` and `@include` leave."""
    booleans = [
        node
        for node in prepared.operation.variable_definitions or ()
        if str(get_named_type(type_from_ast(schema, node.type))) == "Boolean"
    ]
    given = {node.variable.name.value for node in booleans} & variables.keys()
    values = coerced(schema, prepared.document, booleans, {name: variables[name] for name in given})
    root = schema.get_root_type(prepared.operation.operation)
    assert root is not None
    fragments = {node.name.value: FragmentDetails(node) for node in _fragments(prepared)}
    collected = collect_fields(schema, fragments, values, root, prepared.operation)
    return role_of(root, (fields[0].node.name.value for fields in collected.grouped_field_set.values()))


def _fragments(prepared: Prepared) -> list[FragmentDefinitionNode]:
    return [node for node in prepared.document.definitions if isinstance(node, FragmentDefinitionNode)]


def _in_directives(directives: Iterable[DirectiveNode] | None) -> Iterator[str]:
    for directive in directives or ():
        for given in directive.arguments or ():
            yield from _variables(given.value)


def _variables(node: ValueNode) -> Iterator[str]:
    """The variables that stand in a value."""
    stack = [node]
    while stack:
        value = stack.pop()
        if isinstance(value, VariableNode):
            yield value.name.value
        elif isinstance(value, ListValueNode):
            stack.extend(value.values)
        elif isinstance(value, ObjectValueNode):
            stack.extend(field.value for field in value.fields)
