"""How much one document may ask for: depth, aliases, fields, root fields and rows.

Every fragment is measured once and its measure is reused wherever it is spread, so measuring takes time in proportion
to the text, whatever the fragments multiply to. It runs before the stock rules, some of which take quadratic time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    validate,
)

from engine.errors import Code, error

ROWS = "dealboard-rows"
"""The key of `GraphQLField.extensions` under which a list field says how many rows to expect."""

LIST_ROWS = 10
"""Rows expected of a plain list that does not say."""

REPEATS = 100
"""How often one response name may be asked for in one place. Stock validation compares each pair of them."""

NESTING = 150
"""Selection sets within each other, through fragments too, that are followed."""

SATURATED = 10**9
"""Counts stop here."""


@dataclass(frozen=True)
class Limits:
    """What one document may hold; and the page sizes with which its rows are estimated."""

    depth: int = 15
    aliases: int = 100
    fields: int = 1_000
    root_fields: int = 20
    tokens: int = 1_200
    cost: int = 50_000
    values: int = 10_000
    page_size: int = 20
    page_maximum: int = 100


class Measure(NamedTuple):
    """What a selection set amounts to, with every fragment written out. `cost` is in rows for one parent row."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    width: int = 0
    cost: int = 0

    def beside(self, other: "Measure") -> "Measure":
        """This and another one in the same selection set."""
        return Measure(
            max(self.depth, other.depth),
            min(self.fields + other.fields, SATURATED),
            min(self.aliases + other.aliases, SATURATED),
            min(self.width + other.width, SATURATED),
            min(self.cost + other.cost, SATURATED),
        )


NOTHING = Measure()


class NestedTooDeeply(Exception):
    """Selection sets stand within each other more than NESTING times."""


