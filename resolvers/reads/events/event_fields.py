"""What an event holds beyond its time and its actor: the record it is about, and the changed fields."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, case, cast, column, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB

from engine.read.any_of import AnyOf
from engine.read.json_text import Expression, among, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.event_keys import SHAPES, key
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.event import Begun, Ended
from models.tables.lead import Lead
from models.tables.member import Member
from models.tables.routing import Pool
from models.tables.task import Task
from resolvers.reads.nodes import find


def type(event: Any, args: Args) -> Expression:
    """`lead.stage_changed` as GraphQL names it: LEAD_STAGE_CHANGED."""
    return func.upper(func.replace(event.type, quoted("."), quoted("_")), type_=Text())


def change_id(event: Any, args: Args) -> Expression:
    """What the events of one change share: the instant at which they were appended, which no other change has."""
    seconds: Any = func.extract("epoch", event.occurred_at)
    microseconds = cast(seconds * literal_column("1000000"), BigInteger)
    return quoted("change_").concat(func.to_hex(microseconds, type_=Text()))


def mutation(event: Any, args: Args) -> Expression:
    """The mutation that caused the event, by its published name."""
    return public_name(event.mutation)


def public_name(name: Any) -> Expression:
    """The published name of a mutation: `convert_lead` is convertLead."""
    space, nothing, one, rest = map(LITERAL, ("' '", "''", "1", "2"))
    words: Any = func.initcap(func.replace(name, quoted("_"), space))
    joined: Any = func.replace(words, space, nothing)
    return func.lower(func.left(joined, one), type_=Text()).concat(func.substr(joined, rest))


LITERAL: Callable[[str], Expression] = literal_column


ENDS = tuple(type_ for type_, shapes in SHAPES.items() if issubclass(shapes[0], Ended))
"""What ends a record: `data` holds its fields, and what became of it."""

INTO = key(EventType.LEAD_MERGED, "into")

MOVED = key(EventType.STAGE_DELETED, "moved_leads")

BEGINS = tuple(type_ for type_, shapes in SHAPES.items() if issubclass(shapes[0], Begun))
"""What begins a record: `data` holds its fields."""

REPEATS = key(EventType.TASK_SCHEDULED, "repeats")

BESIDE = (INTO, MOVED, REPEATS)
"""What `data` holds beside the fields of a record that begins or ends. Each has a field of its own."""

FROM, TO = key(EventType.STAGES_REORDERED, "from_"), key(EventType.STAGES_REORDERED, "to")

ORDER = spelled("stages")
"""The field of a pipeline that another order of its stages changes."""

CHANGES = key(EventType.LEAD_UPDATED, "changes")


class ChangedField:
    """One changed field of an event: an entry of `data.changes`, which is `{field: [from, to]}`; of one that begins or
    ends a record, a field that was not empty; of one that reorders stages, their order."""

    def __init__(self, event: Any) -> None:
        begins, ends = among(event.type, BEGINS), among(event.type, ENDS)
        fields = event.data
        for beside in BESIDE:
            fields = fields.op("-")(quoted(beside))
        order = func.jsonb_build_object(
            quoted(ORDER), func.jsonb_build_array(event.data[quoted(FROM)], event.data[quoted(TO)])
        )
        reordered = event.type == quoted(EventType.STAGES_REORDERED)
        pairs = func.jsonb_each(case((begins | ends, fields), (reordered, order), else_=event.data[quoted(CHANGES)]))
        entry = pairs.table_valued(column("key", Text()), column("value", JSONB())).render_derived()
        self.clause = entry
        self.field: Expression = entry.c.key
        whole = cast(entry.c.value.op("#>>")(literal_column("'{}'")), Text)
        self.before = case((ends, whole), (~begins, self._text(entry.c.value, 0)))
        self.after = case((begins, whole), (~ends, self._text(entry.c.value, 1)))
        self.is_shown = ~(begins | ends) | whole.is_not(None)

    @staticmethod
    def _text(value: Any, at: int) -> Expression:
        """A text as it is, anything else as JSON; null stays null."""
        found: Expression = value.op("->>")(literal_column(str(at)))
        return cast(found, Text)

    def __clause_element__(self) -> Any:
        return self.clause


def changes(event: Any, args: Args) -> Rows:
    """Each field that changed, by name."""
    found = ChangedField(event)
    return Rows(ChangedField, found, (found.is_shown,))


def text(type_: EventType, name: str) -> Callable[[Any, Args], Expression]:
    """A field of what events of a type hold, as text. Raises `TypeError` when they hold no such field."""
    held = key(type_, name)

    def resolver(event: Any, args: Args) -> Expression:
        found: Expression = event.data.op("->>")(quoted(held))
        return cast(found, Text)

    return resolver


def number(type_: EventType, name: str) -> Callable[[Any, Args], Expression]:
    """A field of what events of a type hold, as a number. Raises `TypeError` when they hold no such field."""
    held = key(type_, name)

    def resolver(event: Any, args: Args) -> Expression:
        return cast(event.data.op("->>")(quoted(held)), Integer)

    return resolver


def listed(type_: EventType, name: str) -> Callable[[Any, Args], Expression]:
    """A list that events of a type hold. Raises `TypeError` when they hold no such field."""
    held = key(type_, name)

    def resolver(event: Any, args: Args) -> Expression:
        found: Expression = event.data.op("->", return_type=JSONB())(quoted(held))
        return found

    return resolver


def named(type_: EventType, name: str, model: Any) -> Callable[[Any, Args], Rows]:
    """The record whose public id events of a type hold in a field. Raises `TypeError` when they hold no such field."""
    held = key(type_, name)

    def resolver(event: Any, args: Args) -> Rows:
        public: Any = event.data.op("->>")(quoted(held))
        return rows(model, cast(func.right(public, literal_column("36")), Uuid))

    return resolver


ABOUT_PIPELINES = (EventType.STAGES_REORDERED, EventType.IMPORT_FINISHED, EventType.SCORES_CHANGED)
"""Types whose names begin with something else than the type of their record, a pipeline."""


def noun_of(type_: str) -> str:
    """The type of the record that an event of a type is about."""
    return "pipeline" if type_ in ABOUT_PIPELINES else type_.partition(".")[0]


def _prefix(event: Any) -> Expression:
    """The type of the record that an event is about: lead for `lead.created`."""
    return case(
        (event.type.in_([quoted(type_) for type_ in ABOUT_PIPELINES]), quoted("pipeline")),
        else_=func.split_part(event.type, quoted("."), literal_column("1"), type_=Text()),
    )


def record_id(event: Any, args: Args) -> Expression:
    """The public id of the event's record, also when it was deleted."""
    id = cast(func.coalesce(event.record_id, event.lead_id), Text)
    return _prefix(event).concat(literal_column("'_'", Text())).concat(id)


