"""From a GraphQL operation to one SQL statement that returns the finished JSON.

Each selected field contributes an SQL expression over its parent's rows, through the read resolver that its definition
names. So no field can cause a second statement, and all parts of an answer come from one snapshot.
"""

import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLID,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_interface_type,
    is_list_type,
    print_ast,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from sqlalchemy import case, select

from engine.documents import Prepared
from engine.errors import Code, refusal
from engine.live.selection import EventSelection
from engine.publish.fields import EVENTS, READ
from engine.publish.provided import Provided, guarded
from engine.read.any_of import AnyOf
from engine.read.arguments import DEFINITION, UNFILTERED, Arguments
from engine.read.bound_statement import BoundStatement
from engine.read.json_text import NULL, Expression, json_object, json_value, quoted
from engine.read.paging import Each, Page
from engine.read.rows import ROOT, Rows, Same, Source
from engine.read.slots import Binder
from engine.read.variants import JsonMember, Variants, json_variant, merged
from models.database import Statement

Fields = list[FieldDetails]
Grouped = Mapping[str, Fields]


class Compiler:
    """Compiles the selections of one operation, for variables of one shape.

    It collects at most `most` fields, those of an interface once for each type that it can be: what types ask for
    differently is built for each of them, at every level, so a short document can grow to types ** levels.
    """

    def __init__(self, schema: GraphQLSchema, prepared: Prepared, variables: VariableValues, most: int) -> None:
        self.schema = schema
        self.most = most
        self.collected = 0
        self.operation = prepared.operation
        self.variables = variables
        self.fragments = {
            definition.name.value: FragmentDetails(definition)
            for definition in prepared.document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.binders: dict[str, Binder] = {}
        self.names: dict[Hashable, str] = {}  # the parameters by what they read
        self.filtered = False
        self.wrong: list[Expression] = []
        self.arguments = Arguments(variables.coerced, self._register)

    def _register(self, binder: Binder, use: Hashable | None) -> str:
        name = self.names.setdefault(use or binder, f"p{len(self.names)}")
        self.binders.setdefault(name, binder)
        return name

    def forget(self) -> None:
        """Drop the values that it compiled with, a megabyte perhaps: a plan that is kept refers to this compiler.

        It then collects, uncounted, what each execution shows of a payload, by directives that are part of the shape.
        """
        self.most = sys.maxsize
        booleans = {name: value for name, value in self.variables.coerced.items() if isinstance(value, bool)}
        sources = {name: self.variables.sources[name] for name in booleans}
        self.variables = VariableValues(sources, booleans)
        self.arguments.variables = booleans

    def root(self) -> tuple[GraphQLObjectType, Grouped]:
        """The root type and its selected fields, by response key."""
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        collected = collect_fields(self.schema, self.fragments, self.variables, root, self.operation)
        return root, collected.grouped_field_set

    def selected(self, type_: GraphQLObjectType, fields: Fields) -> Grouped:
        """The fields that are asked of an object, by response key; fragments and directives are applied.

        Raises `RequestError` TOO_MANY_FIELDS.
        """
        collected = collect_subfields(self.schema, self.fragments, self.variables, self.operation, type_, fields)
        self.collected += len(collected.grouped_field_set)
        if self.collected > self.most:
            message = (
                f"This operation comes to more than {self.most:,} fields, with the types of each interface written"
                " out. Ask for a field on the interface instead of on each of its types, or in several requests."
            )
            raise refusal(Code.TOO_MANY_FIELDS, message, limit=self.most)
        return collected.grouped_field_set

    def query(self, root: GraphQLObjectType, grouped: Grouped) -> BoundStatement:
        """The statement of a query: one row of one column, the `data` of the response."""
        answer = self.object(root, grouped, ROOT)
        return self.finished(select(guarded(answer, self.wrong)))

    def subscription(self, root: GraphQLObjectType, grouped: Grouped) -> tuple[EventSelection, BoundStatement]:
        """The events that a subscription selects, and the statement that renders them: number and `data` of each."""
        ((key, fields),) = grouped.items()
        node = fields[0].node
        definition = root.fields[node.name.value]
        watch = definition.extensions[DEFINITION].metadata[EVENTS](None, self.arguments.of(definition, node))
        source = Source(watch.row(watch.rows().picked().entity))
        data = json_object([(key, self._build(get_named_type(definition.type), fields)(source))])
        return watch, self.finished(source.select(source.row.number, data).order_by(source.row.number))

    def finished(self, construct: Any) -> BoundStatement:
        """The compiled form of a statement that was built with this compiler's expressions."""
        return BoundStatement(Statement(construct), self.binders, self.filtered)

    def object(self, type_: GraphQLObjectType, grouped: Grouped, source: Source) -> Expression:
        """A JSON object of the fields, over the source's row."""
        return json_object([(key, self.field(type_, fields, source)) for key, fields in grouped.items()])

    def field(self, type_: GraphQLObjectType, fields: Fields, source: Source) -> Expression:
        """One field over its parent's row, as JSON."""
        node = fields[0].node
        if node.name.value == "__typename":
            return json_value(quoted(type_.name), plain=True)
        definition = type_.fields[node.name.value]
        resolver = definition.extensions[DEFINITION].metadata[READ]
        found = resolver(source.row, self.arguments.of(definition, node))
        return self.shown(found, definition.type, fields, source)

    def shown(self, found: Any, type_: GraphQLOutputType, fields: Fields, source: Source) -> Expression:
        """The result of a read resolver, as JSON."""
        named = get_named_type(type_)
        if isinstance(found, Provided):
            return self._provided(found, type_, fields, source)
        if isinstance(found, AnyOf):
            return found.json(lambda name, source: self._build(self.schema.type_map[name], fields)(source))
        build = self._build(named, fields)
        listed = is_list_type(get_nullable_type(type_))
        if isinstance(found, Rows):
            return found.json_list(build) if listed else found.json_one(build, source)
        if isinstance(found, Page):
            return self._page(found, named, fields)
        if isinstance(found, Each):
            return found.page.collect(build(source.at(found.row)))
        if isinstance(found, Same):
            return build(source.at(found.row))
        return json_value(found, plain=not listed and (named is GraphQLID or is_enum_type(named)))

    def _build(self, type_: Any, fields: Fields) -> Callable[[Source], Expression]:
        """Builds the JSON object of the selected fields over the row of a source."""
        if is_interface_type(type_):
            return self._variants(type_, fields)
        return lambda source: self.object(type_, self.selected(type_, fields), source)

    def _variants(self, type_: Any, fields: Fields) -> Callable[[Source], Expression]:
        """The same for an interface: fields that several types select alike are built once for all of them."""
        types = {one.name: one for one in self.schema.get_possible_types(type_)}
        asked = {name: self.selected(one, fields) for name, one in types.items()}
        variants: Variants = type_.extensions[DEFINITION].origin.variants
        order = merged(list(grouped) for grouped in asked.values())

        def build(source: Source) -> Expression:
            # Nothing is joined for some of the types only: it would be looked up for the rows of all others as well.
            row, alone = source.row, Source(source.row, None)
            if order is None:
                whole = [(variants.is_one(row, [name]), self.object(types[name], asked[name], alone)) for name in types]
                return case(*whole, else_=NULL)
            members = []
            for key in order:
                for names in _alike(key, asked, types):
                    name, everywhere = names[0], len(names) == len(types)
                    found = asked[name][key]
                    value = (
                        json_value(variants.typename(row), plain=True)
                        if found[0].node.name.value == "__typename"
                        else self.field(types[name], found, source if everywhere else alone)
                    )
                    members.append(JsonMember(key, value, None if everywhere else variants.is_one(row, names)))
            return json_variant(members)

        return build

    def _provided(self, found: Provided, type_: GraphQLOutputType, fields: Fields, source: Source) -> Expression:
        """What depends on a check in the database. A query is refused; a payload or an event, of something that has
        happened, shows null."""
        self.filtered = True  # how much lies behind a moment is known by its value alone
        shown = self.shown(found.found, type_, fields, source)
        absent = [] if found.there is None else [(~found.there, NULL)]
        if self.operation.operation is OperationType.QUERY:
            self.wrong.append(found.wrong)
        else:
            absent.append((found.wrong.is_not(None), NULL))
        return case(*absent, else_=shown) if absent else shown

    def _page(self, page: Page, type_: Any, fields: Fields) -> Expression:
        """A connection: its fields are aggregates over the rows of the page."""
        self.filtered |= any(given.name.value not in UNFILTERED for given in fields[0].node.arguments or ())
        grouped = self.selected(type_, fields)
        lookahead = any(found[0].node.name.value == "pageInfo" for found in grouped.values())
        return page.opened(lookahead).json(lambda source: self.object(type_, grouped, source))


def _alike(key: str, asked: Mapping[str, Grouped], types: Mapping[str, GraphQLObjectType]) -> list[list[str]]:
    """The types of which this key is asked, those together of which it means the same."""
    same: dict[tuple[int, ...], list[str]] = {}
    for name, grouped in asked.items():
        if key in grouped:
            same.setdefault(tuple(id(field.node) for field in grouped[key]), []).append(name)
    if len(same) == 1:
        return list(same.values())
    # What fragments on several types ask alike, of a field that the types share, means the same too.
    alike: dict[Any, list[str]] = {}
    for names in same.values():
        fields = asked[names[0]][key]
        definition = types[names[0]].fields.get(fields[0].node.name.value)
        resolver = definition and definition.extensions[DEFINITION].metadata[READ]
        alike.setdefault((resolver, *(print_ast(field.node) for field in fields)), []).extend(names)
    return list(alike.values())
