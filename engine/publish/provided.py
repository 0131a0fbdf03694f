"""Arguments that only the database can check: whether a cursor lies in the log, whether an instant is known.

The check is part of the statement, so that the answer and what is wrong with it are of one snapshot. A statement that
finds something wrong returns a JSON array of names and messages in place of its answer, and builds nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Text, case, func, literal_column

from engine.read.json_text import Expression
from engine.read.slots import BadInput


@dataclass(frozen=True)
class Provided:
    """What a field selects, provided that nothing is `wrong`: a text of JSON arrays of a name and a message, with
    commas between them, or null. Null is shown where `there` does not hold."""

    found: Any
    wrong: Expression
    there: Any = None


def wrong_if(name: str, *cases: tuple[Any, Expression]) -> Expression:
    """The name and the message of the first case that holds, as JSON; null if none does."""
    return case(
        *((holds, func.json_build_array(literal_column(f"'{name}'", Text()), message)) for holds, message in cases),
        else_=None,
    ).cast(Text())


def together(parts: Sequence[Expression]) -> Expression:
    """What is wrong of several arguments; null if nothing is."""
    return func.nullif(func.concat_ws(literal_column("','"), *parts), literal_column("''"), type_=Text())


def guarded(answer: Expression, wrong: Sequence[Expression]) -> Expression:
    """An answer, or what is wrong as a JSON array."""
    if not wrong:
        return answer
    found = together(wrong)
    faults = func.concat(literal_column("'['"), found, literal_column("']'"), type_=Text())
    return case((found.is_not(None), faults), else_=answer)


def faults(text: str) -> BadInput | None:
    """What is wrong, if this stands in place of an answer."""
    if not text.startswith("["):
        return None
    return BadInput.together(BadInput.at(name, message) for name, message in orjson.loads(text))
