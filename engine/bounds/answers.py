"""How large an answer may be. PostgreSQL measures it before it sends it: what is too large is replaced by its size.

JSON that a statement returns begins with a bracket or is null, so a text that begins with a digit is a size.
`OFFSET 0` keeps PostgreSQL from merging the two levels, which would put the answer together twice.
"""

from engine.errors import Code
from engine.failures import Failed

MOST_BYTES = 8_000_000
"""Bytes of an answer, unless the settings say otherwise."""


def limited_query(sql: str, most: int) -> str:
    """The statement of a query, which returns one text."""
    return (
        f"SELECT CASE WHEN octet_length(c0) > {most} THEN octet_length(c0)::text ELSE c0 END\n"
        f"FROM ({sql}\nOFFSET 0) AS answer (c0)"
    )


def limited_payload(sql: str, columns: int, most: int) -> str:
    """The statement of a payload, which returns one row of so many texts. All of them count together."""
    names = [f"c{number}" for number in range(columns)]
    size = " + ".join(f"coalesce(octet_length({name}), 0)" for name in names)
    shown = ", ".join(f"CASE WHEN size > {most} THEN size::text ELSE {name} END" for name in names)
    return (
        f"SELECT {shown}\nFROM (SELECT *, {size} AS size FROM ({sql}\nOFFSET 0) AS answer ({', '.join(names)})\n"
        "OFFSET 0) AS measured"
    )


def limited_events(sql: str, most: int) -> str:
    """The statement of a page of events, which returns numbers and texts.

    All events up to one count together. Those that do not fit are empty, and belong to the next page.
    """
    return (
        f"SELECT number, CASE WHEN octet_length(c0) > {most} THEN octet_length(c0)::text"
        f" WHEN sum(octet_length(c0)) OVER (ORDER BY number) > {most} THEN '' ELSE c0 END\n"
        f"FROM ({sql}\nOFFSET 0) AS answer (number, c0) ORDER BY number"
    )


def is_size(text: str | None) -> bool:
    """Whether this stands in place of an answer that is too large."""
    return text is not None and text[:1].isdigit()


def too_large(size: int, most: int, instead: str = "Ask for fewer rows or fields, or in several requests.") -> Failed:
    """The failure of an answer that is too large."""
    return Failed(
        Code.ANSWER_TOO_LARGE,
        f"This answer has {size:,} bytes; the limit is {most:,} (setting DEALBOARD_MAX_ANSWER_BYTES). {instead}",
        value=size,
        limit=most,
    )
