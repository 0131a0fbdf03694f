"""Generated queries: hypothesis-graphql drafts them, and this module adds what it leaves out.

It draws fields and arguments from the schema. This adds what people also write: arguments left out, ids and cursors
that exist, aliases, fragments, `@include` and `@skip`, `__typename`, deeper and wider selections, and variables.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    ConstValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
    is_required_argument,
    parse_const_value,
    print_ast,
    value_from_ast_untyped,
)
from hypothesis import strategies as st
from hypothesis_graphql import nodes as literals
from hypothesis_graphql import queries

from tests.support.reading.supply import Supply

PLACEHOLDER = {
    name: st.just(literals.String("x")) for name in ("ID", "String", "Decimal", "Date", "DateTime", "Cursor")
} | {"Int": st.just(literals.Int(1))}
"""Scalars as hypothesis-graphql draws them; they are replaced by values that fit the argument."""

Document = tuple[str, dict[str, Any]]


def drafts(schema: GraphQLSchema) -> st.SearchStrategy[list[DocumentNode]]:
    """One to three queries that become one."""
    root = schema.query_type
    assert root is not None
    chosen = [None, *([name] for name in root.fields)]
    each = [queries(schema, custom_scalars=PLACEHOLDER, print_ast=unprinted, fields=fields) for fields in chosen]
    return st.lists(st.sampled_from(each).flatmap(unchanged), min_size=1, max_size=3)


def unprinted(document: DocumentNode) -> DocumentNode:
    """Returned to hypothesis-graphql instead of text."""
    return document


def unchanged(strategy: st.SearchStrategy[DocumentNode]) -> st.SearchStrategy[DocumentNode]:
    """The strategy that was drawn."""
    return strategy


def documents(schema: GraphQLSchema, supply: Supply) -> st.SearchStrategy[Document]:
    """A valid query as text, and the values of its variables."""
    return st.builds(
        lambda drawn, seed: Writer(schema, supply, Random(seed)).document(drawn),
        drafts(schema),
        st.integers(0, 2**32),
    )


def name(text: str) -> NameNode:
    return NameNode(value=text)


def named(text: str) -> NamedTypeNode:
    return NamedTypeNode(name=name(text))


class Writer:
    """Writes one document."""

    def __init__(self, schema: GraphQLSchema, supply: Supply, random: Random) -> None:
        self.schema = schema
        self.supply = supply
        self.random = random
        self.definitions: list[str] = []
        self.variables: dict[str, Any] = {}
        self.fragments: list[FragmentDefinitionNode] = []
        self.budget = 60

    def chance(self, odds: float) -> bool:
        return self.random.random() < odds

    def document(self, drafts: Sequence[DocumentNode]) -> Document:
        """The drafts as one query. Their fields get aliases, so that one field may occur with different arguments."""
        root = self.schema.query_type
        selections: list[SelectionNode] = []
        for nth, draft in enumerate(drafts):
            operation = draft.definitions[0]
            assert isinstance(operation, OperationDefinitionNode)
            written = self.selections(root, operation.selection_set.selections, f"r{nth}_", depth=0)
            selections.extend(self.dressed(root, written))
        operation_text = print_ast(SelectionSetNode(selections=tuple(selections)))
        declared = f"({', '.join(self.definitions)})" if self.definitions else ""
        texts = [f"query Generated{declared} {operation_text}", *map(print_ast, self.fragments)]
        self.random.shuffle(texts)
        return "\n".join(texts), self.variables

    def selections(self, type_: Any, drawn: Iterable[SelectionNode], prefix: str, depth: int) -> list[SelectionNode]:
        """The fields that were drawn, and some more."""
        written: list[SelectionNode] = []
        for node in drawn:
            if isinstance(node, InlineFragmentNode):
                assert node.type_condition is not None
                inner = self.schema.type_map[node.type_condition.name.value]
                fields = self.selections(inner, node.selection_set.selections, prefix, depth)
                written.append(self.inline(inner, self.dressed(inner, fields)))
            elif isinstance(node, FieldNode):
                written.append(self.field(type_, node, prefix, depth))
        while self.budget > 0 and self.chance(0.6 if depth < 7 else 0.1):
            self.budget -= 1
            extra = self.random.choice(list(type_.fields))
            written.append(self.field(type_, FieldNode(name=name(extra)), f"x{self.budget}_", depth))
        if self.chance(0.1):
            written.insert(0, FieldNode(name=name("__typename")))
        self.random.shuffle(written)
        return written

    def field(self, type_: Any, node: FieldNode, prefix: str, depth: int) -> FieldNode:
        """A field with valid arguments, and with selected fields if it is an object."""
        if node.name.value == "__typename":
            return node
        field = type_.fields[node.name.value]
        inner = get_named_type(field.type)
        selection = None
        if is_composite_type(inner):
            drawn = node.selection_set.selections if node.selection_set else [self.leaf(inner)]
            written = self.selections(inner, drawn, prefix, depth + 1)
            selection = SelectionSetNode(selections=tuple(self.dressed(inner, written)))
        aliased = bool(field.args) or is_composite_type(inner) or self.chance(0.1)
        return FieldNode(
            name=node.name,
            alias=name(prefix + node.name.value) if aliased else None,
            arguments=tuple(self.arguments(type_.name, node.name.value, field)),
            directives=tuple(self.directives()),
            selection_set=selection,
        )

    def leaf(self, type_: Any) -> FieldNode:
        leaves = [key for key, field in type_.fields.items() if is_leaf_type(get_named_type(field.type))]
        return FieldNode(name=name(self.random.choice(leaves or ["__typename"])))

    def arguments(self, type_: str, field: str, definition: Any) -> list[ArgumentNode]:
        """The required arguments and some others; of a page mostly one end, with one cursor or both."""
        given = {key for key, argument in definition.args.items() if is_required_argument(argument) or self.chance(0.4)}
        if "first" in definition.args and self.chance(0.95):
            given -= {"first"} if self.chance(0.4) else {"last"}
            given -= set() if self.chance(0.2) else {"after"} if "last" in given else {"before"}
        asked: dict[str, Any] = {}
        for key in sorted(given, key=lambda key: (key in ("after", "before"), key)):
            # Cursors come last, because they must fit the order.
            asked[key] = self.supply.value(self.random, definition.args[key].type, (type_, field, key), asked)
        return [
            ArgumentNode(name=name(key), value=self.value(definition.args[key].type, asked[key]))
            for key in definition.args
            if key in asked
        ]

    def value(self, type_: Any, node: ValueNode) -> ValueNode:
        """The value as it is, as a variable, or with variables inside."""
        if self.chance(0.35):
            return self.variable(type_, node)
        bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(bare, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
            types = {key: field.type for key, field in bare.fields.items()}
            if bare.is_one_of:  # its only field may not be null, so it takes no variable
                types = {key: GraphQLNonNull(type_) for key, type_ in types.items()}
            fields = [
                ObjectFieldNode(name=part.name, value=self.value(types[part.name.value], part.value))
                for part in node.fields
            ]
            return ObjectValueNode(fields=tuple(fields))
        if isinstance(bare, GraphQLList) and isinstance(node, ListValueNode):
            return literals.List([self.value(bare.of_type, item) for item in node.values])
        return node

    def variable(self, type_: Any, node: ValueNode) -> VariableNode:
        """A new variable with that value, sent or as its default; sometimes a nullable one with null."""
        key = f"v{len(self.definitions)}"
        declared, value = str(type_), value_from_ast_untyped(node)
        default = ""
        if self.chance(0.2) and not isinstance(node, NullValueNode):
            default = f" = {print_ast(node)}"
        elif not isinstance(type_, GraphQLNonNull) and value is not None and self.chance(0.2):
            declared += "!"
        if not default or self.chance(0.3):
            self.variables[key] = value
        if not default and not declared.endswith("!"):
            if self.chance(0.1):
                self.variables[key] = None
            elif self.chance(0.1):
                del self.variables[key]
        self.definitions.append(f"${key}: {declared}{default}")
        return VariableNode(name=name(key))

    def dressed(self, type_: Any, written: list[SelectionNode]) -> list[SelectionNode]:
        """The same selections, some of them in fragments."""
        if not written or not self.chance(0.3):
            return written
        cut = self.random.randrange(len(written)) if len(written) > 1 else 0
        inside = tuple(written[cut:])
        if self.chance(0.5):
            return [*written[:cut], self.inline(type_ if self.chance(0.5) else None, inside)]
        fragment = f"F{len(self.fragments)}"
        self.fragments.append(
            FragmentDefinitionNode(
                name=name(fragment),
                type_condition=named(type_.name),
                selection_set=SelectionSetNode(selections=inside),
            )
        )
        spread = FragmentSpreadNode(name=name(fragment), directives=tuple(self.directives()))
        return [*written[:cut], spread]

    def inline(self, type_: Any, selections: Iterable[SelectionNode]) -> InlineFragmentNode:
        return InlineFragmentNode(
            type_condition=named(type_.name) if type_ else None,
            directives=tuple(self.directives()),
            selection_set=SelectionSetNode(selections=tuple(selections)),
        )

    def directives(self) -> list[DirectiveNode]:
        """Mostly none; else conditions, by a literal or a variable."""
        found = []
        for directive in ("include", "skip"):
            if self.chance(0.05):
                literal: ConstValueNode = parse_const_value("true" if self.chance(0.6) else "false")
                condition = self.value(GraphQLNonNull(self.schema.type_map["Boolean"]), literal)
                found.append(
                    DirectiveNode(name=name(directive), arguments=(ArgumentNode(name=name("if"), value=condition),))
                )
        return found
