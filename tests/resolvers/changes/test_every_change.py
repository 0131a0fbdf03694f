"""Every change of every record has an event: which record, and each of its fields before and after."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from engine.change.records import public
from models import Base, organisation_id
from models.rules.ids import public_id, split_id
from models.rules.text import spelled
from tests.support.mutations import mutation_of
from tests.support.recipes import RECIPES
from tests.support.world import World

Row = Mapping[str, Any]

RECORDS = ("pipeline", "stage", "lead", "task", "activity", "contact", "customer", "member", "pool", "run", "webhook")

FOLLOWING = frozenset(
    (
        "created_at updated_at version rank position deadline overdue_told_at reminded_at day_reminder_at is_default"
        " stage_entered_at last_activity_at has_open_task rotten_told_at rot_check_at turn"
        " qualified_at disqualified_at converted_at converted_from_id closed_at"
        " finished_at due_at completed_at archived_at deleted_at words sort_key"
        " name_key domain_key email_key"
        " url disabled_reason"
    ).split()
)
"""Columns that follow from an event: when something happened, a record's place in a list, and whose turn it is in a
pool, which follows from who was assigned. Of the URL of a webhook, events hold the host alone."""

UNCOUNTED = {"last_activity_at", "has_open_task", "rotten_told_at", "rot_check_at", "turn", "words"}
"""Columns that nobody edits, and that follow from other records."""

SPOKEN: Mapping[str, Mapping[str, str]] = {
    "lead.assigned": {"owner_id": "to"},
    "lead.converted": {"converted_to_id": "opportunityId"},
    "lead.disqualified": {"lost_reason": "reason"},
    "run.ended": {"state": "state"},
}
"""The fields that a type of event holds under a key of its own."""

COLUMNS = {"stage_id": "from_stage_id", "pipeline_id": "from_pipeline_id"}
"""The fields that `lead.stage_changed` holds in columns of its own, and where it holds their value before."""


async def records(world: World) -> dict[tuple[str, UUID], Row]:
    """Every record of the organisation, by its table and id."""
    org_id = organisation_id(world.organisation)
    found = {}
    for table in RECORDS:
        for row in await world.database.pool.fetch(f"SELECT * FROM {table} WHERE org_id = $1", org_id):
            found[table, row["id"]] = dict(row)
    return found


def changed(old: Row, new: Row) -> set[str]:
    """The columns of a record that differ, except for those that follow from an event."""
    return {name for name in old if name not in FOLLOWING and old[name] != new[name]}


def concerns(event: Row, table: str, row: Row) -> bool:
    """Whether an event is about a record; a stage that is created or deleted with its pipeline is part of that
    event."""
    if event["type"].partition(".")[0] == "pipeline" and table == "stage":
        return bool(event["record_id"] == row["pipeline_id"])
    if event["type"] == "scores.changed" and table == "lead":
        return public_id("lead", row["id"]) in json.loads(event["data"])["leadIds"]
    return row["id"] in (event["record_id"], event["lead_id"] if table == "lead" else None)


def holds_change(event: Row, name: str, old: Row, new: Row) -> bool:
    """Whether an event holds the values of a record's column before and after."""
    data = json.loads(event["data"])
    if event["type"] == "scores.changed":
        return name == "score"  # it lists the leads alone: a score is what the rules give
    if name in COLUMNS and event["type"] == "lead.stage_changed":
        return (event[COLUMNS[name]], event[name]) == (old[name], new[name])
    if word := SPOKEN.get(event["type"], {}).get(name):
        value = new[name]
        return bool(data[word] is None if value is None else str(data[word]).endswith(str(value)))
    pair = data.get("changes", {}).get(spelled(name))
    return pair is not None and [bare(part) for part in pair] == [describe(name, row[name]) for row in (old, new)]


def merges(event: Row, name: str, old: Row, new: Row) -> bool:
    """Whether an event says that one record was merged into another, which stands for it in all references."""
    noun, _, what = event["type"].partition(".")
    if what != "merged" or name != f"{noun}_id":
        return False
    into = str(json.loads(event["data"])["into"])
    return old[name] in (event["record_id"], event["lead_id"]) and into == f"{noun}_{new[name]}"


def bare(value: Any) -> Any:
    """A public id without its prefix; anything else as it is."""
    try:
        return str(split_id(value)[1])
    except (ValueError, AttributeError, TypeError):
        return value


def describe(name: str, value: Any) -> Any:
    """A value as an event holds it, an id without its prefix."""
    return str(value) if isinstance(value, UUID) else public(name, value)


