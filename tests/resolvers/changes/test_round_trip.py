"""Inputs are stored: each stored field of each input is read back, found in events, changed and emptied."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from graphql import get_named_type, is_required_input_field

from models import organisation_id
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import FIELDS as COLUMNS_OF_FILES
from resolvers.changes.imports.rows import IN_LINES, Formats, read_deal
from resolvers.changes.leads.fields import EMPTY
from tests.support.stored import (
    ELSEWHERE,
    FIELDS,
    NAMED,
    NOT_STORED,
    RECORDS,
    STORED,
    VALUES,
    Path,
    base,
    key,
    listed,
    prepare,
    selection,
    shown,
    values,
    where,
    with_value,
)
from tests.support.world import World

REPEATABLE = ("add", "create", "log", "schedule", "set", "update")
"""The prefixes of mutations that can be sent again without the field: their answer is then not the value sent."""

HOLDING = {"activity.logged", "task.scheduled"}
"""Events that hold every field of a new record, by its public name."""

MADE_WHOLE = {"createTask", "logActivity", "scheduleFollowUp"}
"""Mutations that create a record with such an event; the follow-up of `completeTask` is one as well."""

NOT_NULL = re.compile(r"cannot be null|Not null\b|cannot be made false")
"""The sentence of a field's description that says that it cannot be emptied."""

EMPTIED: Mapping[str, Any] = {
    "updateActivity.participants": [],
    "updateLead.probability": 10,
    "updateStage.requiredFields": [],
    "updateWebhook.types": [],
}
"""The value of a field after it was emptied, if not null: nobody, the stage's probability, an empty list."""

UPDATES = [(mutation, path) for mutation, path in STORED if mutation.startswith("update")]


def names(of: Sequence[tuple[str, Path]]) -> list[str]:
    """The cases by their keys."""
    return [key(*one) for one in of]


@pytest.fixture
async def full(world: World) -> World:
    """A world with all records that the inputs name."""
    await prepare(world)
    return world


def plain(mutation: str, path: Path, value: Any) -> Any:
    """A value in a form in which inputs, records and events can be compared."""
    type_ = get_named_type(FIELDS[key(mutation, path)].type).name
    if isinstance(value, list):
        return [plain(mutation, path, item) for item in value]
    if type_ == "DateTime" and value is not None:
        return datetime.fromisoformat(value)
    return str(value).upper() if type_ == "LeadField" else value


async def sent(world: World, mutation: str, path: Path, *value: Any) -> Any:
    """The value of the field after the mutation was sent with this value, or without one."""
    way = where(mutation, path)
    payload = await world.change(mutation, with_value(world, mutation, path, *value), selection(way))
    return plain(mutation, path, shown(payload, way, listed=len(path) == 1 and listed(mutation, path)))


async def expect_recorded(world: World, head: int, mutation: str, path: Path, before: Any, after: Any) -> None:
    """An event since `head` holds the value of the field before and after."""
    events = [(event["type"], json.loads(event["data"])) for event in await world.events(head)]
    pairs = [data["changes"][path[-1]] for _, data in events if path[-1] in data.get("changes", ())]
    if key(mutation, path) == "updateLead.ownerId":
        pairs = [[data["from"], data["to"]] for type_, data in events if type_ == "lead.assigned"]
    assert [before, after] in [[plain(mutation, path, one) for one in pair] for pair in pairs], events


@pytest.mark.parametrize(("mutation", "path"), STORED, ids=names(STORED))
async def test_what_is_sent_is_kept(full: World, mutation: str, path: Path) -> None:
    """The record and its event hold the value that was sent, which is not the default."""
    value = values(full, mutation, path)[0]
    wanted = plain(mutation, path, value)
    if mutation.startswith(REPEATABLE) and not is_required_input_field(FIELDS[key(mutation, path)]):
        assert await sent(full, mutation, path) != wanted
    head = await full.head()
    assert await sent(full, mutation, path, value) == wanted
    held = [json.loads(event["data"]) for event in await full.events(head) if event["type"] in HOLDING]
    if mutation in MADE_WHOLE or path[0] == "followUp":
        assert [plain(mutation, path, data.get(path[-1])) for data in held] == [
            None if key(mutation, path) == "logActivity.leadId" else wanted  # this is the event's own lead
        ]


@pytest.mark.parametrize(("mutation", "path"), UPDATES, ids=names(UPDATES))
async def test_what_is_updated_is_recorded_and_can_be_emptied(full: World, mutation: str, path: Path) -> None:
    """A field takes each value that is sent, with an event that holds it before and after, and is then emptied; where
    its description says that it cannot be null, null is refused."""
    was = await sent(full, mutation, path)
    for value in values(full, mutation, path):
        head, wanted = await full.head(), plain(mutation, path, value)
        assert await sent(full, mutation, path, value) == wanted
        await expect_recorded(full, head, mutation, path, was, wanted)
        was = wanted
    emptied = {**with_value(full, mutation, path), path[-1]: None}
    if NOT_NULL.search(FIELDS[key(mutation, path)].description or ""):
        await full.refused(mutation, emptied, "INVALID", path[-1])
        return
    head, left = await full.head(), EMPTIED.get(key(mutation, path))
    assert await sent(full, mutation, path, None) == left
    await expect_recorded(full, head, mutation, path, was, left if isinstance(left, list) else None)


