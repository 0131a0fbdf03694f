"""Mutations: from the input to the arguments of a change, and from what it did to the payload that was asked for.

Each root field is one transaction (engine.change.transaction); they run one after the other. The records of a payload
are then read as any read is, in one statement; the rest of it is made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

import orjson
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_object_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from sqlalchemy import ARRAY, Uuid, bindparam, column, func, select
from sqlalchemy.types import TypeEngine

from engine.change.idempotency import Idempotency
from engine.publish.fields import IDS, ITEMS, REF
from engine.read.arguments import DEFINITION, python_name
from engine.read.compiler import Compiled, Compiler, Fields, Grouped
from engine.read.rows import ROOT, Rows, rows
from models.rules.ids import WrongId, parse_id
from models.rules.refusal import Refusal, Refused
from models.rules.text import unstorable

LONGEST_KEY = 200


def change_input(
    field: GraphQLField, node: FieldNode, variables: VariableValues
) -> tuple[dict[str, Any], Idempotency | None]:
    """The keyword arguments of a change, and its idempotency key. Raises `Refused` for what cannot be taken."""
    given = get_argument_values(field, node, variables)["input"]
    type_ = get_named_type(field.args["input"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    values = _converted(type_, given, ())
    key = values.pop("idempotency_key", None)
    if key is None:
        return values, None
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refused(Refusal.INVALID, f"An idempotency key has 1 to {LONGEST_KEY} characters.", "idempotencyKey")
    body = orjson.dumps([node.name.value, values], default=str, option=orjson.OPT_SORT_KEYS)
    return values, Idempotency(key, sha256(body).hexdigest())


def _converted(type_: GraphQLInputObjectType, given: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """An input with Python names, and UUIDs in the place of ids."""
    converted = {}
    for name, value in given.items():
        field = type_.fields[name]
        prefixes = field.extensions[DEFINITION].metadata.get(IDS)
        converted[python_name(name)] = _convert(get_named_type(field.type), prefixes, value, (*path, name))
    return converted


def _convert(type_: Any, prefix: str | None, value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_convert(type_, prefix, item, (*path, str(at))) for at, item in enumerate(value)]
    if isinstance(value, dict):
        return _converted(type_, value, path)
    if isinstance(value, Enum):
        return value.value
    if not isinstance(value, str):
        return value
    if prefix is not None:
        try:
            return parse_id(prefix, value)
        except WrongId as wrong:
            raise Refused(Refusal.WRONG_ID, str(wrong), *path) from wrong
    if why := unstorable(value):
        raise Refused(Refusal.INVALID, why, *path)
    return value


@dataclass(frozen=True, eq=False)
class PayloadPlan:
    """How a payload is made: the statement that reads its records, one column each, and the type's other fields."""

    type: GraphQLObjectType
    grouped: Grouped
    records: tuple[str, ...]
    items: Mapping[str, tuple[str, ...]]
    compiled: Compiled | None
    compiler: Compiler

    def ids(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that name the records, from what the change showed."""
        ids = {_parameter(name): shown.get(name) for name in self._references() - self.items.keys()}
        for name, columns in self.items.items():
            found = shown.get(name)
            for key in columns:
                ids[_parameter(name, key)] = None if found is None else [item[key] for item in found]
        return ids

    def _references(self) -> set[str]:
        return {python_name(self.grouped[key][0].node.name.value) for key in self.records}

    def rendered(self, shown: Mapping[str, Any], texts: Mapping[str, str | None]) -> dict[str, Any]:
        """The payload's object; `texts` holds the JSON of its records, by response key."""
        return {
            key: self._record(fields, shown, texts[key]) if key in texts else self._plain(self.type, fields, shown)
            for key, fields in self.grouped.items()
        }

    def _record(self, fields: Fields, shown: Mapping[str, Any], text: str | None) -> orjson.Fragment:
        """Records that were read; nothing may have been when the change shows none, or an empty list of them."""
        named = shown.get(python_name(fields[0].node.name.value))
        return orjson.Fragment("null" if named is None else text or ("[]" if named == [] else "null"))

    def _plain(self, type_: GraphQLObjectType, fields: Fields, values: Mapping[str, Any]) -> Any:
        """A field whose value the change itself gave."""
        name = fields[0].node.name.value
        if name == "__typename":
            return type_.name
        value = values.get(python_name(name))
        named = get_named_type(type_.fields[name].type)
        if not is_object_type(named) or value is None:
            return value
        grouped = self.compiler.selected(named, fields)

        def object_of(item: Mapping[str, Any]) -> dict[str, Any]:
            return {key: self._plain(named, inner, item) for key, inner in grouped.items()}

        return [object_of(item) for item in value] if isinstance(value, list) else object_of(value)


def plan_payload(compiler: Compiler, field: GraphQLField, fields: Fields) -> PayloadPlan:
    """Compile the selections of a mutation's payload."""
    type_ = get_named_type(field.type)
    assert isinstance(type_, GraphQLObjectType)
    grouped = compiler.selected(type_, fields)
    columns: dict[str, Any] = {}
    items: dict[str, tuple[str, ...]] = {}
    for key, inner in grouped.items():
        name = inner[0].node.name.value
        definition = type_.fields.get(name)
        metadata = definition.extensions[DEFINITION].metadata if definition else {}
        if definition is None or not metadata.keys() & {REF, ITEMS}:
            continue
        if ITEMS in metadata:
            items[python_name(name)] = tuple(metadata[ITEMS])
            found = Rows(Items, Items(python_name(name), metadata[ITEMS]), ())
        else:
            listed = is_list_type(get_nullable_type(definition.type))
            found = _named_rows(metadata[REF], python_name(name), listed)
        shown = compiler.shown(found, definition.type, inner, ROOT)
        columns[key] = shown.label(f"c{len(columns)}")
    compiled = compiler.finished(select(*columns.values())) if columns else None
    return PayloadPlan(type_, grouped, tuple(columns), items, compiled, compiler)


def _named_rows(model: type[Any], name: str, listed: bool) -> Rows:
    if not listed:
        return rows(model, bindparam(_parameter(name), type_=Uuid()))
    ids = bindparam(_parameter(name), type_=ARRAY(Uuid()))
    found = rows(model)
    return found.where(found.entity.id == func.any(ids)).ordered(func.array_position(ids, found.entity.id))


class Items:
    """Objects of a payload that are made from values of the change: a row each, with these columns."""

    def __init__(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> None:
        lists = [bindparam(_parameter(name, key), type_=ARRAY(type_)) for key, type_ in columns.items()]
        named = [column(key, type_) for key, type_ in columns.items()]
        self.clause = func.unnest(*lists).table_valued(*named).render_derived()

    def __getattr__(self, name: str) -> Any:
        if name not in self.clause.c:
            raise AttributeError(name)
        return self.clause.c[name]

    def __clause_element__(self) -> Any:
        return self.clause


def _parameter(*names: str) -> str:
    return "_".join(("shown", *names))
