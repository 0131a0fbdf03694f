"""The errors a client sees outside of a payload: their codes, and their shape on the wire.

RequestError    the request is refused, and nothing of it was executed
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import orjson
from graphql import GraphQLError

LONGEST_MESSAGE = 600
"""Characters of a message that are sent. graphql-core quotes the offending value in full, be it a megabyte."""


class Code(StrEnum):
    """`extensions.code` of an error: what a program may decide on. Messages are for people and may change."""

    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    TOO_DEEP = "TOO_DEEP"
    TOO_LONG = "TOO_LONG"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    TOO_MANY_ROOT_FIELDS = "TOO_MANY_ROOT_FIELDS"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    TOO_COSTLY = "TOO_COSTLY"
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


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
