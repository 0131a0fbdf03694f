"""Each column of a record is a field of an input or derived: which columns are which, and what they derive from."""

import re
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Integer, MetaData, Text
from sqlalchemy.orm import Mapped, mapped_column, registry

from engine.change.records import Insertion, expect_columns, inserted, make
from engine.read.arguments import python_name
from models import Base, Lead
from tests.support.sql.statements import NAMED
from tests.support.stored import STORED

KEYS = {
    "org_id": "the organisation of the caller",
    "id": "made with the record",
}

STAMPS = {
    **KEYS,
    "created_at": "when it was made",
    "updated_at": "when it was last changed",
    "version": "how often it was changed",
}

DERIVED: Mapping[str, Mapping[str, str]] = {
    "organisation": {
        "id": "made of its key",
        "key": "the name in tokens",
        "created_at": "when somebody signed in first",
        "suspended_at": "the operator's command",
    },
    "pipeline": {**STAMPS, "deleted_at": "deletePipeline"},
    "stage": {
        **STAMPS,
        "deleted_at": "deleteStage, deletePipeline",
        "deleting_run_id": "deleteStage",
        "rot_check_at": "its leads",
    },
    "lead": {
        **STAMPS,
        "sort_key": "its title",
        "rank": "the place on the board: the neighbours that moveLead names",
        "stage_entered_at": "when it came into its stage",
        "qualified_at": "qualifyLead",
        "disqualified_at": "disqualifyLead",
        "converted_at": "convertLead",
        "converted_to_id": "convertLead",
        "converted_from_id": "convertLead",
        "forecast_category": "setForecastCategory",
        "closed_at": "the kind of its stage, disqualifyLead, convertLead",
        "last_activity_at": "the latest of its activities",
        "has_open_task": "its tasks",
        "rotten_told_at": "when the event log said that it is stale",
        "rot_check_at": "its tasks, activities and history",
    },
    "task": {
        **STAMPS,
        "deadline": "due_at, or the end of due_on where the assignee lives",
        "status": "completeTask, cancelTask, reopenTask",
        "completed_at": "completeTask",
        "creator_id": "the caller",
        "overdue_told_at": "when the event log said that it is overdue",
        "reminded_at": "when the event log said that its reminder came",
        "day_reminder_at": "when its reminder comes if it is due on a day, found afterwards",
    },
    "activity": {**STAMPS, "author_id": "the caller"},
    "contact": {
        **STAMPS,
        "archived_at": "archiveContact",
        "sort_key": "its name",
        "words": "what it is searched by",
        "email_key": "its e-mail address",
        "domain_key": "its e-mail address",
    },
    "customer": {
        **STAMPS,
        "archived_at": "archiveCustomer",
        "sort_key": "its name",
        "words": "what it is searched by",
        "name_key": "its name",
        "domain_key": "its website",
    },
    "member": {**STAMPS, "sort_key": "its name", "subject": "the token that the member signs in with"},
    "pool": {**STAMPS, "turn": "the place of who was given the last lead"},
    "routing_rule": {
        **STAMPS,
        "condition": "a tree in the input of the rule, not a scalar",
        "pipeline_id": "the pipeline that the rules are set for",
        "position": "the list's order",
    },
    "lost_reason": {
        **KEYS,
        "name": "an item of the list that setLostReasons takes",
        "position": "the list's order",
        "archived_at": "setLostReasons, when it is no longer in the list",
    },
    "forecast_submission": {
        **KEYS,
        "submitted_by_id": "the caller",
        "submitted_at": "when it was submitted",
    },
    "webhook": {
        **STAMPS,
        "url": "the input's, of which events hold the host alone",
        "condition": "the input's, which is a tree",
        "status": "pauseWebhook, enableWebhook",
        "disabled_reason": "why the server has disabled it",
    },
}
"""The columns of records that no input field holds, and what they derive from."""