ENDINGS = {
    "deleteActivity": "updateActivity",
    "deleteLead": "updateLead",
    "deleteTask": "updateTask",
    "mergeContacts": "updateContact",
    "mergeCustomers": "updateCustomer",
    "mergeLeads": "updateLead",
}
"""Mutations that end a record whose fields its event keeps, and what fills the fields in."""

ENDED = [(ending, path) for ending, update in ENDINGS.items() for mutation, path in STORED if mutation == update]

WINNERS = {
    "mergeContacts": ("createContact", {"name": "Fresh"}),
    "mergeCustomers": ("createCustomer", {"name": "Fresh"}),
    "mergeLeads": ("createLead", {"title": "Fresh"}),
}
"""How to create a record with nothing but a name, for another one to be merged into."""

NOT_FILLED = {
    "title": "the record has its own",
    "name": "the record has its own",
    "externalId": "in the other system the id names the record that ended",
}
"""Fields that a winner does not take from the record merged into it, and why."""

JOINED = {"description", "notes"}
"""Fields that hold those of both records after a merge, and below them what has no other place."""


@pytest.mark.parametrize(("ending", "path"), ENDED, ids=names(ENDED))
async def test_what_ends_keeps_its_fields(full: World, ending: str, path: Path) -> None:
    """The event of a deletion or a merge holds each field as it was; a merge fills the winner's empty fields."""
    update, given = ENDINGS[ending], base(full, ending, ())
    wanted = await sent(full, update, path, values(full, update, path)[0])
    way = where(update, path)
    if ending in WINNERS:
        create, called = WINNERS[ending]
        made = await full.change(create, called, f"{way[0]} {{ id }}")
        given = {"winnerId": made[way[0]]["id"], "loserId": next(iter(base(full, update, ()).values()))}
    head = await full.head()
    payload = await full.change(ending, given, selection(way) if ending in WINNERS else "")
    ends = (f"{way[0]}.deleted", f"{way[0]}.merged")
    [data] = [json.loads(event["data"]) for event in await full.events(head) if event["type"] in ends]
    assert plain(update, path, data[path[-1]]) == wanted
    if ending in WINNERS:
        kept = plain(update, path, shown(payload, way, listed=False))
        assert (kept == wanted) == (path[-1] not in {*NOT_FILLED, *JOINED})
        assert path[-1] not in JOINED or kept.startswith(f"{wanted}\n\nMerged from “")


STAYS = {
    ("probability",): "an opportunity is won as often as its own stage says",
    ("externalId",): "in the other system the id names the lead",
}
"""Fields of a lead that its opportunity does not take over, and why."""

OF_LEADS = [path for mutation, path in STORED if mutation == "updateLead"]


@pytest.mark.parametrize("path", OF_LEADS, ids=["".join(path) for path in OF_LEADS])
async def test_a_conversion_carries_over(full: World, path: Path) -> None:
    """The opportunity has each field of its lead, except for those that stay with the lead."""
    value, dan = values(full, "updateLead", path)[0], {"leadId": full["Dan"]}
    await full.change("updateLead", {**dan, path[-1]: value})
    way = ["opportunity", *where("updateLead", path)[1:]]
    payload = await full.change("convertLead", dan, selection(way))
    carried = plain("updateLead", path, shown(payload, way, listed=False)) == plain("updateLead", path, value)
    assert carried == (path not in STAYS)


async def test_an_import_keeps_each_field_of_a_line(full: World) -> None:
    """Each field that a file can hold is stored, as the lead's own or as a record that the lead names."""
    given = {
        **{name: f"The {name}" for name in COLUMNS_OF_FILES},
        "stage": "Due",
        "contact_email": "cy@example.com",
        "value": "77.70",
        "currency": "CHF",
        "probability": "35",
        "score": "-7",
        "created_at": "2026-01-02",
        "closed_at": "2026-01-03",
        "expected_close_date": "2026-02-03",
    }
    options = Import(full.organisation, "Renewals", create_missing=True)
    report = await import_deals(full.database, options, [read_deal(2, given, Formats("USD"))], lambda done: None)
    assert (report.created, report.rejected) == (1, [])
    org_id = organisation_id(full.organisation)
    row = await full.database.pool.fetchrow("SELECT * FROM lead WHERE org_id = $1 AND title = 'The title'", org_id)
    assert {name for name in EMPTY if row[name] is None} == set()
    assert {name: str(row[name]) for name in IN_LINES} == {name: given[name] for name in IN_LINES}
    for noun, name in (("contact", "The contact"), ("customer", "The customer"), ("member", "The owner")):
        column = "owner_id" if noun == "member" else f"{noun}_id"
        sql = f"SELECT name FROM {noun} WHERE org_id = $1 AND id = $2"
        assert await full.database.pool.fetchval(sql, org_id, row[column]) == name


def test_the_tables_name_only_what_is_there() -> None:
    """Each listed name or path is a field of an input, and what is listed as read elsewhere is stored."""
    last = {one.rpartition(".")[2] for one in FIELDS}
    assert {one for one in (*NOT_STORED, *VALUES, *NAMED, *EMPTIED) if one not in FIELDS and one not in last} == set()
    assert set(ELSEWHERE) - set(names(STORED)) == set()
    assert set(STAYS) - set(OF_LEADS) == set()
    assert {mutation for mutation, _ in STORED} >= RECORDS.keys()
