"""The fields of a record are declared once: their rules, their columns, and how events show them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.change.fields import Fields, as_given, between, required
from engine.change.records import instant
from models.database import Database
from models.rules.refusal import Refusal, Refused
from models.rules.text import line, optional_line
from models.tables.task import Task, TaskPriority

FIELDS = Fields(
    Task, {"priority": TaskPriority.NORMAL.value}, title=required(line), priority=required(), notes=as_given
)


def test_only_columns_are_fields() -> None:
    """A field that is not a column of the table raises an error, and so does a default for an unknown field."""
    with pytest.raises(TypeError, match="Task has no fields colour"):
        Fields(Task, colour=as_given)
    with pytest.raises(TypeError, match="Task has no fields notes"):
        Fields(Task, {"notes": ""}, title=as_given)


def test_what_is_left_out_has_its_default() -> None:
    """A record without any field is empty, except for the fields that cannot be null."""
    assert FIELDS.empty == {"title": None, "priority": "NORMAL", "notes": None}


def test_each_field_is_tidied_by_its_rule() -> None:
    """Only the fields that are given are returned, each as its rule stores it."""
    assert FIELDS.tidy({"title": "  Call   Ada "}) == {"title": "Call Ada"}


def test_a_refusal_names_the_path_of_the_field() -> None:
    """The path is that of the record in the input, followed by the public name of the field."""
    with pytest.raises(Refused) as raised:
        Fields(Task, due_on=required()).tidy({"due_on": None}, "tasks", "2")
    assert (raised.value.code, tuple(raised.value.field)) == (Refusal.INVALID, ("tasks", "2", "dueOn"))


@pytest.mark.parametrize(("value", "passes"), [(0, True), (100, True), (None, True), (-1, False), (101, False)])
def test_a_range_includes_both_ends(value: int | None, passes: bool) -> None:
    """Both ends of a range are accepted. Null passes, because only `required` refuses it."""
    rule = between(0, 100)
    if passes:
        assert rule(value, "probability") == value
    else:
        with pytest.raises(Refused):
            rule(value, "probability")


def test_a_required_field_can_keep_its_own_rule() -> None:
    """Null is refused before the rule is asked."""
    with pytest.raises(Refused):
        required(optional_line)(None, "name")


@pytest.mark.parametrize("microsecond", [0, 1, 10, 123_450, 700_000, 999_999])
async def test_an_event_shows_an_instant_as_reads_do(database: Database, microsecond: int) -> None:
    """The text of an instant in an event equals the text of the same instant in a read, whatever its digits and
    zone."""
    at = datetime(2031, 5, 1, 23, 30, 9, microsecond, tzinfo=timezone(timedelta(hours=-5)))
    async with database.acquire() as connection:
        found = await connection.fetchval("SELECT to_json($1::timestamptz)", at)
    assert f'"{instant(at)}"' == found
    assert datetime.fromisoformat(instant(at)) == at.astimezone(UTC)
