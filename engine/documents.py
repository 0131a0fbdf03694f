"""Documents: parsed, measured, validated, and the operation chosen; once per text and operation name."""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Literal, TypeVar

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

from engine.bounds.cost import Cost
from engine.errors import Code, RequestError, error, refusal
from engine.limits import Limits, Ruler, exceeded

Kind = Literal["query", "mutation", "subscription"]
Key = tuple[str, str | None]
Value = TypeVar("Value")

MOST_ERRORS = 20
"""Validation errors of one document that are reported."""

LONGEST_TEXT = 100_000
"""Characters of one document. Only values written into the text make it longer, and those belong in variables."""

LONGEST_NAME = 100
"""Characters of an operation's name in logs, metrics and traces."""

MOST_TEXT = 300_000
"""Characters of text that are cached with their syntax trees, which take up to 350 bytes a character."""

MOST_REFUSED_TEXT = 1_000_000
"""Characters of refused text that are cached, with their errors alone."""

PARSER_LIMITS = (
    (re.compile(r"contains more than \d+ (tokens|comments)"), Code.TOO_MANY_TOKENS),
    (re.compile(r"nested too deeply"), Code.TOO_DEEP),
)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A valid document and the operation to run: one object per text and operation name, while it is cached."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    kind: Kind
    name: str
    cost: Cost


