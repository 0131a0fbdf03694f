"""The words of texts and of questions: what is found by what, whatever its case, accents and punctuation."""

import re
import sys
import unicodedata
from uuid import UUID

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.rules.search import LONGEST_WORD, number_words, question, vector, words
from tests.support.reading import search as reference

ORGANISATION = UUID("0123abcd-0000-5000-8000-000000000000")

WORDS = {
    "Álvaro Müller": "alvaro muller",
    "A\u0301lvaro": "alvaro",
    "Straße": "strasse",
    "STRASSE": "strasse",
    "İstanbul Diyarbakır": "diyarbakir istanbul",
    "Łódź Søren Þór Ærø Œuvre Đà": "aero da lodz oeuvre soren thor",
    "O’Brien": "brien o obrien",
    "O\u00b4Brien": "brien o obrien",
    "l'été": "ete l lete",
    "col·legi": "col collegi legi",
    "ﬁnance ① ２３": "1 23 finance",
    "٣٤": "34",
    "soft\u00adhyphen zero\u200bwidth": "softhyphen zerowidth",
    "हिन्दी": "हिनदी",
    "ภาษาไทย": "ภาษาไทย",
    "名前": "名前",
    "100% under_score back\\slash": "100 back score slash under",
    "https://www.example.com/a?b=1": "1 a b com example https www",
    "Ada <ada.abel@Example.com>": "abel abel@examplecom ada adaabel@examplecom com example",
    "@acme": "acme",
    "a\ud800b\0c": "a b c",
    "👍 -- ☃": "",
    "": "",
}


@pytest.mark.parametrize("text", WORDS)
def test_the_words_of_a_text(text: str) -> None:
    """Each text has exactly these words."""
    assert sorted(words(text)) == WORDS[text].split()


def test_nothing_has_no_words() -> None:
    """A field that is empty adds no words."""
    assert words(None) == number_words(None) == set()


def test_the_words_of_a_number() -> None:
    """A telephone number has its groups, what is written beside them, and its digits from each of them on."""
    assert number_words("+1 (23) 4 ext. 5") == {"1", "23", "4", "ext", "5", "12345", "2345", "345", "45"}


QUESTIONS = {
    "smith  john ": "'~john':* & '~smith':*",
    "o'brien": "'~obrien':*",
    "smith smithson Smith": "'~smithson':*",
    "ada.abel@example.com, 12": "'~12':* & '~adaabel@examplecom':*",
    "@example.com": "'~com':* & '~example':*",
    "": "'~'",
    " -- ' ": "'~'",
    "~:*|!&()'\\": "'~'",
    "x" * 200: f"'~{'x' * LONGEST_WORD}':*",
}


@pytest.mark.parametrize("text", QUESTIONS)
def test_the_question_of_a_text(text: str) -> None:
    """Each word is asked for once; a word that another begins with is not asked for."""
    assert question(text) == QUESTIONS[text]


def test_a_question_has_at_most_200_characters() -> None:
    """One character more is refused, with what to send."""
    with pytest.raises(ValueError, match=r"^201 characters are too many to search for\. Send up to 200\.$"):
        question("x" * 201)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_cannot_be_stored_is_not_asked_for(text: str) -> None:
    """It is refused, as it is where it would be stored."""
    with pytest.raises(ValueError, match=r"^Text cannot contain"):
        question(text)


def found(asked: str, stored: set[str]) -> bool:
    """Whether each word of a question begins a stored word."""
    return all(any(word.startswith(part) for word in stored) for part in re.findall(r"'~([^']+)'", question(asked)))


TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from("aáåÅßﬁĳŉİı'’´·@@.. -_~19٣"),
    max_size=60,
)


@given(TEXTS, st.integers(0, 60))
@example("a@b@c", 3)
@example("O’Brien", 2)
@example("ŉ", 1)
def test_a_text_is_found_by_its_beginning(text: str, size: int) -> None:
    """A text is found by itself, and at each letter while it is typed."""
    assert found(text[:size], words(text))
    assert found(text, words(text))


@given(TEXTS)
def test_the_form_of_a_text_does_not_matter(text: str) -> None:
    """However Unicode composes it, and in either case, a text has the same words."""
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert [words(form) for form in (*forms, text.lower())] == [words(text)] * 3


@given(TEXTS)
def test_the_words_are_those_of_the_reference(text: str) -> None:
    """The plain rule has the same words."""
    assert words(text) == reference.words(text)
    assert number_words(text) == reference.number_words(text)


@given(st.text("0123456789 -()+", min_size=1, max_size=20), st.data())
def test_digits_are_found_anywhere_in_a_number(number: str, data: st.DataObject) -> None:
    """Any digits of a number that follow each other find it, however both are grouped."""
    digits = re.sub("[^0-9]", "", number)
    at = data.draw(st.integers(0, len(digits)))
    wanted = digits[at : data.draw(st.integers(at, len(digits)))]
    assert found(wanted, number_words(number))
    assert found(" ".join(wanted), number_words(number))


async def test_every_letter_can_be_stored_and_found(postgres_url: str) -> None:
    """PostgreSQL reads each word as it is stored and asked for, and finds it by itself alone."""
    letters = [chr(code) for code in (*range(0x10000), *range(0x10000, sys.maxunicode, 97))]
    texts = [letter for letter in letters if words(letter)]
    assert len(texts) > 50_000
    connection = await asyncpg.connect(postgres_url)
    missed = await connection.fetch(
        """
        SELECT text FROM unnest($1::text[], $2::text[], $3::text[]) AS one (text, vector, question)
        WHERE NOT CAST(vector AS tsvector) @@ CAST(replace(question, '~', '0123abcd') AS tsquery)
            OR CAST(vector AS tsvector) @@ CAST(replace(question, '~', '0123abce') AS tsquery)
        """,
        texts,
        [vector(ORGANISATION, words(text)) for text in texts],
        [question(text) for text in texts],
    )
    await connection.close()
    assert missed == []
