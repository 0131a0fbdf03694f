"""The keys of an event's `data`, for what reads them: checked when modules are imported."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import get_args, get_type_hints

from models import ended_event_types, event_types, webhook_events
from models.event_names import EventType
from models.rules.text import spelled
from models.tables.base import Base
from models.tables.event import EventData, RecordData

DECLARED_IN = (event_types, ended_event_types, webhook_events)
"""Where the data of events is declared, so that all of it is known here."""


def _shapes(of: type[EventData]) -> Iterator[type[EventData]]:
    for shape in of.__subclasses__():
        yield shape
        yield from _shapes(shape)


SHAPES: Mapping[EventType, tuple[type[EventData], ...]] = {
    type_: tuple(shape for shape in _shapes(EventData) if type_ in get_args(get_type_hints(shape)["type"]))
    for type_ in EventType
}
"""What events of each type can hold."""

if bare := [type_.value for type_, shapes in SHAPES.items() if not shapes]:
    raise TypeError(f"No class declares the data of {', '.join(bare)}.")


def key(type_: EventType, name: str) -> str:
    """The key of `data` under which events of a type hold a field, for those who read it.

    Raises `TypeError` when they hold no such field. Called when modules are imported, so that a misspelled name fails
    there instead of reading null.
    """
    names = {field.name for shape in SHAPES[type_] for field in fields(shape)} - {"type", "record"}
    if issubclass(SHAPES[type_][0], RecordData):
        names |= set(Base.metadata.tables[type_.partition(".")[0]].c.keys())
    if name not in names:
        raise TypeError(f"Events of type {type_} hold no {name}.")
    return spelled(name)
