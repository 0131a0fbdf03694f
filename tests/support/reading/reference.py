"""A plain reference executor: the published schema, graphql-core's own executor, and Python over rows in memory.

It implements the rules of reading a second time, independently of the SQL. Like Dealboard, it refuses an operation as a
whole, before it runs anything.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values, get_variable_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from engine.caller import Caller
from engine.publish.scalars import parse_date, parse_decimal, parse_instant
from schema.api import sdl
from tests.support.reading.dataset import Tables
from tests.support.reading.histories import EVERY
from tests.support.reading.pages import BadArgument, Page, parse_cursor
from tests.support.reading.records import Record, World, shown, snake
from tests.support.reading.rules import RULES, arguments

PARSERS = {"Decimal": parse_decimal, "Date": parse_date, "DateTime": parse_instant, "Cursor": parse_cursor}

TIMED = (("StageTime", "seconds"), ("StageChange", "duration"))
"""Fields that depend on the second of the request."""

OF_ADMINS = (
    *(("Query", field) for field in ("webhooks", "webhook")),
    *(("Webhook", field) for field in "position behind failingSince secretHint publicKey attempts waiting".split()),
)
"""Fields that others may not even ask for, and how far deliveries are: `test_webhooks.py` reads them."""

OF_THE_PAST = (
    *(("Query", field) for field in ("boardAsOf", "pipelineChange", "funnel", "stageFlow", "stageDurations")),
    ("Query", "scoreAnalytics"),
    ("Pipeline", "asOf"),
)
"""Fields that show what was: the tests in `reads/analytics` compare them with what was read then, and with references
of their own."""

REPORTS = tuple(
    ("Query", field)
    for field in ("winRates", "lostReasonCounts", "velocity", "activityCounts", "leaderBoard", "leadSources", "report")
)
"""Fields that the tests in `reads/reports` count again."""


def reference_schema() -> GraphQLSchema:
    """The schema as it is published, without resolvers but with the scalars' own rules."""
    schema = build_schema(sdl())
    for name, parser in PARSERS.items():
        schema.type_map[name].coerce_input_value = parser  # type: ignore[attr-defined]
    for type_, field in (*TIMED, *OF_ADMINS, *OF_THE_PAST, *REPORTS):
        del schema.type_map[type_].fields[field]  # type: ignore[attr-defined]
    return schema


@dataclass(frozen=True)
class Outcome:
    """Result of an operation: `data` as JSON text with its keys in order, or a refusal and its reason."""

    data: str | None
    reason: str = ""


class Reference:
    """Answers queries over the rows of all organisations."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.schema = reference_schema()

    def answer(self, text: str, variables: Mapping[str, Any], caller: Caller) -> Outcome:
        """The correct answer to a document with one query."""
        document = parse(text)
        invalid = validate(self.schema, document)
        if invalid:
            return Outcome(None, f"not valid: {invalid}")
        world = World(self.tables, caller)
        try:
            Checker(self.schema, document, dict(variables)).check()
        except (GraphQLError, BadArgument) as refused:
            return Outcome(None, f"refused: {refused}")
        result = execute_sync(
            self.schema,
            document,
            root_value=world,
            context_value=world,
            variable_values=dict(variables),
            field_resolver=resolve,
            type_resolver=lambda record, *_: record.type,
        )
        assert not result.errors, result.errors
        return Outcome(json.dumps(result.data))


def resolve(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    """The value of a field: by its rule, or else a column of that name."""
    rule = RULES.get((info.parent_type.name, info.field_name))
    if rule is None and isinstance(source, Record) and source.table == "event":
        rule = EVERY.get(info.field_name)
    if rule is not None:
        return rule(info.context, source, arguments(info.parent_type.name, info.field_name, given))
    if isinstance(source, Mapping):
        found = source[info.field_name]
        return (
            found(**{name: value for name, value in given.items() if value is not None}) if callable(found) else found
        )
    assert isinstance(source, Record | Page), f"no rule for {info.parent_type.name}.{info.field_name}"
    return shown(source[snake(info.field_name)])


def _expect_few(type_: Any, value: Any) -> None:
    """Lists that select rows, such as those of enum values, have up to 100 items."""
    type_ = get_nullable_type(type_)
    if isinstance(value, list) and is_list_type(type_):
        named = get_named_type(type_)
        if len(value) > 100 and (is_enum_type(named) or is_input_object_type(named) or named is GraphQLBoolean):
            raise BadArgument("too many")
        for item in value:
            _expect_few(type_.of_type, item)
    elif isinstance(value, dict) and is_input_object_type(type_):
        for name, part in value.items():
            _expect_few(type_.fields[name].type, part)


class Checker:
    """Checks the arguments of every selected field, whether or not there is a record for it."""

    def __init__(self, schema: GraphQLSchema, document: Any, variables: dict[str, Any]) -> None:
        self.schema = schema
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        (self.operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
        values = get_variable_values(schema, self.operation.variable_definitions or (), variables)
        if isinstance(values, list):
            raise values[0]
        self.variables: VariableValues = values

    def check(self) -> None:
        """Raises `GraphQLError` or `BadArgument` for the first invalid argument."""
        root = self.schema.query_type
        assert root is not None
        self._check(root, self.operation.selection_set)

    def _check(self, type_: Any, selections: SelectionSetNode | None) -> None:
        for parent, node in self._fields(type_, selections):
            name = node.name.value
            if name.startswith("__"):
                continue
            field = parent.fields[name]
            given = get_argument_values(field, node, self.variables)
            for key, value in given.items():
                _expect_few(field.args[key].type, value)
            arguments(parent.name, name, given)
            self._check(get_named_type(field.type), node.selection_set)

    def _fields(self, type_: Any, selections: SelectionSetNode | None) -> Iterator[tuple[Any, FieldNode]]:
        """Every field that is not skipped, with the type it is selected on."""
        for node in selections.selections if selections else ():
            if self._left_out(node):
                continue
            if isinstance(node, FieldNode):
                yield type_, node
                continue
            inner: Any = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = inner.type_condition
            narrowed = self.schema.type_map[condition.name.value] if condition else type_
            # A fragment on an interface selects its fields on the object around it.
            kept = isinstance(type_, GraphQLObjectType) and isinstance(narrowed, GraphQLInterfaceType)
            yield from self._fields(type_ if kept else narrowed, inner.selection_set)

    def _left_out(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return bool(skip and skip["if"]) or bool(include and not include["if"])