FOLLOWING: Mapping[str, str] = {
    "event": "the event log",
    "event_log": "the event log's counter",
    "notification": "what members are notified of",
    "notification_setting": "setNotificationSettings",
    "muted_record": "muteRecord, unmuteRecord",
    "mail_setting": "setNotificationSettings",
    "mail_due": "when the next mail of each member is due",
    "calendar_feed": "createCalendarFeed, rotateCalendarFeed, deleteCalendarFeed",
    "exchange_rate": "setExchangeRates, importExchangeRates",
    "quota": "setQuotas",
    "scoring_model": "setScoringRules",
    "lead_score": "what scoring rules give to leads",
    "consumer": "how far consumers of the event log are",
    "outcome": "results of changes by their idempotency keys",
    "imported_file": "up to where files were imported lately",
    "stage_change": "the history of leads",
    "stage_total": "totals of what stands in stages",
    "lead_span": "what leads were at each number of the log",
    "stage_span": "what stages were at each number of the log",
    "gone_lead": "what leads were when they were deleted or merged",
    "lead_search": "what leads are searched by",
    "merged_record": "ids of records that were merged",
    "former_key": "what merged records were recognised by",
    "pool_member": "the list of members that createPool and updatePool take, and what they were given",
    "run": "changes that go on after their request, and work that waits",
    "lane": "when work is due",
    "schedule": "work that comes again and again",
    "routing_day": "how many leads members were given on a day",
    "webhook_state": "how far deliveries are",
    "webhook_secret": "createWebhook, rotateWebhookSecret",
    "webhook_delivery": "what could not be delivered",
    "webhook_attempt": "what was sent",
    "attempt_log": "the counter of what was sent",
    "task_dependency": "addTaskDependency, removeTaskDependency",
}
"""Tables that hold no record that people fill in, and what they hold."""

INPUTS: Mapping[str, tuple[str, ...]] = {
    "organisation": ("updateOrganisation",),
    "pipeline": ("createPipeline", "updatePipeline"),
    "stage": ("addStage", "updateStage"),
    "lead": ("createLead", "updateLead", "moveLead"),
    "task": ("createTask", "updateTask", "completeTask"),
    "activity": ("logActivity", "updateActivity"),
    "contact": ("createContact", "updateContact"),
    "customer": ("createCustomer", "updateCustomer"),
    "member": ("updateMember",),
    "pool": ("createPool", "updatePool"),
    "routing_rule": ("setRoutingRules",),
    "lost_reason": (),
    "forecast_submission": ("submitForecast",),
    "webhook": ("createWebhook", "updateWebhook"),
}
"""The mutations whose inputs fill in the records of a table."""

ELSEWHERE = {
    "pool": {"member_ids"},
    "routing_rule": set(),
}
"""Fields of these inputs that are kept in another table."""


def taken(table: str) -> set[str]:
    """The columns of a table that input fields hold: those of the record itself, or of a list of records."""
    nested = table == "routing_rule"
    found = {
        python_name(path[-1]) for mutation, path in STORED if mutation in INPUTS[table] and len(path) == 1 + nested
    }
    return found - ELSEWHERE.get(table, set())


def test_every_table_is_looked_at() -> None:
    """A new table is either a record with inputs or listed with its content."""
    assert DERIVED.keys() == INPUTS.keys()
    assert DERIVED.keys() & FOLLOWING.keys() == set()
    assert {table.name for table in Base.metadata.sorted_tables} == DERIVED.keys() | FOLLOWING.keys()


@pytest.mark.parametrize("table", DERIVED)
def test_each_column_is_an_input_or_derived(table: str) -> None:
    """A column without an input field lists what it derives from; none is both, and no input field is neither."""
    columns = set(Base.metadata.tables[table].columns.keys())
    assert columns - taken(table) == set(DERIVED[table])
    assert taken(table) - columns == set()


