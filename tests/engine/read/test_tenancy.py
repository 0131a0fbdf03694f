"""A stranger's token against the whole API: another organisation's records are neither found nor changed."""

import re
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    get_named_type,
)

from models import organisation_id
from schema.api import graphql_schema
from tests.support.api import Api
from tests.support.reading.dataset import DEMO, ORGANISATIONS, OTHER, Tables
from tests.support.reading.records import NODES, public_id
from tests.support.reading.supply import PREFIXES

IDS_OF = {
    key: {table: [public_id(table, row["id"]) for row in tables[table]] for table in NODES}
    for key, tables in zip((DEMO, OTHER), ORGANISATIONS, strict=True)
}
"""Every public id of each organisation, by table."""

ID = re.compile(rf"\b({'|'.join(NODES)})_[0-9a-f]{{8}}-[0-9a-f-]{{27}}")


OF_THE_PAST = ("boardAsOf", "pipelineChange", "funnel", "stageFlow", "stageDurations")
REPORTS = (
    *("winRates", "lostReasonCounts", "velocity", "activityCounts", "leaderBoard", "leadSources", "report"),
    "scoreAnalytics",
)
"""Fields that need a moment or days beside the id: the tests in `reads/analytics`, `reads/reports` and `reads/scoring`
send them ids of strangers."""


def id_arguments() -> list[tuple[str, str, str | None]]:
    """Every place in a query where an id can be sent: the field, the argument, and the path within it."""
    found: list[tuple[str, str, str | None]] = []
    assert graphql_schema.query_type is not None
    for name, field in graphql_schema.query_type.fields.items():
        for key, argument in field.args.items() if name not in (*OF_THE_PAST, *REPORTS) else ():
            named = get_named_type(argument.type)
            if named.name == "ID":
                found.append((name, key, None))
            elif isinstance(named, GraphQLInputObjectType):
                parts = [part for part, inner in named.fields.items() if get_named_type(inner.type).name == "ID"]
                found.extend((name, key, part) for part in parts)
    return found


@pytest.mark.parametrize(("field", "argument", "part"), id_arguments())
async def test_ids_of_another_organisation_find_nothing(
    tables: Tables, api: Api, field: str, argument: str, part: str | None
) -> None:
    """A foreign id returns no record, an empty list or null, as an unknown id does; the caller's own ids are found."""
    name = part or argument
    wanted = PREFIXES.get(name) or (name[:-3] if name.endswith("Ids") else field)
    for prefix in NODES if wanted not in NODES else (wanted,):
        for id in IDS_OF[DEMO][prefix][:8]:
            assert nothing(await found(api, OTHER, field, argument, part, id))
    own = [
        await found(api, DEMO, field, argument, part, id) for id in IDS_OF[DEMO][wanted if wanted in NODES else "lead"]
    ]
    assert not all(map(nothing, own))


async def found(api: Api, organisation: str, field: str, argument: str, part: str | None, id: str) -> Any:
    """What a root field returns for an id sent in one of its arguments."""
    assert graphql_schema.query_type is not None
    definition = graphql_schema.query_type.fields[field]
    type_ = str(definition.args[argument].type)
    value: Any = [id] if type_.startswith("[") else id
    if part is not None:
        inputs = get_named_type(definition.args[argument].type)
        assert isinstance(inputs, GraphQLInputObjectType)
        value = {part: [id] if str(inputs.fields[part].type).startswith("[") else id}
    id_field = "eventId" if field == "changeLog" else "id"
    listed = str(definition.type).endswith("Connection!")
    has_id = "id" in getattr(get_named_type(definition.type), "fields", {"id": ...})  # a union has no fields
    one = "{ __typename id }" if has_id else "{ __typename }"
    chosen = f"{{ totalCount nodes {{ {id_field} }} }}" if listed else one
    body = await api(
        f"query ($x: {type_}) {{ {field}({argument}: $x) {chosen} }}", {"x": value}, organisation=organisation
    )
    assert "errors" not in body
    return body["data"][field]


def nothing(answer: Any) -> bool:
    return answer is None or answer == [None] or answer == {"totalCount": 0, "nodes": []}


EVERYTHING = (
    """{ pipelines { id stages { id pipeline { id } deletingRun { id } leads(first: 100) { nodes { id
        contact { id customer { id } } customer { id } owner { id } convertedTo { id }
        nextTask { id assignee { id } contact { id } } stage { id } pipeline { id } } } } } }""",
    """{ leads(first: 100) { nodes { id stageHistory { nodes {
        actor { id } fromStage { id } toStage { id } fromPipeline { id } } } } } }""",
    """{ tasks(first: 100) { nodes { id lead { id } contact { id } customer { id } parent { id }
        subtasks { id } blockedBy { id } blocks { nodes { id } } creator { id } } } }""",
    """{ activities(first: 100) { nodes { id author { id } lead { id } contact { id } } }
        changeLog(first: 100) { nodes { recordId actor { id } lead { id }
            ... on RecordChanged { record { id } } } } }""",
    """{ members { nodes { id } } viewer { member { id } } pools { id }
        contacts(first: 100) { nodes { id leads { nodes { id } } } }
        customers(first: 100) { nodes { id leads { nodes { id } } contacts { nodes { id } } } } }""",
)


async def test_lists_hold_the_organisation_and_nothing_else(tables: Tables, api: Api) -> None:
    """Everything that a list leads to belongs to the caller, and all that belongs to the caller is reached."""
    for key in (DEMO, OTHER):
        reached = {match[0] for part in EVERYTHING for match in ID.finditer(str(await api(part, organisation=key)))}
        own = {id for ids in IDS_OF[key].values() for id in ids}
        merged = {f"lead_{row['id']}" for row in tables["merged_record"] if row["org_id"] == organisation_id(key)}
        assert reached <= own | merged
        # Stages and pipelines may be deleted; a run is reached by its id, by its stage and by its events.
        assert {id for id in own - reached if not id.startswith(("stage_", "pipeline_", "run_"))} == set()
    assert [ID.findall(str(await api(part, organisation="never seen"))) for part in EVERYTHING] == [[]] * 5


async def test_the_organisation_is_that_of_the_token_whatever_it_is_called(tables: Tables, api: Api) -> None:
    """An organisation's key is plain text: one that looks like SQL or like another key finds nothing."""
    for key in ("demo'--", "' OR '1'='1", "DEMO", "demo ", "%", "de%", str(tables["organisation"][0]["id"])):
        body = await api("{ leads { totalCount } viewer { organisationKey organisation { key } } }", organisation=key)
        assert body["data"] == {
            "leads": {"totalCount": 0},
            "viewer": {"organisationKey": key, "organisation": None},
        }


async def test_a_cursor_of_another_organisation_is_only_a_place(tables: Tables, api: Api) -> None:
    """Paging from a stranger's cursor goes through the caller's own rows."""
    theirs = (await api("{ leads(first: 1, orderBy: { field: TITLE }) { edges { cursor } } }"))["data"]["leads"][
        "edges"
    ]
    query = "query ($c: Cursor) { leads(first: 100, after: $c, orderBy: { field: TITLE }) { nodes { id } } }"
    body = await api(query, {"c": theirs[0]["cursor"]}, organisation=OTHER)
    assert {node["id"] for node in body["data"]["leads"]["nodes"]} <= set(IDS_OF[OTHER]["lead"])
