"""Stored conditions: checked when they are saved, and ready to be compiled when they are read back."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.transaction import Change
from engine.read.rows import ORG
from engine.read.slots import Register, Slot
from models.database import Statement
from models.rules.refusal import Checks, Refusal, Refused, not_found
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import Kind
from resolvers.conditions.parsing import WrongCondition, parse, parse_settled
from resolvers.conditions.tree import Condition, Group, Not, as_data, checks

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

    Raises `Refused` INVALID or WRONG_ID, with the path of each fault.
    """
    try:
        condition = parse_settled(given)
    except WrongCondition as wrong:
        others = [_refused(other, *path) for other in wrong.others]
        first = _refused(wrong, *path)
        raise Refused(first.code, first.message, *first.field, others=others) from wrong
    data = as_data(condition)
    # Half of a surrogate pair is refused with the input; it may not break what is checked beside that.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise Refused(
            Refusal.INVALID, f"This condition takes {size:,} bytes; at most {LARGEST:,} fit. Make it smaller.", *path
        )
    return data, [(noun, id, (*path, *at)) for noun, id, at in _named(condition)]


def _refused(wrong: WrongCondition, *path: str) -> Refused:
    return Refused(Refusal.WRONG_ID if wrong.is_id else Refusal.INVALID, wrong.message, *path, *wrong.path)


async def expect_known(change: Change, named: Sequence[Named]) -> None:
    """Refuse each record that a condition names and that does not exist with NOT_FOUND."""
    if not named:
        return
    ids = {f"{noun}_ids": sorted({id for found, id, _ in named if found == noun}) for noun in NAMED}
    known = {row["id"] for row in await change.all(KEEP_KNOWN, **ids)}
    with Checks() as check:
        for noun, id, path in named:
            check(_expect_one, known, noun, id, path)


def _expect_one(known: Collection[UUID], noun: str, id: UUID, path: tuple[str, ...]) -> None:
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