DEFAULTS: Mapping[str, tuple[set[str], ...]] = {
    "organisation": ({"currency", "time_zone", "fiscal_year_start", "suspended_at"},),
    "member": ({"active", "time_zone", "capacity", "daily_cap"},),
    "consumer": ({"state", "failures", "error", "retry_at", "moved_at"},),
    "event_log": ({"head", "tail", "appended_at", "unfilled_to", "known_from"},),
    "lead_span": ({"until_number"}, set()),
    "stage_span": ({"until_number"}, set()),
    "notification": ({"read_at", "mailed"},),
    "mail_due": ({"claim", "free_at", "failures"},),
    "lead_search": ({"words"},),
    "merged_record": ({"merged_at"},),
    "pool_member": ({"given", "credit", "latest"},),
    "run": (
        {"state", "done", "failures", "error", "owner", "key", "due_at", "attempt", "depth", "finished_at"},
        {"done", "failures", "error", "made_by_id", "attempt", "finished_at"},
    ),
    "lane": ({"last_turn", "changes"},),
    "stage_change": ({"from_pipeline_id", "from_stage_id"}, set()),
    "scoring_model": ({"scored_to"},),
    "webhook_secret": ({"expires_at"},),
    "attempt_log": ({"tail"},),
    "webhook_state": (
        {
            "replay_to",
            "failures",
            "failing_since",
            "warned",
            "resume_at",
            "retry_at",
            "test_id",
            "lease",
            "lease_until",
        },
    ),
}
"""Columns that an INSERT into a derived table leaves to their defaults; all others are set. The history of a lead
begins with a step from nowhere."""


def inserts() -> Iterator[tuple[str, str, set[str]]]:
    """The name of each statement that inserts, its table, and the columns that it lists."""
    for name, statement in NAMED.items():
        for table, columns in re.findall(r"INSERT INTO (\w+) \(([^)]*)\)", statement.sql):
            yield name, table, set(re.split(r"[\s,]+", columns.strip()))


INSERTS = [one for one in inserts() if one[1] in FOLLOWING or one[1] in ("member", "organisation")]


@pytest.mark.parametrize(("name", "table", "listed"), INSERTS, ids=[f"{name} {table}" for name, table, _ in INSERTS])
def test_what_follows_from_changes_is_written_whole(name: str, table: str, listed: set[str]) -> None:
    """An INSERT into the log, the history, the totals and the like lists all columns, except those with these
    defaults."""
    left = set(Base.metadata.tables[table].columns.keys()) - listed - {"created_at", "updated_at", "version"}
    assert left in DEFAULTS.get(table, (set(),)), name


def test_each_table_that_follows_from_changes_is_written() -> None:
    """Each of these tables has a statement that the test above looks at."""
    found = {table for _, table, _ in INSERTS} | {"lead_score"}  # of whose INSERT the rules are a part
    assert found == FOLLOWING.keys() | {"member", "organisation"}


class Note(registry(metadata=MetaData()).generate_base()):  # type: ignore[misc]
    """A table that is not in the database."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    colour: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default="1")


def test_an_insert_lists_every_column() -> None:
    """Columns and values have the same order; a timestamp may be left out."""
    found = inserted(Note, {"body": ":body", "id": "CAST(:id AS int)"}, default=("colour",))
    assert found == Insertion("body, id", ":body, CAST(:id AS int)")
    assert inserted(Note, {"id": "1", "body": "''", "version": "2"}, default=("colour",)).columns == "id, body, version"


@pytest.mark.parametrize(
    ("written", "default", "fault"),
    [
        (("id", "body"), (), "neither written nor named as default: colour"),
        (("id",), ("colour",), "neither written nor named as default: body"),
        (("id", "body", "title"), ("colour",), "not columns: title"),
        (("id", "body"), ("colour", "size"), "not columns: size"),
        (("id", "body", "colour"), ("colour",), "written and named as default: colour"),
        (("id",), ("body", "colour"), "without a default: body"),
    ],
)
def test_an_insert_that_leaves_a_column_open_is_not_made(
    written: tuple[str, ...], default: tuple[str, ...], fault: str
) -> None:
    """The exception names the missing columns, so that a new column gets a source on purpose."""
    with pytest.raises(TypeError) as raised:
        expect_columns(Note, written, default=default)
    assert str(raised.value) == f"An INSERT INTO note has columns {fault}."


def test_a_record_is_made_of_all_its_columns() -> None:
    """`make` checks the columns as well: a lead cannot be made of its title alone."""
    with pytest.raises(TypeError, match=r"^An INSERT INTO lead has columns neither written nor named as default: "):
        make(Lead, "title")
