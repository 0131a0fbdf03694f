"""The published schema: committed as it is, described without a gap, and named by one pattern."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from engine.publish.fields import ROLE
from engine.read.arguments import DEFINITION
from schema.api import graphql_schema, sdl

COMMITTED = Path(__file__).parents[2] / "schema.graphql"

OWN = {
    name: type_
    for name, type_ in graphql_schema.type_map.items()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
}
OBJECTS = {name: type_ for name, type_ in OWN.items() if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)}


def published() -> Iterator[tuple[str, Any]]:
    """Everything that can have a description, by its path: `Lead`, `Lead.tasks`, `Lead.tasks(first:)`,
    `StageKind.WON`."""
    for name, type_ in OWN.items():
        yield name, type_
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{name}.{key}", value) for key, value in type_.values.items())
        for key, field in getattr(type_, "fields", {}).items():
            yield f"{name}.{key}", field
            yield from ((f"{name}.{key}({arg}:)", given) for arg, given in getattr(field, "args", {}).items())


def test_the_committed_schema_is_that_of_the_code() -> None:
    """schema.graphql equals the served schema."""
    assert COMMITTED.read_text() == sdl(), "schema.graphql is stale: run `dealboard schema > schema.graphql`"


def test_everything_has_a_description() -> None:
    """Each name in GraphiQL has an explanation, which is a sentence."""
    missing = [path for path, node in published() if not (node.description or "").strip()]
    assert missing == []
    unfinished = [path for path, node in published() if not re.search(r"[.!?`…]$", node.description.strip())]
    assert unfinished == []


def test_names_follow_the_conventions() -> None:
    """Types are PascalCase, fields and arguments camelCase, enum values UPPER_CASE."""
    patterns = {True: r"[A-Z][A-Za-z0-9]*", False: r"[a-z][A-Za-z0-9]*"}
    odd = []
    for path, _ in published():
        names = re.split(r"[.(]", path.rstrip(":)"))
        is_value = len(names) == 2 and isinstance(OWN[names[0]], GraphQLEnumType)
        pattern = r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*" if is_value else patterns[len(names) == 1]
        if not re.fullmatch(pattern, names[-1]):
            odd.append(path)
    assert odd == []


def test_a_change_takes_one_input_and_answers_its_payload() -> None:
    """Each mutation is like `convertLead(input: ConvertLeadInput!): ConvertLeadPayload`, with `userErrors:
    [UserError!]!`."""
    mutation = graphql_schema.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        word = name[0].upper() + name[1:]
        assert {key: str(argument.type) for key, argument in field.args.items()} == {"input": f"{word}Input!"}, name
        assert str(field.type) == f"{word}Payload", name
        payload = OBJECTS[f"{word}Payload"]
        assert str(payload.fields["userErrors"].type) == "[UserError!]!", name
        given = OWN[f"{word}Input"]
        assert isinstance(given, GraphQLInputObjectType)
        assert "idempotencyKey" in given.fields, name


def test_a_change_says_which_role_it_needs() -> None:
    """An app learns from the published schema what to offer to which role."""
    mutation = graphql_schema.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        role = field.extensions[DEFINITION].metadata[ROLE]
        assert f" Needs the role {role.value}" in (field.description or ""), name


def test_an_update_speaks_of_no_defaults() -> None:
    """An omitted field of an update stays as it is, so the descriptions of the creating input do not fit there."""
    for name, type_ in OWN.items():
        if name.startswith("Update") and isinstance(type_, GraphQLInputObjectType):
            for key, field in type_.fields.items():
                assert not re.search(r"by default|[Oo]mitted, (?:your|now|never)", field.description or ""), (
                    f"{name}.{key}"
                )


def test_what_may_be_missing_is_nullable() -> None:
    """A record by id may be missing. Lists never are, even if empty, and hold no nulls, except for `nodes`."""
    query = graphql_schema.query_type
    assert query is not None
    nullable = {name for name, field in query.fields.items() if not isinstance(field.type, GraphQLNonNull)}
    single = {name: field for name, field in query.fields.items() if not str(field.type).startswith("[")}
    by_id = {name for name, field in single.items() if field.args.keys() & {"id", "pipelineId"}}
    assert nullable == by_id
    for name, type_ in OBJECTS.items():
        for key, field in type_.fields.items():
            text = str(field.type)
            if text.startswith("[") and key != "nodes":
                # a refused change returns no record, and an error may have no field
                expected = "!]" if name.endswith("Payload") or name == "UserError" else "!]!"
                assert text.endswith((expected, "!]!")), f"{name}.{key}"


def test_connections_are_like_relay_has_them() -> None:
    """Every connection has edges, nodes, pageInfo, totalCount and count, and every field of one takes all four
    arguments."""
    for name, type_ in OBJECTS.items():
        if name.endswith("Connection"):
            item = name.removesuffix("Connection")
            assert {key: str(field.type) for key, field in type_.fields.items()} == {
                "edges": f"[{item}Edge!]!",
                "nodes": f"[{item}!]!",
                "pageInfo": "PageInfo!",
                "totalCount": "Int!",
                "count": "Count!",
            }
            edge = OBJECTS[f"{item}Edge"]
            expected = {"cursor": "Cursor!", "node": f"{item}!"}
            assert {key: str(field.type) for key, field in edge.fields.items()} == expected
        for key, field in type_.fields.items():
            if get_named_type(field.type).name.endswith("Connection"):
                paging = {argument: str(field.args[argument].type) for argument in ("first", "after", "last", "before")}
                assert paging == {"first": "Int", "after": "Cursor", "last": "Int", "before": "Cursor"}, (name, key)


UNFETCHED = {"Viewer", "Organisation", "Notification", "ForecastSubmission"}


def test_what_has_an_id_can_be_fetched_again() -> None:
    """Every type with an id is a Node, so `node(id:)` finds it, except for events, the caller and its organisation, and
    for notifications, which are the caller's alone, and submissions, which nothing names."""
    for name, type_ in OBJECTS.items():
        if "id" in type_.fields and isinstance(type_, GraphQLObjectType) and name not in UNFETCHED:
            assert {"Node", "Event"} & {interface.name for interface in type_.interfaces}, name
            assert str(type_.fields["id"].type) == "ID!", name


def test_own_scalars_say_where_they_are_specified() -> None:
    """Each custom scalar links to the standard that it follows."""
    scalars = [type_ for type_ in OWN.values() if type(type_).__name__ == "GraphQLScalarType"]
    assert scalars
    assert [scalar.name for scalar in scalars if not scalar.specified_by_url] == []