@pytest.mark.parametrize("name", RECIPES)
async def test_every_changed_record_has_its_event(world: World, name: str) -> None:
    """Each record that is created, changed or deleted has an event, which holds each changed field."""
    given = await RECIPES[name](world)
    before, head = await records(world), await world.head()
    await world.change(mutation_of(name), given)
    after, events = await records(world), await world.events(head)
    untold = []
    for key in sorted({*before, *after}, key=str):
        old, new = before.get(key), after.get(key)
        own = [event for event in events if concerns(event, key[0], new or old or {})]
        if (old is None or new is None) and not own and key[0] != "run":  # a run has an event at its end
            untold.append((key[0], "made" if old is None else "deleted"))
        elif old is not None and new is not None:
            untold += missing(key[0], old, new, own, events)
    assert untold == [], [dict(event) for event in events]


@pytest.mark.parametrize("name", RECIPES)
async def test_every_changed_record_has_another_version(world: World, name: str) -> None:
    """A caller who sends the version they read learns that the record has changed since."""
    given = await RECIPES[name](world)
    before = await records(world)
    await world.change(mutation_of(name), given)
    after = await records(world)
    uncounted = UNCOUNTED | ({"score"} if mutation_of(name) == "scoreLeads" else set())
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        differing = {name for name in old if old[name] != new[name]} - uncounted
        assert not differing or new["version"] > old["version"], (key, differing)


def missing(table: str, old: Row, new: Row, own: Sequence[Row], events: Sequence[Row]) -> list[Any]:
    """The changed columns that neither an event of the record nor one of a record it names holds."""
    return [
        (table, name, old[name], new[name])
        for name in sorted(changed(old, new))
        if not any(holds_change(event, name, old, new) for event in own)
        and not any(merges(event, name, old, new) for event in events)
    ]


def test_no_table_of_records_is_forgotten() -> None:
    """Each table with ids of its own is checked, except for parts of records and of the log itself."""
    parts = {"organisation", "event", "stage_change", "routing_rule", "lost_reason", "merged_record", "notification"}
    parts |= {"forecast_submission", "webhook_secret", "webhook_delivery", "webhook_attempt"}
    assert {table.name for table in Base.metadata.sorted_tables if "id" in table.columns} - parts == set(RECORDS)


async def test_a_conversion_records_all_it_touches(world: World) -> None:
    """The filled customer, the contact that joins it and each task carried over have one event each."""
    given = await RECIPES["convertLead"](world)
    contact = {"contactId": world["contact of rita"], "email": "rita@acme.example", "phone": "+1 555 0100"}
    await world.change("updateContact", contact)
    await world.change("updateLead", {"leadId": world["Ada"], "contactId": contact["contactId"]})
    task = {"leadId": world["Ada"], "dueOn": "2031-01-01", "title": "Call"}
    made = await world.change("scheduleFollowUp", task, "task { id }")
    head = await world.head()
    done = await world.change("convertLead", given, "opportunity { id }")
    joined = {"customerId": [None, world["Acme"]]}
    ids = {"opportunityId": done["opportunity"]["id"]}
    assert [(event["type"], json.loads(event["data"]).get("changes")) for event in await world.events(head)] == [
        ("customer.updated", {"phone": [None, "+1 555 0100"], "website": [None, "acme.example"]}),
        ("lead.converted", joined),
        ("contact.updated", joined),
        ("lead.created", None),
        ("task.updated", {"leadId": [world["Ada"], ids["opportunityId"]]}),
    ]
    [converted] = [event for event in await world.events(head) if event["type"] == "lead.converted"]
    assert json.loads(converted["data"]) == {**ids, "changes": joined}
    [carried] = [event for event in await world.events(head) if event["type"] == "task.updated"]
    assert public_id("task", carried["record_id"]) == made["task"]["id"]
    head = await world.head()
    await world.change("convertLead", given)
    assert await world.events(head) == []


async def test_a_move_records_why_it_was_lost(world: World) -> None:
    """A reopened lead's event holds that the reason was removed; a move between open stages changes no reason."""
    moves = (("Talking", None), ("Lost", "Too dear"), ("Offer", None))
    head = await world.head()
    for stage, reason in moves:
        given = {"leadId": world["Ada"], "stageId": world[stage], "lostReason": reason}
        await world.change("moveLead", {key: value for key, value in given.items() if value})
    assert [json.loads(event["data"]) for event in await world.events(head)] == [
        {},
        {"changes": {"lostReason": [None, "Too dear"]}},
        {"changes": {"lostReason": ["Too dear", None]}},
    ]
