"""The errors a client sees outside of a payload: their codes, and their shape on the wire.

RequestError    the request is refused, and nothing of it was executed
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Self

import orjson
from graphql import GraphQLError

LONGEST_MESSAGE = 600
"""Characters of an error message. graphql-core quotes the offending value in full, even a megabyte."""


class Code(StrEnum):
    """`extensions.code` of an error: for programs to branch on. Messages are for people and may change."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """A member equals its value, and has its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    BAD_REQUEST = (
        "BAD_REQUEST",
        "The request is not valid GraphQL over HTTP. Correct it as the message says.",
    )
    UNAUTHENTICATED = (
        "UNAUTHENTICATED",
        "The token is missing, malformed, expired or signed with another key. Send a new token.",
    )
    FORBIDDEN = (
        "FORBIDDEN",
        "The caller's role is too low, the organisation is not the token's, or access was revoked. Ask an admin.",
    )
    GRAPHQL_PARSE_FAILED = (
        "GRAPHQL_PARSE_FAILED",
        "The document has a syntax error. `locations` names the line.",
    )
    GRAPHQL_VALIDATION_FAILED = (
        "GRAPHQL_VALIDATION_FAILED",
        "The document does not fit the schema. Compare it with `schema.graphql`.",
    )
    INTROSPECTION_DISABLED = (
        "INTROSPECTION_DISABLED",
        "This server does not answer `__schema` and `__type`. Read the schema from `schema.graphql`.",
    )
    PERSISTED_QUERY_NOT_FOUND = (
        "PERSISTED_QUERY_NOT_FOUND",
        "No trusted document has this id. Send the document itself, or have it added to the manifest.",
    )
    PERSISTED_QUERY_NOT_SUPPORTED = (
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "The server has no trusted documents, and keeps none that clients send. Send the document itself.",
    )
    DOCUMENT_NOT_TRUSTED = (
        "DOCUMENT_NOT_TRUSTED",
        "The server runs only its trusted documents. Send the `documentId` of one.",
    )
    OPERATION_RESOLUTION_FAILURE = (
        "OPERATION_RESOLUTION_FAILURE",
        "`operationName` selects no operation of the document. Send the name of one that it has.",
    )
    BAD_USER_INPUT = (
        "BAD_USER_INPUT",
        "A variable or an argument is invalid. `extensions.argument` names it, `extensions.path` leads to the part.",
    )
    NOT_FOUND = (
        "NOT_FOUND",
        "A subscription names a record that your organisation does not have and never had. Check the id.",
    )
    CURSOR_EXPIRED = (
        "CURSOR_EXPIRED",
        "Some events after this cursor were deleted. Query the records and `cursor` again, then subscribe.",
    )
    TOO_DEEP = (
        "TOO_DEEP",
        "The document is nested too deeply. Select fewer levels.",
    )
    TOO_LONG = (
        "TOO_LONG",
        "The document has too many characters. Split it.",
    )
    TOO_MANY_ALIASES = (
        "TOO_MANY_ALIASES",
        "The document has too many aliases. Split it.",
    )
    TOO_MANY_FIELDS = (
        "TOO_MANY_FIELDS",
        "The document has too many fields, with fragments expanded. Split it.",
    )
    TOO_MANY_ROOT_FIELDS = (
        "TOO_MANY_ROOT_FIELDS",
        "The document has too many root fields. Split it.",
    )
    TOO_MANY_SUBSCRIPTIONS = (
        "TOO_MANY_SUBSCRIPTIONS",
        "The socket or the member has as many subscriptions as are allowed. Complete one first.",
    )
    TOO_MANY_TOKENS = (
        "TOO_MANY_TOKENS",
        "The document has too many tokens. Split it.",
    )
    TOO_MANY_VALUES = (
        "TOO_MANY_VALUES",
        "The variables hold too many values. Send them in several requests.",
    )
    TOO_COSTLY = (
        "TOO_COSTLY",
        "The operation could read too many rows, or costs more than a minute's units. Ask for smaller pages.",
    )
    ANSWER_TOO_LARGE = (
        "ANSWER_TOO_LARGE",
        "The answer has too many bytes. Ask for fewer rows or fields, or in several requests.",
    )
    RATE_LIMITED = (
        "RATE_LIMITED",
        "The caller has too many connections, sends too many messages, or has used up its units of cost. Wait, for"
        " `extensions.retryAfter` seconds if it is there, then try again.",
    )
    TIMED_OUT = (
        "TIMED_OUT",
        "The operation took longer than it may, and was stopped. Ask for less, or change fewer records at once.",
    )
    SERVICE_UNAVAILABLE = (
        "SERVICE_UNAVAILABLE",
        "The database or the keys that verify tokens cannot be reached. Try again in a moment.",
    )
    DATABASE_FULL = (
        "DATABASE_FULL",
        "The disk of the database is full: reads work, changes do not. Ask the operator of the server to free space.",
    )
    INTERNAL_SERVER_ERROR = (
        "INTERNAL_SERVER_ERROR",
        "Something went wrong on the server. `extensions.errorId` identifies the entry in its log.",
    )


class RequestError(Exception):
    """A request that is refused before any of it is executed; every error carries `extensions.code`."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = list(errors)

    @property
    def code(self) -> str:
        """The code of the first error, which decides an HTTP status."""
        return code_of(self.errors[0]) if self.errors else Code.INTERNAL_SERVER_ERROR


def error(code: str, message: str, **extensions: Any) -> GraphQLError:
    """A GraphQL error with its code."""
    return GraphQLError(message, extensions={"code": str(code), **extensions})


def refusal(code: str, message: str, **extensions: Any) -> RequestError:
    """A refusal for one reason."""
    return RequestError([error(code, message, **extensions)])


def code_of(graphql_error: GraphQLError) -> str:
    """The code of an error; BAD_REQUEST if it has none."""
    return str((graphql_error.extensions or {}).get("code", Code.BAD_REQUEST))


def format_errors(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """The errors in the format of the GraphQL specification (section 7.1.2), with long messages shortened."""
    return [{**graphql_error.formatted, "message": _shortened(graphql_error.message)} for graphql_error in errors]


def encode_errors(errors: Iterable[GraphQLError]) -> bytes:
    """The complete response of a refused request: `{"errors":[…]}`, without a `data` entry."""
    return orjson.dumps({"errors": format_errors(errors)})


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    return f"{message[:LONGEST_MESSAGE]}… ({len(message)} characters)"
