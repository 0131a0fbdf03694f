"""Inputs: from the input of a mutation to the keyword arguments of its change."""

from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from graphql import FieldNode, GraphQLField, GraphQLInputObjectType, get_named_type
from graphql.execution.values import VariableValues, get_argument_values

from engine.change.idempotency import Idempotency
from engine.publish.fields import IDS, InputChecks
from engine.read.arguments import DEFINITION, python_name
from models.rules.ids import WrongId, parse_id
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import unstorable

LONGEST_KEY = 200

STAND_IN = UUID(int=0)
"""What the checks of an input see for an id that is refused already: an id, as they expect."""


def change_input(
    field: GraphQLField, node: FieldNode, variables: VariableValues, checks: InputChecks | None = None
) -> tuple[dict[str, Any], Idempotency | None]:
    """The keyword arguments of a change, and its idempotency key.

    Raises `Refused` for all invalid values: those that no change takes, and when there are any, those that the `checks`
    of this change refuse. Without any, the change makes its checks itself.
    """
    given = get_argument_values(field, node, variables)["input"]
    type_ = get_named_type(field.args["input"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    with Checks() as check:
        values = _converted(type_, given, (), check)
        key = values.pop("idempotency_key", None)
        check(_expect_short, key)
        if check.refused and checks is not None:
            check(checks, values)
    if key is None:
        return values, None
    if values.get("dry_run"):
        # It saves nothing, so there is nothing to do once; and the key is free for the change itself.
        return values, None
    body = orjson.dumps([node.name.value, values], default=str, option=orjson.OPT_SORT_KEYS)
    return values, Idempotency(key, sha256(body).hexdigest())


def _expect_short(key: str | None) -> None:
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise Refused(Refusal.INVALID, f"An idempotency key has 1 to {LONGEST_KEY} characters.", "idempotencyKey")


def _converted(
    type_: GraphQLInputObjectType, given: Mapping[str, Any], path: tuple[str, ...], check: Checks
) -> dict[str, Any]:
    """An input with Python names, and with UUIDs in place of public ids."""
    converted = {}
    for name, value in given.items():
        field = type_.fields[name]
        prefixes = field.extensions[DEFINITION].metadata.get(IDS)
        converted[python_name(name)] = _convert(get_named_type(field.type), prefixes, value, (*path, name), check)
    return converted


def _convert(type_: Any, prefix: str | None, value: Any, path: tuple[str, ...], check: Checks) -> Any:
    if isinstance(value, list):
        return [_convert(type_, prefix, item, (*path, str(at)), check) for at, item in enumerate(value)]
    if isinstance(value, dict):
        return _converted(type_, value, path, check)
    if isinstance(value, Enum):
        return value.value
    if not isinstance(value, str):
        return value
    if prefix is not None:
        return check(_id, prefix, value, *path) or STAND_IN
    check(_text, value, *path)
    return value


def _id(prefix: str, value: str, *path: str) -> UUID:
    try:
        return parse_id(prefix, value)
    except WrongId as wrong:
        raise Refused(Refusal.WRONG_ID, str(wrong), *path) from wrong


def _text(value: str, *path: str) -> str:
    if why := unstorable(value):
        raise Refused(Refusal.INVALID, why, *path)
    return value
