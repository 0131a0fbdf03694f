"""Finding records by words: which words a text has, and how a question for some of them is put to PostgreSQL.

The words of a text are its runs of letters and digits, without case, accents and other marks: `Álvaro` is `alvaro`,
`Straße` is `strasse`, and it does not matter how Unicode composes them. A question is a list of words, each of which
has to be the beginning of a word of the record, in any order.

Stored words are lexemes of a `tsvector`. Each begins with the key of its organisation, so that a word that is common
in other organisations costs this one nothing, and the key alone is a lexeme of every record.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from uuid import UUID

from models.rules.text import unstorable

LONGEST_SEARCH = 200
"""Characters of a question: every word costs a walk along the index."""

LONGEST_WORD = 100
"""Characters of a word that are compared; PostgreSQL takes lexemes of up to 2,046 bytes."""

KEY = 8
"""Characters of an organisation's id that are its key."""

MARK = "~"
"""Stands for the key in a question, because a question is read before the organisation is known. No word has it."""

AT = "@"
JOINED = "'"
APOSTROPHES = "'\u2019\u2018\u02bc\u02bb\u2032\u00b4`\u00b7"
"""What may stand within a word: apostrophes, signs that are typed instead of them, and the Catalan middle dot."""

UNDECOMPOSED = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n",
}  # fmt: skip
"""Lower-case letters with a mark that Unicode does not take apart, and what is typed for them."""


class _Letters(dict[int, str | None]):
    """What each character of a decomposed text becomes: itself, another spelling, nothing, or a blank between words.

    Filled as characters occur: a table of all would take a second to make.
    """

    def __missing__(self, code: int) -> str | None:
        self[code] = found = self._spelling(chr(code))
        return found

    @staticmethod
    def _spelling(letter: str) -> str | None:
        category = unicodedata.category(letter)
        if unicodedata.combining(letter) or category in ("Cf", "Me") or _is_selector(letter):
            return None
        if category == "Nd":
            return str(unicodedata.decimal(letter))
        # Vowel signs of Indian and other scripts are marks that do not combine: they belong to their word.
        return letter if letter.isalnum() or category in ("Mn", "Mc") else " "


def _is_selector(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("VARIATION SELECTOR", "MONGOLIAN FREE VARIATION SELECTOR"))


_APOSTROPHES = str.maketrans(dict.fromkeys(APOSTROPHES, JOINED))
_LETTERS = _Letters({ord(JOINED): JOINED, **{ord(letter): typed for letter, typed in UNDECOMPOSED.items()}})


def _plain(text: str) -> str:
    """The words of a text, with blanks between them, and apostrophes where they stood."""
    # An acute that stands for an apostrophe decomposes into a blank and a mark, so it is replaced before; others only
    # appear when letters decompose.
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold()).casefold()
    return decomposed.translate(_APOSTROPHES).translate(_LETTERS)


_BETWEEN = re.compile(r"[\s,;:<>()\[\]\"]+")
"""What stands between an e-mail address and the text around it."""


def split_words(text: str) -> list[str]:
    """The words of a text in their order, those that apostrophes divide in one."""
    return _plain(text).replace(JOINED, "").split()


def _addresses(text: str) -> Iterator[tuple[str, list[str], str]]:
    """The e-mail addresses of a text, whole or begun: as written, the words before the @, and what is after it."""
    for token in _BETWEEN.split(text) if AT in text else ():
        name, at, domain = token.partition(AT)
        if at and (found := split_words(name)):
            yield token, found, "".join(split_words(domain))


def _cut(words: Iterable[str]) -> set[str]:
    return {word[:LONGEST_WORD] for word in words}


def words(text: str | None) -> set[str]:
    """The words to store of a text. Where apostrophes stand, both its parts and the whole: o, brien and obrien.

    Of an e-mail address, both its words and the address from each word before the @ on: ada, abel, example, com,
    adaabel@examplecom and abel@examplecom.
    """
    text = text or ""
    plain = _plain(text)
    found = _cut(plain.replace(JOINED, " ").split())
    if JOINED in plain:
        found |= _cut(split_words(text))
    for _, name, domain in _addresses(text):
        found |= _cut("".join(name[at:]) + AT + domain for at in range(len(name)))
    return found


def number_words(number: str | None) -> set[str]:
    """The words to store of a telephone number: with its digits from each of them on, so that any of them are found,
    however both are grouped."""
    digits = "".join(letter for letter in _plain(number or "") if letter in "0123456789")
    return words(number) | _cut(digits[at:] for at in range(len(digits)))


def question(text: str) -> str:
    """What a record has to hold to be found by a text: a `tsquery` with `MARK` in place of the organisation's key.

    An e-mail address is one word: of four that are common, such as com, each would be looked up. A text without words
    finds every record. Raises `ValueError` for a text that is too long, or that PostgreSQL could not store.
    """
    if len(text) > LONGEST_SEARCH:
        raise ValueError(f"{len(text):,} characters are too many to search for. Send up to {LONGEST_SEARCH}.")
    if (reason := unstorable(text)) is not None:
        raise ValueError(reason)
    addresses = {token: "".join(name) + AT + domain for token, name, domain in _addresses(text)}
    rest = " ".join(token for token in _BETWEEN.split(text) if token not in addresses)
    asked = sorted(_cut([*split_words(rest), *addresses.values()]))
    # A word that another one begins with asks nothing more; in this order, that other one is the next.
    needed = [word for word, after in pairwise([*asked, ""]) if not after.startswith(word)]
    return " & ".join(f"'{MARK}{word}':*" for word in needed) or f"'{MARK}'"


def vector(org_id: UUID, found: Iterable[str]) -> str:
    """The words of a record as a `tsvector`, in PostgreSQL's notation."""
    key = str(org_id)[:KEY]
    return " ".join(f"'{key}{word}'" for word in ("", *sorted(found)))
