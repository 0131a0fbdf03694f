"""Sorting titles and names as people sort them."""

import random
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.rules.sort_key import LONGEST_LEVEL, SORTED, sort_key
from models.tables.base import Base

IN_ORDER = [
    ["", " ", "!", "(a)", "-a", "_a", "0", "9", "10", "a", "z", "ω", "я", "名"],
    ["alvaro", "álvaro", "alvaro 2", "Álvaro B", "alvarob"],
    ["apple", "Zebra"],
    ["Item 9", "Item 10", "item 10 b", "Item 100", "items"],
    ["Item 1.9", "Item 1.10"],
    ["2", "٣", "４", "10", "9" * 20, "1" + "0" * 20],
    ["muller", "Müller", "mullerin", "Mulli"],
    ["soren", "Søren", "sorensen"],
    ["strasse", "Straße", "strassen"],
    ["ab", "ab c", "ab-c", "ab1", "abc"],
    ["Łódź", "Lodzia"],
    ["O'Brien", "Oakes"],
    ["Ελλάδα", "ελλαδες"],
    ["ёж", "ель"],
]
"""Texts in the order of the Unicode Collation Algorithm, case apart."""


@pytest.mark.parametrize("texts", IN_ORDER, ids=" ".join)
def test_people_sort_them_so(texts: list[str]) -> None:
    """Whatever order they come in, and no two of them are the same."""
    mixed = list(texts)
    random.Random(1).shuffle(mixed)
    assert sorted(mixed, key=sort_key) == texts
    assert len({sort_key(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "texts",
    [("Apple", "apple", "APPLE"), ("Álvaro", "A\u0301LVARO"), ("Item 9", "Item 09"), ("a\u00adb\u200bc", "abc")],
    ids=" ".join,
)
def test_these_are_the_same(texts: tuple[str, ...]) -> None:
    """Case, forms of Unicode, leading zeros and what cannot be seen make no difference."""
    first, *others = (sort_key(text).partition("\x01") for text in texts)
    assert {level for level, *_ in others} == {first[0]}


ANY = st.text(st.characters(), max_size=300)
"""Any text, with lone surrogates and NUL."""


@given(ANY, ANY)
@example("a", "a\0")
@example("a", "a\ud800")
@example("\ufdfa" * 300, "𝟘" * 300)
def test_keys_compare_alike_here_and_in_postgresql(one: str, other: str) -> None:
    """They are of bounded length, never empty, can be stored, and their bytes are in the order of their characters."""
    here, there = sort_key(one), sort_key(other)
    for key in (here, there):
        assert 0 < len(key) <= 2 * LONGEST_LEVEL + 1
        assert len(key.encode()) < 2_600
        assert "\0" not in key
    assert (here < there) == (here.encode() < there.encode())


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_text_comes_before_what_goes_on_after_it(text: str, more: str) -> None:
    """With a word added, a text never moves up."""
    assert sort_key(text) <= sort_key(f"{text} {more}")


@given(st.text("aäAbB ", max_size=8), st.text("aäAbB ", max_size=8))
def test_accents_decide_only_between_equals(one: str, other: str) -> None:
    """Texts that differ without accents and case are in the order that they have without."""

    def plain(text: str) -> str:
        return unicodedata.normalize("NFD", text.casefold()).replace("\u0308", "")

    if plain(one) < plain(other):
        assert sort_key(one) < sort_key(other)


@given(st.integers(0, 10**40), st.integers(0, 10**40), st.integers(0, 5))
def test_numbers_are_sorted_by_value(one: int, other: int, zeros: int) -> None:
    """Of any length, with or without leading zeros."""
    assert (sort_key(f"No. {one}") < sort_key(f"No. {'0' * zeros}{other}")) == (one < other)


def test_each_table_with_a_key_is_listed() -> None:
    """A new one is filled in and checked as the others are."""
    assert {table.name for table in Base.metadata.sorted_tables if "sort_key" in table.columns} == SORTED.keys()