class Ruler:
    """Measures the definitions of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
        self.schema = schema
        self.limits = limits
        self.operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.cyclic = False
        self._measured: dict[str, Measure | None] = {}

    def operation(self, node: OperationDefinitionNode) -> Measure:
        """The measure of an operation."""
        return self._selections(node.selection_set, self.schema.get_root_type(node.operation), 0)

    def loose(self) -> list[FragmentDefinitionNode]:
        """The fragments that the measured operations do not reach, measured. They are refused, but validated before."""
        found = []
        for name, definition in self.fragments.items():
            if name not in self._measured:
                self.fragment(name)
                found.append(definition)
        return found

    def fragment(self, name: str, level: int = 0) -> Measure:
        """The measure of a fragment, taken once. A missing one and a cycle count nothing: other rules refuse both."""
        if name in self._measured:
            measured = self._measured[name]
            self.cyclic = self.cyclic or measured is None
            return measured or NOTHING
        definition = self.fragments.get(name)
        if definition is None:
            return NOTHING
        self._measured[name] = None  # under way
        parent = self.schema.get_type(definition.type_condition.name.value)
        self._measured[name] = measure = self._selections(definition.selection_set, parent, level)
        return measure

    def _selections(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if level > NESTING:
            raise NestedTooDeeply
        total = NOTHING
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                total = total.beside(self._field(selection, parent, level))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.beside(self.fragment(selection.name.value, level + 1))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                total = total.beside(self._selections(selection.selection_set, inner, level + 1))
        return total

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        alias = int(node.alias is not None)
        if node.selection_set is None:
            return Measure(depth=1, fields=1, aliases=alias, width=1)
        field = _definition(parent, node.name.value)
        inner = self._selections(node.selection_set, get_named_type(field.type) if field else None, level + 1)
        # Introspection has its own depth rule among the stock ones, and reads no rows.
        hidden = node.name.value in ("__schema", "__type")
        return Measure(
            depth=1 if hidden else inner.depth + 1,
            fields=min(inner.fields + 1, SATURATED),
            aliases=min(inner.aliases + alias, SATURATED),
            width=1,
            cost=min(self._cost(node, field, parent, inner.cost), SATURATED) if field else 0,
        )

    def _cost(self, node: FieldNode, field: GraphQLField, parent: GraphQLNamedType | None, inner: int) -> int:
        """The rows of this field and of all below it, for one row of its parent."""
        if parent is not None and parent.name.endswith(("Connection", "Edge")):
            return inner  # the field that holds the connection has counted its rows
        return self._rows(node, field) * (1 + inner)

    def _rows(self, node: FieldNode, field: GraphQLField) -> int:
        """How many rows this field gives for one row of its parent."""
        if "first" in field.args or "last" in field.args:
            return self._page(node)
        is_list = is_list_type(get_nullable_type(field.type))
        stated = (field.extensions or {}).get(ROWS)
        return stated if isinstance(stated, int) else LIST_ROWS if is_list else 1

    def _page(self, node: FieldNode) -> int:
        maximum = self.limits.page_maximum
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name in ("first", "last"):
            value = given.get(name)
            if isinstance(value, VariableNode):
                return maximum
            if isinstance(value, IntValueNode):
                # Beyond nine digits Python may refuse to convert; more than the maximum is refused where rows are read.
                return min(int(value.value), maximum) if len(value.value) < 10 else maximum
        return self.limits.page_size


def values_within(variables: Mapping[str, Any], most: int) -> bool:
    """Whether variables hold at most so many values, each list and object counted as one besides what it holds."""
    counted = 0
    level: list[Any] = [variables]
    while level:
        inner: list[Any] = []
        for value in level:
            held = value.values() if isinstance(value, dict) else value
            counted += len(value)
            if counted > most:
                return False
            inner.extend(one for one in held if isinstance(one, dict | list))
        level = inner
    return True


def exceeded(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """The limits that a document exceeds: which, by how much, and the setting that moves it. Empty if none."""
    ruler = Ruler(schema, document, limits)
    try:
        operations = [ruler.operation(node) for node in ruler.operations]
        loose = ruler.loose()
    except NestedTooDeeply:
        return [_too_much(Code.TOO_DEEP, "nests fields and fragments {} levels deep", NESTING + 1, NESTING)]
    if ruler.cyclic:
        # What follows would walk in circles. This rule alone says where, in linear time.
        return validate(schema, document, [NoFragmentCyclesRule])
    # Fields are counted over all definitions together, because all of them are validated.
    fields = sum(m.fields for m in (*operations, *(ruler.fragment(node.name.value) for node in loose)))
    depth, _, aliases, width, cost = (max(values) for values in zip(NOTHING, *operations, strict=True))
    checks = (
        (Code.TOO_DEEP, "nests fields {} levels deep", depth, limits.depth, "max_depth"),
        (Code.TOO_MANY_ALIASES, "uses {} aliases", aliases, limits.aliases, "max_aliases"),
        (Code.TOO_MANY_FIELDS, "asks for {} fields, fragments written out", fields, limits.fields, "max_fields"),
        (Code.TOO_MANY_ROOT_FIELDS, "asks for {} root fields", width, limits.root_fields, "max_root_fields"),
        (Code.TOO_COSTLY, "may read {} rows", cost, limits.cost, "max_cost"),
    )
    errors = [_too_much(*check) for check in checks if check[2] > check[3]]
    return errors or _repeated(ruler, [*ruler.operations, *loose])


def _too_much(code: Code, text: str, value: int, limit: int, setting: str | None = None) -> GraphQLError:
    amount = f"{value:,}" if value < SATURATED else f"more than {SATURATED:,}"
    where = f" (setting DEALBOARD_{setting.upper()})" if setting else ""
    message = (
        f"This document {text.format(amount)}; the limit is {limit:,}{where}. Ask for less, or in several requests."
    )
    return error(code, message, value=value, limit=limit)


def _repeated(ruler: Ruler, roots: Iterable[ExecutableDefinitionNode]) -> list[GraphQLError]:
    """Refuse a response name that stands too often in one place. The number of fields has been limited before this."""
    stack = [[node.selection_set] for node in roots]
    while stack:
        for name, nodes in _merged(stack.pop(), ruler.fragments).items():
            if len(nodes) > REPEATS:
                text = f'asks {{}} times for "{name}" in one place'
                return [_too_much(Code.TOO_MANY_FIELDS, text, len(nodes), REPEATS)]
            inner = [node.selection_set for node in nodes if node.selection_set is not None]
            if inner:
                stack.append(inner)
    return []


def _merged(
    selection_sets: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> dict[str, list[FieldNode]]:
    """The fields that selection sets ask for together, by response name; each fragment is entered once."""
    fields: dict[str, list[FieldNode]] = {}
    entered: set[str] = set()
    stack = list(selection_sets)
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FieldNode):
                fields.setdefault((selection.alias or selection.name).value, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                stack.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in fragments and name not in entered:
                    entered.add(name)
                    stack.append(fragments[name].selection_set)
    return fields


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        field: GraphQLField | None = parent.fields.get(name)
        return field
    return None
