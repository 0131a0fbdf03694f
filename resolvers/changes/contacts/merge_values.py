"""What a merge keeps of the record that goes: it fills empty fields, and what fits nowhere else is in the notes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.change.records import public
from models.database import Row
from models.rules.refusal import Refusal, Refused
from models.rules.text import PROSE
from resolvers.changes.contacts.merge_kinds import KEEPS, LEAD, MergeKind

PRICE = {"value", "currency"}
"""An amount is nothing without its currency: both are filled, or neither."""


@dataclass(frozen=True)
class Taken:
    """The fields that the record that stays takes from the other one, and those it keeps its own value of."""

    filled: Mapping[str, Any]
    dropped: tuple[str, ...]
    notes: Mapping[str, str]
    """The field for notes, where it changes otherwise than by being filled."""

    @property
    def changes(self) -> dict[str, Any]:
        """All that changes of the record that stays."""
        return {**self.filled, **self.notes}


def taken(kind: MergeKind, winner: Row, loser: Row, unwanted: Collection[str] = ()) -> Taken:
    """What the winner of a merge takes from the loser; an `unwanted` field is not filled. The notes of both are joined,
    and hold the loser's other values below its name, each on a line such as “Email: ada@example.com”.

    Raises `Refused` INVALID when they would be too long.
    """
    filled = _filled(kind, winner, loser)
    for name in unwanted:
        filled.pop(name, None)
    others = [name for name in kind.fields.names if name != kind.notes and name not in filled]
    dropped = [name for name in others if _differs(loser[name], winner[name])]
    if kind is LEAD and (loser["value"] is None or "value" in filled):
        dropped = [name for name in dropped if name not in PRICE]
    elif kind is LEAD and PRICE & set(dropped):
        dropped = [name for name in others if name in PRICE or name in dropped]
    own, other = winner[kind.notes], loser[kind.notes]
    texts = [text for text in (own, None if other == own else other) if text is not None]
    if dropped:
        further = [name for name in dropped if name != kind.titled]
        lines = [f"{name.replace('_', ' ').capitalize()}: {public(name, loser[name])}" for name in further]
        texts.append("\n".join([f"Merged from “{loser[kind.titled]}”", *lines]))
    joined = "\n\n".join(texts)
    if len(joined) > PROSE:
        raise Refused(
            Refusal.INVALID,
            f"What both have in {kind.notes} has {len(joined):,} characters together. Shorten it to {PROSE:,} first.",
            "loserId",
        )
    notes = {kind.notes: joined} if joined and joined != own and joined != filled.get(kind.notes) else {}
    return Taken(filled, tuple(dropped), notes)


def _filled(kind: MergeKind, winner: Row, loser: Row) -> dict[str, Any]:
    """The winner's empty fields that the loser can fill. A value comes with its currency, or not at all."""
    filled = {
        name: loser[name]
        for name in kind.fields.names
        if winner[name] is None and loser[name] is not None and name not in KEEPS
    }
    if kind is LEAD and winner["value"] is not None:
        filled.pop("currency", None)
    elif kind is LEAD and "value" in filled and winner["currency"] != loser["currency"]:
        filled["currency"] = loser["currency"]
    return filled


def _differs(lost: Any, kept: Any) -> bool:
    """Whether a value would be lost: another case of the same text would not."""
    if isinstance(lost, str) and isinstance(kept, str):
        return lost.casefold() != kept.casefold()
    return lost is not None and lost != kept
