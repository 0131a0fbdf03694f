"""How much one document may ask for: depth, aliases, fields, root fields and rows.

Every fragment is measured once and its measure is reused wherever it is spread, so the time is in proportion to the
text, however many fields the fragments expand to. It runs before the standard rules, some of which take quadratic time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

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
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    validate,
)

from engine.bounds.cost import PAGES, SATURATED, Cost, Pages, added, of_field, reckoned, too_costly
from engine.errors import Code, error

REPEATS = 100
"""How often one place may select the same response name. Standard validation compares each pair of them."""

PAIRS = 5_000
"""Such pairs in all places of a document together; each takes about ten microseconds."""

NESTING = 150
"""The depth to which nested selection sets are followed, through fragments too."""


@dataclass(frozen=True)
class Limits:
    """What one document and its variables may hold; and the page sizes with which its rows are estimated."""

    depth: int = 15
    aliases: int = 100
    fields: int = 1_000
    root_fields: int = 20
    tokens: int = 1_200
    cost: int = 50_000
    pages: Pages = PAGES


class Measure(NamedTuple):
    """The measure of a selection set, with every fragment expanded. `cost` is in rows for one parent row."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    width: int = 0
    cost: Cost = 0

    def beside(self, other: "Measure") -> "Measure":
        """This and another one in the same selection set, without the cost."""
        return Measure(
            max(self.depth, other.depth),
            min(self.fields + other.fields, SATURATED),
            min(self.aliases + other.aliases, SATURATED),
            min(self.width + other.width, SATURATED),
        )


NOTHING = Measure()


class NestedTooDeeply(Exception):
    """Selection sets are nested deeper than NESTING."""


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
        """The fragments that the measured operations do not reach, measured. Validation refuses them, but reads them
        first."""
        found = []
        for name, definition in self.fragments.items():
            if name not in self._measured:
                self.fragment(name)
                found.append(definition)
        return found

    def fragment(self, name: str, level: int = 0) -> Measure:
        """The measure of a fragment, taken once. A missing one and a cycle count as nothing: other rules refuse
        both."""
        if name in self._measured:
            measured = self._measured[name]
            self.cyclic = self.cyclic or measured is None
            return measured or NOTHING
        definition = self.fragments.get(name)
        if definition is None:
            return NOTHING
        self._measured[name] = None  # being measured
        parent = self.schema.get_type(definition.type_condition.name.value)
        self._measured[name] = measure = self._selections(definition.selection_set, parent, level)
        return measure

    def _selections(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if level > NESTING:
            raise NestedTooDeeply
        found = [self._selection(selection, parent, level) for selection in node.selections]
        return reduce(Measure.beside, found, NOTHING)._replace(cost=added(one.cost for one in found))

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if isinstance(node, FieldNode):
            return self._field(node, parent, level)
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value, level + 1)
        assert isinstance(node, InlineFragmentNode)
        condition = node.type_condition
        inner = self.schema.get_type(condition.name.value) if condition else parent
        return self._selections(node.selection_set, inner, level + 1)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        alias = int(node.alias is not None)
        if node.selection_set is None:
            return Measure(depth=1, fields=1, aliases=alias, width=1)
        field = _definition(parent, node.name.value)
        inner = self._selections(node.selection_set, get_named_type(field.type) if field else None, level + 1)
        # Introspection has a depth rule of its own among the standard rules, and reads no rows.
        hidden = node.name.value in ("__schema", "__type")
        return Measure(
            depth=1 if hidden else inner.depth + 1,
            fields=min(inner.fields + 1, SATURATED),
            aliases=min(inner.aliases + alias, SATURATED),
            width=1,
            cost=self._cost(node, field, parent, inner.cost) if field else 0,
        )

    def _cost(self, node: FieldNode, field: GraphQLField, parent: GraphQLNamedType | None, inner: Cost) -> Cost:
        if parent is not None and parent.name.endswith(("Connection", "Edge")):
            return inner  # the field that holds the connection has counted its rows
        return of_field(node, field, inner, self.limits.pages)


def exceeded(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """The limits that a document exceeds: which, by how much, and the setting that changes it. Empty if none."""
    ruler = Ruler(schema, document, limits)
    try:
        operations = [ruler.operation(node) for node in ruler.operations]
        loose = ruler.loose()
    except NestedTooDeeply:
        return [_too_much(Code.TOO_DEEP, "nests fields and fragments {} levels deep", NESTING + 1, NESTING)]
    if ruler.cyclic:
        # The rest would walk in circles. This one rule names the cycle, in linear time.
        return validate(schema, document, [NoFragmentCyclesRule])
    # Fields are counted over all definitions together, because validation reads all of them.
    fields = sum(m.fields for m in (*operations, *(ruler.fragment(node.name.value) for node in loose)))
    # Page sizes in variables are not known yet: what is over the limit with the smallest pages is refused now.
    cost = max((reckoned(m.cost, None, limits.pages) for m in operations), default=0)
    depth, _, aliases, width = (max(values) for values in list(zip(NOTHING, *operations, strict=True))[:4])
    checks = (
        (Code.TOO_DEEP, "nests fields {} levels deep", depth, limits.depth, "max_depth"),
        (Code.TOO_MANY_ALIASES, "uses {} aliases", aliases, limits.aliases, "max_aliases"),
        (Code.TOO_MANY_FIELDS, "asks for {} fields, fragments written out", fields, limits.fields, "max_fields"),
        (Code.TOO_MANY_ROOT_FIELDS, "asks for {} root fields", width, limits.root_fields, "max_root_fields"),
    )
    errors = [_too_much(*check) for check in checks if check[2] > check[3]]
    if cost > limits.cost:
        errors.append(too_costly(cost, limits.cost, limits.pages))
    return errors or _repeated(ruler, [*ruler.operations, *loose])


def _too_much(code: Code, text: str, value: int, limit: int, setting: str | None = None) -> GraphQLError:
    amount = f"{value:,}" if value < SATURATED else f"more than {SATURATED:,}"
    where = f" (setting DEALBOARD_{setting.upper()})" if setting else ""
    found = f"This document {text.format(amount)}; the limit is {limit:,}{where}."
    return error(code, f"{found} Select less, or split it into several requests.", value=value, limit=limit)


def _repeated(ruler: Ruler, roots: Iterable[ExecutableDefinitionNode]) -> list[GraphQLError]:
    """Refuse response names that are selected too often in one place. The number of fields was limited before this."""
    stack, pairs = [[node.selection_set] for node in roots], 0
    while stack:
        for name, nodes in _merged(stack.pop(), ruler.fragments).items():
            if len(nodes) > REPEATS:
                text = f'selects "{name}" {{}} times in one place'
                return [_too_much(Code.TOO_MANY_FIELDS, text, len(nodes), REPEATS)]
            pairs += len(nodes) * (len(nodes) - 1) // 2
            inner = [node.selection_set for node in nodes if node.selection_set is not None]
            if inner:
                stack.append(inner)
    if pairs > PAIRS:
        text = "repeats fields of one name in one place, in {} pairs"
        return [_too_much(Code.TOO_MANY_FIELDS, text, pairs, PAIRS)]
    return []


def _merged(
    selection_sets: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> dict[str, list[FieldNode]]:
    """The fields that selection sets select together, by response name; each fragment is entered once."""
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