class Documents:
    """Prepares documents, and caches both valid and refused ones; drops the least recently used first."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, size: int = 1000, *, introspection: bool = True) -> None:
        """Without `introspection`, `__schema` and `__type` are refused, and no message suggests a name."""
        self.schema = schema
        self.limits = limits
        self.introspection = introspection
        self._prepared = _Recent[Prepared](size, MOST_TEXT)
        # Kept apart, so that a stream of refused documents does not push out the valid ones.
        self._refused = _Recent[list[GraphQLError]](size // 4 + 1, MOST_REFUSED_TEXT)

    def prepare(self, text: str, operation_name: str | None = None) -> Prepared:
        """The operation of that name in the document, or its only one. An empty name is no name.

        Raises `RequestError` for a document that is not GraphQL, over a limit, or invalid against the schema, and for
        an unknown operation.
        """
        return self.cached(text, operation_name) or self.kept(text, operation_name, self.made(text, operation_name))

    def cached(self, text: str, operation_name: str | None) -> Prepared | None:
        """What `prepare` returns, or raises, where the document was prepared before; else None."""
        key = (text, operation_name or None)
        prepared = self._prepared.get(key)
        if prepared is None and (errors := self._refused.get(key)) is not None:
            raise RequestError(errors)
        return prepared

    def made(self, text: str, operation_name: str | None) -> Prepared | RequestError:
        """What `kept` keeps. It may run in any thread, because it touches no cache."""
        try:
            return self._prepare(text, operation_name or None)
        except RequestError as refused:
            return refused

    def kept(self, text: str, operation_name: str | None, made: Prepared | RequestError) -> Prepared:
        """Cache what was made. Raises it if it is a refusal."""
        key = (text, operation_name or None)
        if isinstance(made, RequestError):
            self._refused.put(key, made.errors)
            raise made
        self._prepared.put(key, made)
        return made

    def check(self, text: str) -> DocumentNode:
        """The document, parsed. Raises `RequestError` if it is not GraphQL, over a limit, or invalid."""
        document = self._parse(text)
        if empty := list(islice(_empty_selections(document), MOST_ERRORS)):
            raise RequestError([_coded(found, Code.GRAPHQL_PARSE_FAILED) for found in empty])
        # The limits are checked first: some of the standard rules take quadratic time.
        errors = exceeded(self.schema, document, self.limits)
        if not errors and not self.introspection:
            errors = validate(self.schema, document, [NoSchemaIntrospectionCustomRule], max_errors=1)
            if errors:
                text = "Introspection is switched off on this server. Read the schema from `schema.graphql`."
                raise refusal(Code.INTROSPECTION_DISABLED, text)
        errors = errors or validate(
            self.schema, document, specified_rules, MOST_ERRORS, hide_suggestions=not self.introspection
        )
        if errors:
            raise RequestError([_coded(found, Code.GRAPHQL_VALIDATION_FAILED) for found in errors])
        return document

    def _prepare(self, text: str, operation_name: str | None) -> Prepared:
        document = self.check(text)
        operation = _choose(document, operation_name)
        name = operation.name.value[:LONGEST_NAME] if operation.name else "anonymous"
        cost = Ruler(self.schema, document, self.limits).operation(operation).cost
        return Prepared(text, document, operation, operation.operation.value, name, cost)

    def _parse(self, text: str) -> DocumentNode:
        tokens = self.limits.tokens
        if len(text) > LONGEST_TEXT:
            message = (
                f"This document has {len(text):,} characters; the limit is {LONGEST_TEXT:,}. Pass values as variables."
            )
            raise refusal(Code.TOO_LONG, message, value=len(text), limit=LONGEST_TEXT)
        try:
            return parse(text, max_lexical_tokens=tokens, max_comments=tokens)
        except GraphQLSyntaxError as wrong:
            for pattern, code in PARSER_LIMITS:
                if pattern.search(wrong.message):
                    raise _over_parser_limit(code, tokens) from wrong
            raise RequestError([_coded(wrong, Code.GRAPHQL_PARSE_FAILED)]) from wrong


class _Recent(Generic[Value]):
    """The most recently used values by document key, bounded by their number and by the total length of their texts."""

    def __init__(self, size: int, characters: int) -> None:
        self.size = size
        self.characters = characters
        self.held = 0
        self.values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        value = self.values.get(key)
        if value is not None:
            self.values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        self.values[key] = value
        self.held += len(key[0])
        while len(self.values) > self.size or self.held > self.characters:
            (text, _), _ = self.values.popitem(last=False)
            self.held -= len(text)


def _empty_selections(document: DocumentNode) -> Iterator[GraphQLError]:
    """Errors for `{ }` without fields, which the parser takes although the grammar has none. Source: GraphQL
    specification, section 2.4."""
    stack = [node.selection_set for node in document.definitions if isinstance(node, ExecutableDefinitionNode)]
    while stack:
        selections = stack.pop()
        if not selections.selections and selections.loc is not None:
            yield GraphQLError(
                "Syntax Error: Expected a selection, found '}'. Name at least one field.",
                source=selections.loc.source,
                positions=[selections.loc.end - 1],
            )
        inner = (getattr(node, "selection_set", None) for node in selections.selections)
        stack += [found for found in inner if found is not None]


def _over_parser_limit(code: Code, tokens: int) -> RequestError:
    if code == Code.TOO_DEEP:
        return refusal(
            code,
            "This document is nested too deeply to be parsed. Select fewer levels, or split it into several requests.",
        )
    message = (
        f"This document has more than {tokens:,} tokens, which is the limit (setting DEALBOARD_MAX_TOKENS). "
        "Pass values as variables, use fragments, or split it into several requests."
    )
    return refusal(code, message, limit=tokens)


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = {
        node.name.value if node.name else None: node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    names = ", ".join(sorted(f'"{found}"' for found in operations if found)[:10])
    if not operations:
        raise _unresolved("This document has only fragments. Add an operation.")
    if name is None and len(operations) == 1:
        return next(iter(operations.values()))
    if name is None:
        raise _unresolved(
            f"This document holds {len(operations)} operations: send the name of one as operationName. It has {names}."
        )
    if name not in operations:
        raise _unresolved(f'This document has no operation "{name}"; it has {names or "one without a name"}.')
    return operations[name]


def _unresolved(message: str) -> RequestError:
    return RequestError([error(Code.OPERATION_RESOLUTION_FAILURE, message)])


def _coded(found: GraphQLError, code: Code) -> GraphQLError:
    """The error with a code, its own or this one; without the syntax tree and the stack, which the cache would keep
    alive."""
    extensions = {"code": str(code), **(found.extensions or {})}
    return GraphQLError(found.message, source=found.source, positions=found.positions, extensions=extensions)
