"""Checks of one input: all refusals are raised together, one for a field, in the order of the checks."""

from collections.abc import Mapping

import pytest

from models.rules.refusal import MOST_REPORTED, Checks, Refusal, Refused
from models.rules.text import line


def paths(refused: Refused) -> list[tuple[str, ...]]:
    """The path of each refusal."""
    return [tuple(found.field) for found in refused.all]


def lines(given: Mapping[str, str]) -> None:
    """Check that each value is a line of text."""
    with Checks() as check:
        for name, value in given.items():
            check(line, value, name)


def test_without_a_refusal_the_results_are_kept() -> None:
    """A block whose checks all pass goes on with their results."""
    with Checks() as check:
        name = check(line, "  Ada ", "name")
    assert name == "Ada"


async def test_all_refusals_are_raised_together() -> None:
    """The first one is raised, with the others; also those of checks inside checks, and of those that read records."""

    async def unknown() -> None:
        raise Refused(Refusal.NOT_FOUND, "There is no such lead.", "leadId")

    async def checked() -> None:
        with Checks() as check:
            check(lines, {"name": "", "source": "x" * 400})
            check(line, "fine", "title")
            await check.later(unknown())

    with pytest.raises(Refused) as raised:
        await checked()
    assert paths(raised.value) == [("name",), ("source",), ("leadId",)]
    assert [found.code for found in raised.value.all] == [Refusal.INVALID, Refusal.INVALID, Refusal.NOT_FOUND]


def test_a_field_has_one_error() -> None:
    """A second check of a refused field adds nothing; refusals without a field are all kept."""

    def refuse(*field: str) -> None:
        raise Refused(Refusal.CONFLICT, "Again.", *field)

    def checked() -> None:
        with Checks() as check:
            for field in (("a",), ("a",), (), ()):
                check(refuse, *field)

    with pytest.raises(Refused) as raised:
        checked()
    assert paths(raised.value) == [("a",), (), ()]


def test_a_failure_passes_through() -> None:
    """What is not a refusal ends the block as it is."""

    def checked() -> None:
        with Checks() as check:
            check(line, "", "name")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        checked()


def test_refusals_of_a_part_are_put_under_its_path() -> None:
    """The path of the part comes in front of each."""
    with pytest.raises(Refused) as raised:
        lines({"name": "", "title": ""})
    assert paths(raised.value.under("stages", "2")) == [("stages", "2", "name"), ("stages", "2", "title")]


def test_so_many_are_reported() -> None:
    """A list of thousands of wrong entries has a bounded answer."""
    with pytest.raises(Refused) as raised:
        lines({str(at): "" for at in range(MOST_REPORTED + 50)})
    assert len(raised.value.all) == MOST_REPORTED
