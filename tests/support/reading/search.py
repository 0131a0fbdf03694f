"""What a search finds, written plainly: letter by letter, and word by word over all records."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

APOSTROPHES = "'’‘ʼʻ′´`·"
TYPED = dict(zip("ø ł đ ð ħ ŧ ı æ œ þ ŋ".split(), "o l d d h t i ae oe th n".split(), strict=True))
LONGEST_WORD = 100

FIELDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "lead": (("title", "external_id"), ()),
    "contact": (("name", "email"), ("phone",)),
    "customer": (("name", "website", "external_id"), ("phone",)),
}
"""The searched fields of each record's own: texts, and telephone numbers."""

Texts = list[str | None]


def spelled(letter: str) -> str:
    """A letter as words are compared: an apostrophe, plain letters, nothing, or a blank."""
    if letter in APOSTROPHES:
        return "'"
    found = ""
    for part in unicodedata.normalize("NFKD", letter.casefold()).casefold():
        category = unicodedata.category(part)
        if part in APOSTROPHES:
            found += "'"
        elif part in TYPED:
            found += TYPED[part]
        elif category == "Nd":
            found += str(unicodedata.digit(part))
        elif part.isalnum():
            found += part
        elif (
            unicodedata.combining(part)
            or category in ("Cf", "Me")
            or "VARIATION SELECTOR" in unicodedata.name(part, "")
        ):
            pass
        else:
            found += part if category in ("Mn", "Mc") else " "
    return found


def plain(text: str | None) -> str:
    return "".join(spelled(letter) for letter in text or "")


def tokens(text: str | None) -> list[tuple[str, list[str], str]]:
    """What stands between blanks, commas and brackets: as written, the words before the first @, and all after it."""
    for sign in ',;:<>()[]"':
        text = (text or "").replace(sign, " ")
    found = []
    for token in (text or "").split():
        name, at, domain = token.partition("@")
        found.append((token, whole_words(name) if at else [], "".join(whole_words(domain))))
    return found


def whole_words(text: str) -> list[str]:
    return plain(text).replace("'", "").split()


def words(text: str | None) -> set[str]:
    """The words of a text, those that apostrophes divide also in one, and addresses from each word before the @ on."""
    found = {*plain(text).replace("'", " ").split(), *whole_words(text or "")}
    for _, name, domain in tokens(text):
        while name:
            found.add("".join(name) + "@" + domain)
            name = name[1:]
    return {word[:LONGEST_WORD] for word in found}


def asked_words(text: str) -> set[str]:
    """The words of a question: an address is one."""
    found = set()
    for token, name, domain in tokens(text):
        found |= {"".join(name) + "@" + domain} if name else set(whole_words(token))
    return {word[:LONGEST_WORD] for word in found}


def digits(number: str | None) -> str:
    return "".join(letter for letter in plain(number) if letter.isdecimal())


def number_words(number: str | None) -> set[str]:
    """The words of a telephone number, and its digits from each of them on."""
    found = digits(number)
    return words(number) | {found[at:] for at in range(len(found))}


def fields_of(noun: str, row: Mapping[str, Any]) -> tuple[Texts, Texts]:
    """The searched texts and telephone numbers of a record."""
    texts, numbers = FIELDS[noun]
    return [row[name] for name in texts], [row[name] for name in numbers]


def stored(noun: str, row: Mapping[str, Any]) -> set[str]:
    """The words that a record is stored with: each after the key of its organisation, which is one itself."""
    texts, numbers = fields_of(noun, row)
    found = set[str]().union(*map(words, texts), *map(number_words, numbers))
    return {str(row["org_id"])[:8] + word for word in {"", *found}}


def finds(asked: str, texts: Texts, numbers: Texts) -> bool:
    """Whether each word of a question begins a word of one of the texts, or stands within the digits of a number."""
    for word in asked_words(asked):
        begins = any(held.startswith(word) for text in texts + numbers for held in words(text))
        if not begins and not any(word in digits(number) for number in numbers):
            return False
    return True
