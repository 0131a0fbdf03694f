"""The messages of graphql-transport-ws: reading what a client sends, and writing what it gets."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from graphql import GraphQLError

from engine.errors import format_errors

LONGEST_ID = 200
"""Characters of an operation's id."""


UNKNOWN = "Send an object whose `type` is one of graphql-transport-ws"


class Closing(Exception):
    """The client sent something that ends the connection. `code` is one of `CLOSE_CODES`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Unreadable(Exception):
    """A `subscribe` that is a message, but whose payload cannot be read: that ends the operation, not the socket."""

    def __init__(self, id_: str, reason: str) -> None:
        super().__init__(reason)
        self.id = id_
        self.reason = reason


def parsed(text: str | None, most: int) -> dict[str, Any]:
    """The message in a frame of at most `most` characters; `text` is None for a binary frame.

    Raises `Closing`, or `Unreadable` where the message is JSON with a value that this server does not take, such as
    half of a surrogate pair.
    """
    if text is None:
        raise Closing(4400, "Send messages as JSON in text frames, not in binary ones")
    if len(text) > most:
        raise Closing(4400, f"Send messages of at most {most:,} characters")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        id_ = _subscribes(text)
        if id_ is not None:
            reason = f"The payload holds text or a number that cannot be used: {wrong}. Send whole characters."
            raise Unreadable(id_, reason) from wrong
        raise Closing(4400, f"Send messages as JSON: {wrong}") from wrong
    if not isinstance(message, dict):
        raise Closing(4400, UNKNOWN)
    return message


def _subscribes(text: str) -> str | None:
    """The id of the operation of a `subscribe` that a more lenient parser can read."""
    try:
        message = json.loads(text, parse_constant=_no_json)
        id_ = id_of(message) if isinstance(message, dict) and message.get("type") == "subscribe" else None
        return id_ if id_ is None else id_.encode().decode()
    except (ValueError, RecursionError, Closing):
        return None


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def id_of(message: dict[str, Any]) -> str:
    """The id of the operation that a message is about. Raises `Closing`."""
    id_ = message.get("id")
    if not isinstance(id_, str) or not 1 <= len(id_) <= LONGEST_ID:
        raise Closing(4400, f"Send `id` as a string of 1 to {LONGEST_ID} characters")
    return id_


def payload_of(message: dict[str, Any]) -> dict[str, Any] | None:
    """The payload of a message, if it has one. Raises `Closing`."""
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise Closing(4400, "Send `payload` as an object")
    return payload


def credentials_of(message: dict[str, Any]) -> tuple[str | None, str | None]:
    """The token and the organisation in a `connection_init`, under names in any case. Raises `Closing`."""
    given = payload_of(message) or {}
    payload = {key.lower(): value for key, value in given.items()}
    if sum(key.lower() in ("authorization", "orgid") for key in given) > len(
        payload.keys() & {"authorization", "orgid"}
    ):
        raise Closing(4400, "Send `Authorization` and `orgid` in the payload of connection_init once each")
    authorization, orgid = payload.get("authorization"), payload.get("orgid")
    if not isinstance(authorization, str | None) or not isinstance(orgid, str | None):
        raise Closing(4400, "Send `Authorization` and `orgid` in the payload of connection_init as strings")
    return authorization, orgid


def acknowledged(cursor: str | None) -> str:
    """The message that admits the caller, with a cursor to resume after if the connection is lost at once."""
    return _with_payload("connection_ack", {"cursor": cursor} if cursor else None)


def pinged(cursors: Mapping[str, str]) -> str:
    """A ping, with the cursor that each operation resumes after, by its id."""
    return _with_payload("ping", {"cursors": cursors} if cursors else None)


def _with_payload(type_: str, payload: Mapping[str, Any] | None) -> str:
    message = {"type": type_} if payload is None else {"type": type_, "payload": payload}
    return orjson.dumps(message).decode()


def failed(id_: str, errors: Iterable[GraphQLError]) -> str:
    """The message that ends an operation with errors. `id_` is already JSON."""
    return f'{{"id":{id_},"type":"error","payload":{orjson.dumps(format_errors(errors)).decode()}}}'
