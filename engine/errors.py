"""The errors a client sees outside of a payload: their codes, and their shape on the wire.

RequestError    the request is refused, and nothing of it was executed
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Self

import orjson
from graphql import GraphQLError

LONGEST_MESSAGE = 600
"""Characters of a message that are sent. graphql-core quotes the offending value in full, be it a megabyte."""


class Code(StrEnum):
    """`extensions.code` of an error: what a program may branch on. Messages are for people and may change."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """A member that is its value, and knows its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    BAD_REQUEST = (
        "BAD_REQUEST",
        "The request is not one that GraphQL over HTTP allows. Mend it; the message says how.",
    )
    UNAUTHENTICATED = (
        "UNAUTHENTICATED",
        "The token is missing, malformed, expired or signed with another key. Send a new token.",
    )
    FORBIDDEN = (
        "FORBIDDEN",
        "The caller may not do this: too low a role, another organisation, or revoked access. Ask an admin.",
    )
    GRAPHQL_PARSE_FAILED = (
        "GRAPHQL_PARSE_FAILED",
        "The document is not GraphQL. `locations` names the line.",
    )
    GRAPHQL_VALIDATION_FAILED = (
        "GRAPHQL_VALIDATION_FAILED",
        "The document does not fit the schema. Compare it with `schema.graphql`.",
    )
    OPERATION_RESOLUTION_FAILURE = (
        "OPERATION_RESOLUTION_FAILURE",
        "The document holds several operations and `operationName` names none of them. Send one that it holds.",
    )
    BAD_USER_INPUT = (
        "BAD_USER_INPUT",
        "A variable or an argument cannot be used. The message names it and says what to send.",
    )
    NOT_FOUND = (
        "NOT_FOUND",
        "A subscription names a record that your organisation does not have and never had. Check the id.",
    )
    CURSOR_EXPIRED = (
        "CURSOR_EXPIRED",
        "The events after this cursor are no longer all kept. Query records and `cursor` anew, then subscribe.",
    )
    TOO_DEEP = (
        "TOO_DEEP",
        "The document is nested too deeply. Ask for less at once.",
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
        "The document has too many fields, fragments written out. Split it.",
    )
    TOO_MANY_ROOT_FIELDS = (
        "TOO_MANY_ROOT_FIELDS",
        "The document has too many root fields. Split it.",
    )
    TOO_MANY_SUBSCRIPTIONS = (
        "TOO_MANY_SUBSCRIPTIONS",
        "The socket has as many subscriptions as are allowed. Complete one, or open another socket.",
    )
    TOO_MANY_TOKENS = (
        "TOO_MANY_TOKENS",
        "The document has too many tokens. Split it.",
    )
    TOO_COSTLY = (
        "TOO_COSTLY",
        "The query could return too many rows. Ask for smaller pages.",
    )
    RATE_LIMITED = (
        "RATE_LIMITED",
        "The caller has too much open or sends too much. Wait, and send it again.",
    )
    SERVICE_UNAVAILABLE = (
        "SERVICE_UNAVAILABLE",
        "The database or the keys for tokens cannot be reached. Send it again in a moment.",
    )
    DATABASE_FULL = (
        "DATABASE_FULL",
        "The disk of the database is full: reads work, changes do not. Ask the operator of the server to free space.",
    )
    INTERNAL_SERVER_ERROR = (
        "INTERNAL_SERVER_ERROR",
        "Something went wrong on the server. `extensions.errorId` is the id under which the log says what.",
    )


class RequestError(Exception):
    """A request that is refused before anything of it is executed; every error carries `extensions.code`."""

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
    """The code of an error; BAD_REQUEST where none was given."""
    return str((graphql_error.extensions or {}).get("code", Code.BAD_REQUEST))


def format_errors(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """The errors as the GraphQL specification (section 7.1.2) shapes them, with long messages shortened."""
    return [{**graphql_error.formatted, "message": _shortened(graphql_error.message)} for graphql_error in errors]


def encode_errors(errors: Iterable[GraphQLError]) -> bytes:
    """The complete response of a refused request: `{"errors":[…]}`, without a `data` entry."""
    return orjson.dumps({"errors": format_errors(errors)})


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    return f"{message[:LONGEST_MESSAGE]}… ({len(message)} characters)"
