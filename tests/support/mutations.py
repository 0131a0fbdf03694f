"""Mutations by name: how tests send them, the parts of their inputs, and the codes they answer."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_object_type,
)

from engine.publish.fields import IDS
from engine.read.arguments import DEFINITION
from schema.api import graphql_schema

Path = tuple[str, ...]

MUTATIONS = graphql_schema.mutation_type.fields


PERSONAL = frozenset(
    "markNotificationsRead setNotificationSettings muteRecord unmuteRecord createCalendarFeed rotateCalendarFeed"
    " deleteCalendarFeed".split()
)
"""Changes of what is the caller's alone. They are no events, because nobody else is to know of them."""


SHOWN_ONCE = {
    "createCalendarFeed": "path",
    "rotateCalendarFeed": "path",
    "createWebhook": "secret",
    "rotateWebhookSecret": "secret",
}
"""The fields of payloads that are secrets. They are not stored with the outcome, so a retry shows null."""


def mutation_of(name: str) -> str:
    """The mutation of a recipe: `convertLead, making a customer` is one of `convertLead`."""
    return name.partition(",")[0]


def shown(name: str) -> str:
    """A selection of all fields of a payload: the ids of records, and what the change itself returns."""

    def selection(type_: GraphQLObjectType) -> str:
        if "id" in type_.fields:
            return "{ id }"
        inner = [key + selected(field) for key, field in type_.fields.items() if key != "userErrors"]
        return "{ __typename " + " ".join(inner) + " }"

    def selected(field: Any) -> str:
        type_ = get_named_type(field.type)
        return " " + selection(type_) if is_object_type(type_) else ""

    payload = get_named_type(MUTATIONS[mutation_of(name)].type)
    return selection(payload)[1:-1]


def codes(body: Mapping[str, Any]) -> set[str]:
    """Every code by which a response refuses the whole change or one of its records."""
    if "errors" in body:
        return {error["extensions"]["code"] for error in body["errors"]}
    payload = body["data"]["result"]
    results = [row["code"] for row in payload.get("results") or () if row.get("code")]
    return {error["code"] for error in payload["userErrors"]} | set(results)


def input_of(name: str) -> GraphQLInputObjectType:
    """The input type of a recipe's mutation."""
    type_ = get_named_type(MUTATIONS[mutation_of(name)].args["input"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    return type_


def leaves(type_: GraphQLInputObjectType, depth: int = 2) -> Iterator[tuple[Path, Any]]:
    """The path and the definition of each input field that is not an input object itself."""
    for key, field in type_.fields.items():
        inner = get_named_type(field.type)
        if not isinstance(inner, GraphQLInputObjectType):
            yield (key,), field
        elif depth:
            yield from (((key, *path), leaf) for path, leaf in leaves(inner, depth - 1))


def given_ids(type_: GraphQLInputObjectType, given: Any) -> Iterator[Path]:
    """The paths of ids in an input; of a list, those in its first entry."""
    for path, field in leaves(type_):
        if not field.extensions[DEFINITION].metadata.get(IDS):
            continue
        value: Any = given
        for key in path:
            value = value[0] if isinstance(value, list) else value
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield (*path, "0") if isinstance(value, list) else path


def replaced(given: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The input with another value at a path."""
    changed = deepcopy(given)
    at: Any = changed
    for key in path[:-1]:
        at = at[0] if isinstance(at, list) else at
        at = at if key == "0" else at.setdefault(key, {})
    if isinstance(at, list):
        at[0] = value if path[-1] == "0" else {**at[0], path[-1]: value}
    else:
        at[path[-1]] = value
    return changed


def at(given: Any, path: Path) -> Any:
    """The value at a path; of a list, that in its first entry."""
    for key in path:
        given = given[0] if isinstance(given, list) else given
        given = given if key == "0" else given[key]
    return given
