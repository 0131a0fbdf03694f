"""Stored conditions: checked when they are saved, and ready to be compiled when they are read back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.transaction import Change
from engine.read.rows import ORG
from engine.read.slots import Register, Slot
from models.database import Statement
from models.rules.refusal import Refusal, Refused, not_found
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import Kind
from resolvers.conditions.tree import Condition, Group, Not, WrongCondition, as_data, checks, parse, settled

LARGEST = 20_000
"""Bytes of a stored condition."""

NAMED = {
    "pipeline": "",
    "stage": "",
    "member": "",
    "contact": "ORDER BY id FOR KEY SHARE",
    "customer": "ORDER BY id FOR KEY SHARE",
}
"""The types of records that a condition can name. Contacts and customers are locked, so that none is merged into
another before the condition is stored; rows of the others are never removed."""

KEEP_KNOWN = Statement(
    text(
        "WITH "
        + ", ".join(
            f"held_{noun} AS (SELECT id FROM {noun} WHERE org_id = :org_id AND id = ANY(:{noun}_ids) {lock})"
            for noun, lock in NAMED.items()
        )
        + "\nUNION ALL ".join(f" SELECT id FROM held_{noun}" for noun in NAMED)
    ).bindparams(ORG, *(bindparam(f"{noun}_ids", type_=ARRAY(Uuid())) for noun in NAMED))
)
"""The ids that belong to records of the organisation."""

Named = tuple[str, UUID, tuple[str, ...]]
"""The type and the id of a record, and the path of the id."""


def kept(given: Mapping[str, Any], *path: str) -> tuple[dict[str, Any], list[Named]]:
    """The canonical form of a condition from an input, and the records that it names.

    Raises `Refused` INVALID or WRONG_ID, with the path of the fault.
    """
    try:
        condition = settled(parse(given))
    except WrongCondition as wrong:
        code = Refusal.WRONG_ID if wrong.is_id else Refusal.INVALID
        raise Refused(code, wrong.message, *path, *wrong.path) from wrong
    data = as_data(condition)
    size = len(orjson.dumps(data))
    if size > LARGEST:
        raise Refused(
            Refusal.INVALID, f"This condition takes {size:,} bytes; at most {LARGEST:,} fit. Make it smaller.", *path
        )
    return data, [(noun, id, (*path, *at)) for noun, id, at in _named(condition)]


async def expect_known(change: Change, named: Sequence[Named]) -> None:
    """Refuse a record that a condition names and that does not exist with NOT_FOUND."""
    if not named:
        return
    ids = {f"{noun}_ids": sorted({id for found, id, _ in named if found == noun}) for noun in NAMED}
    known = {row["id"] for row in await change.all(KEEP_KNOWN, **ids)}
    for noun, id, path in named:
        if id not in known:
            raise not_found(noun, *path)


def _named(condition: Condition) -> list[Named]:
    """The records that a condition names."""
    found: list[Named] = []
    for check, path in checks(condition):
        if check.kind == Kind.ID and not isinstance(check.value, bool):
            noun = FIELDS[check.field].prefix
            if isinstance(check.value, list):
                found.extend((noun, id, (*path, str(at))) for at, id in enumerate(check.value))
            else:
                found.append((noun, check.value, path))
    return found


def stored(data: Mapping[str, Any], register: Register) -> Condition:
    """A stored condition, ready to be compiled. `register` takes each of its values, and returns a parameter for it."""

    def slot(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: slot(part) for name, part in value.items()}
        return value if isinstance(value, bool) else Slot("condition", lambda _: value, register)

    def slotted(condition: Condition) -> Condition:
        if isinstance(condition, Not):
            return Not(slotted(condition.part))
        if isinstance(condition, Group):
            return replace(condition, parts=tuple(map(slotted, condition.parts)))
        return condition if condition.kind == Kind.CHOICE else replace(condition, value=slot(condition.value))

    return slotted(parse(data))
