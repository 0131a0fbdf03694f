"""Payloads: one statement reads the records that a mutation returns, as any read does; the other fields are built
here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from sqlalchemy import ARRAY, ColumnElement, Uuid, bindparam, column, exists, func, literal_column, select
from sqlalchemy.types import TypeEngine

from engine.publish.fields import ITEMS, READ, REF
from engine.read.arguments import DEFINITION, python_name
from engine.read.bound_statement import BoundStatement
from engine.read.compiler import Compiler, Fields, Grouped
from engine.read.rows import ROOT, Rows, rows


@dataclass(frozen=True, eq=False)
class PayloadPlan:
    """How to build a payload: the statement that reads its records, one column each, and the type's other fields."""

    type: GraphQLObjectType
    grouped: Grouped
    records: tuple[str, ...]
    items: Mapping[str, tuple[str, ...]]
    compiled: BoundStatement | None
    compiler: Compiler

    def ids(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that name the records, from the result of the change."""
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
        """The records that were read; none are read if the change returns none, or an empty list."""
        named = shown.get(python_name(fields[0].node.name.value))
        return orjson.Fragment("null" if named is None else text or ("[]" if named == [] else "null"))

    def _plain(self, type_: GraphQLObjectType, fields: Fields, values: Mapping[str, Any]) -> Any:
        """A field whose value is the change's own result."""
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
            item = items_of(python_name(name), metadata[ITEMS])
            there = _still_there(compiler, get_named_type(definition.type), inner, item)
            found: Rows = ItemRows(Items, item, there).ordered(item.nth)
        else:
            listed = is_list_type(get_nullable_type(definition.type))
            found = _named_rows(metadata[REF], python_name(name), listed)
        shown = compiler.shown(found, definition.type, inner, ROOT)
        columns[key] = shown.label(f"c{len(columns)}")
    compiled = compiler.finished(select(*columns.values())) if columns else None
    return PayloadPlan(type_, grouped, tuple(columns), items, compiled, compiler)


def _still_there(compiler: Compiler, type_: Any, fields: Fields, item: Any) -> tuple[ColumnElement[bool], ...]:
    """That each record is still there which is asked of an item and which the schema promises. An item without one is
    left out: the record may have been deleted since the change, above all when the change was sent again."""
    needed = []
    for asked in compiler.selected(type_, fields).values():
        node = asked[0].node
        definition = type_.fields.get(node.name.value)
        if definition is None or not is_non_null_type(definition.type) or not is_object_type(definition.type.of_type):
            continue
        found = definition.extensions[DEFINITION].metadata[READ](item, compiler.arguments.of(definition, node))
        needed.append(exists(found.select(literal_column("1"))))
    return tuple(needed)


def _named_rows(model: type[Any], name: str, listed: bool) -> Rows:
    if not listed:
        return rows(model, bindparam(_parameter(name), type_=Uuid()))
    ids = bindparam(_parameter(name), type_=ARRAY(Uuid()))
    found = rows(model)
    return found.where(found.entity.id == func.any(ids)).ordered(func.array_position(ids, found.entity.id))


class Items:
    """Objects of a payload that are built from the change's own values: a row each, with these columns."""

    def __init__(self, clause: Any) -> None:
        self.clause = clause

    def __getattr__(self, name: str) -> Any:
        if name not in self.clause.c:
            raise AttributeError(name)
        return self.clause.c[name]

    def __clause_element__(self) -> Any:
        return self.clause


class ItemRows(Rows):
    """Items in the order of the change's values, which a join with the records that they name would lose."""

    def picked(self) -> Rows:
        """The same items, as a subquery."""
        return Rows(Items, Items(self.select(*self.entity.clause.c).subquery()), ())


def items_of(name: str, columns: Mapping[str, TypeEngine[Any]]) -> Items:
    """The items of a field, numbered: a list for each column is unnested."""
    lists = [bindparam(_parameter(name, key), type_=ARRAY(type_)) for key, type_ in columns.items()]
    named = [column(key, type_) for key, type_ in columns.items()]
    return Items(func.unnest(*lists).table_valued(*named, with_ordinality="nth").render_derived())


def _parameter(*names: str) -> str:
    return "_".join(("shown", *names))