def record(event: Any, args: Args) -> AnyOf:
    """The event's record, as it is now."""
    return AnyOf(find, _prefix(event), func.coalesce(event.record_id, event.lead_id, type_=Uuid()))


def instant(type_: EventType, name: str) -> Callable[[Any, Args], Expression]:
    """A field of what events of a type hold, as an instant. Raises `TypeError` when they hold no such field."""
    held = key(type_, name)

    def resolver(event: Any, args: Args) -> Expression:
        return cast(event.data.op("->>")(quoted(held)), DateTime(timezone=True))

    return resolver


def merged_into(event: Any, args: Args) -> AnyOf:
    """The record that the event's record was merged into, as it is now."""
    public: Any = event.data.op("->>")(quoted(INTO))
    return AnyOf(find, _prefix(event), cast(func.right(public, literal_column("36")), Uuid))


REMIND_AT = key(EventType.TASK_REMINDED, "remind_at")


def remind_at(event: Any, args: Args) -> Expression:
    """When a reminder was to come."""
    return cast(event.data.op("->>")(quoted(REMIND_AT)), DateTime(timezone=True))


from_owner = named(EventType.LEAD_ASSIGNED, "from_", Member)
to_owner = named(EventType.LEAD_ASSIGNED, "to", Member)
assigned_by = named(EventType.LEAD_ASSIGNED, "pool_id", Pool)
opportunity = named(EventType.LEAD_CONVERTED, "opportunity_id", Lead)
merged_into_lead = named(EventType.LEAD_MERGED, "into", Lead)
repeats = named(EventType.TASK_SCHEDULED, "repeats", Task)
