"""Mutations by name: how tests send them, and the codes they answer."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_object_type,
)

from schema.api import graphql_schema

MUTATIONS = graphql_schema.mutation_type.fields


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
