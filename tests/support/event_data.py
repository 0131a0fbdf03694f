"""Whether the `data` of an event is what its type declares: these keys and no others, with values of these types."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from engine.change.fields import Fields
from models import Base
from models.event_keys import SHAPES
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.event import Changes, EventData, RecordData
from resolvers.changes.activities import FIELDS as ACTIVITY_FIELDS
from resolvers.changes.contacts.create_update import CONTACT_FIELDS, CUSTOMER_FIELDS
from resolvers.changes.leads.fields import FIELDS as LEAD_FIELDS
from resolvers.changes.organisation.members import FIELDS as MEMBER_FIELDS
from resolvers.changes.ownership.pools import FIELDS as POOL_FIELDS
from resolvers.changes.pipelines.pipelines import FIELDS as PIPELINE_FIELDS
from resolvers.changes.pipelines.stages import FIELDS as STAGE_FIELDS
from resolvers.changes.tasks.fields import FIELDS as TASK_FIELDS

OF_RECORD: Mapping[str, Fields] = {
    fields.model.__tablename__: fields
    for fields in (
        *(ACTIVITY_FIELDS, CONTACT_FIELDS, CUSTOMER_FIELDS, LEAD_FIELDS, PIPELINE_FIELDS, POOL_FIELDS, STAGE_FIELDS),
        *(MEMBER_FIELDS, TASK_FIELDS),
    )
}
"""The fields of each record that events hold as a whole."""

AS_JSON: Mapping[type, type] = {UUID: str, Decimal: str, datetime: str, date: str}
"""How JSON holds a value of a column, where not as it is."""


def is_declared(type_: str, data: Mapping[str, Any]) -> bool:
    """Whether some class that declares this type of event declares exactly this `data`."""
    return any(_holds(shape, type_, data) for shape in SHAPES[EventType(type_)])


def _holds(shape: type[EventData], type_: str, data: Mapping[str, Any]) -> bool:
    hints = get_type_hints(shape)
    own = {spelled(field.name): field for field in fields(shape) if field.name not in ("type", "record")}
    left_out = {name for name, field in own.items() if field.default is not MISSING and data.get(name) is None}
    types = {name: hints[own[name].name] for name in own.keys() - left_out}
    if issubclass(shape, RecordData):
        types |= _record(type_.partition(".")[0])
    return types.keys() == data.keys() and all(_is(data[name], types[name]) for name in types)


def _record(noun: str) -> dict[str, Any]:
    """The type of each field of a record, by its public name."""
    columns = {name: Base.metadata.tables[noun].c[name] for name in OF_RECORD[noun].names}
    types: dict[str, Any] = {name: column.type.python_type for name, column in columns.items()}
    held = {name: AS_JSON.get(type_, type_) for name, type_ in types.items()}
    return {spelled(name): held[name] | None if column.nullable else held[name] for name, column in columns.items()}


def _is(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of a declared type."""
    if hint == Changes:
        return (
            isinstance(value, dict)
            and value != {}
            and all(_is(pair, list) and len(pair) == 2 for pair in value.values())
        )
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_is(item, *get_args(hint)) for item in value)
    if parts := get_args(hint):
        return any(_is(value, part) for part in parts)
    return type(value) is hint
