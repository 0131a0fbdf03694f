"""Texts that people type: tidied before they are stored, and refused if they cannot be stored."""

from models.rules.refusal import Refusal, Refused

LINE = 300
"""Characters that a name or a title may have."""

PROSE = 20_000
"""Characters that notes or a description may have."""


def line(text: str, *field: str, longest: int = LINE) -> str:
    """A name or title: on one line, without spaces around it, not empty."""
    tidy = " ".join(text.split())
    if not tidy:
        raise Refused(Refusal.INVALID, "This cannot be empty. Send at least one character.", *field)
    return _fitting(tidy, longest, *field)


def optional_line(text: str | None, *field: str, longest: int = LINE) -> str | None:
    """As `line`, but None for an empty text."""
    tidy = " ".join((text or "").split())
    return _fitting(tidy, longest, *field) if tidy else None


def prose(text: str | None, *field: str) -> str | None:
    """Text of any number of lines; None for an empty text."""
    tidy = (text or "").strip()
    return _fitting(tidy, PROSE, *field) if tidy else None


def _fitting(text: str, longest: int, *field: str) -> str:
    if len(text) > longest:
        raise Refused(Refusal.INVALID, f"This has {len(text):,} characters. Shorten it to {longest:,}.", *field)
    return text


def unstorable(text: str) -> str | None:
    """Why PostgreSQL cannot store a text, or None: it stores UTF-8 without NUL."""
    if "\0" in text:
        return "Text cannot contain the NUL character. Remove it."
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "Text cannot contain half of a surrogate pair. Send whole characters."
    return None


def spelled(name: str) -> str:
    """The public name of a field: `expected_close_date` is `expectedCloseDate`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
