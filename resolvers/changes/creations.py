"""What records were like when they were created, found by undoing what has happened to them since.

From the record as it is now, or as it was when it ended, all later events are undone. Where one of them does not end
with what the next one begins with, some event is missing.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, BigInteger, bindparam, text

from engine.change.fields import Fields
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_keys import SHAPES, key
from models.event_types import Created, CreatedType, EventType, LeadCreated, PipelineCreated, PoolCreated
from models.rules.ids import public_id
from models.rules.text import spelled
from models.tables.event import Ended, EventData, Snapshot
from resolvers.changes.contacts.create_update import CONTACT_FIELDS, CUSTOMER_FIELDS
from resolvers.changes.leads.fields import FIELDS as LEAD_FIELDS
from resolvers.changes.organisation.members import FIELDS as MEMBER_FIELDS
from resolvers.changes.ownership.pools import FIELDS as POOL_FIELDS
from resolvers.changes.pipelines.pipelines import FIELDS as PIPELINE_FIELDS
from resolvers.changes.pipelines.stages import FIELDS as STAGE_FIELDS

RANGE = (bindparam("from_number", type_=BigInteger()), bindparam("to_number", type_=BigInteger()))

ENDS = {type_ for type_, shapes in SHAPES.items() if issubclass(shapes[0], Ended)}

CHANGES = key(EventType.LEAD_UPDATED, "changes")
FROM, TO = key(EventType.LEAD_ASSIGNED, "from_"), key(EventType.LEAD_ASSIGNED, "to")
OWNER = spelled("owner_id")
LOST_REASON = key(EventType.LEAD_CREATED, "lost_reason")
MEMBERS = key(EventType.POOL_CREATED, "member_ids")
TYPE, STAGES = key(EventType.PIPELINE_CREATED, "type_"), key(EventType.PIPELINE_CREATED, "stages")

PLACES = """ARRAY(
    SELECT 'member_' || CAST(member_id AS text) FROM pool_member
    WHERE pool_member.org_id = :org_id AND pool_member.pool_id = pool.id ORDER BY position
)"""
"""The members of a pool in their order."""

SCORE = spelled("score")

OWN_SCORE = """CASE WHEN NOT EXISTS (
    SELECT FROM lead_score WHERE lead_score.org_id = :org_id AND lead_score.lead_id = lead.id AND NOT lead_score.pinned
) THEN lead.score END AS score"""
"""The score of a lead, unless scoring rules gave it: that is no event of the lead, and only to those without one."""

Values = dict[str, Any]
"""Values of a record by their public names."""

Make = Callable[[Snapshot, Values], EventData]
"""Makes what an event holds of the fields of a record, and of all its values."""


def _later(noun: str, named: str, record: str, number: str) -> str:
    """The events of a type of record that name one record, after a number, the newest first; as a subquery."""
    return f"""(
        SELECT jsonb_agg(jsonb_build_array(later.type, later.data) ORDER BY later.number DESC) FROM event AS later
        WHERE later.org_id = :org_id AND later.{named} = {record} AND later.number > {number}
            AND starts_with(later.type, '{noun}.')
    )"""


def _lacking(type_: str, fields: Fields, also: Mapping[str, str]) -> Statement:
    noun = fields.model.__tablename__
    named = "lead_id" if noun == "lead" else "record_id"
    columns = [f"{noun}.{name}" for name in ("id", "version", *fields.names)]
    columns = [OWN_SCORE if name == "lead.score" else name for name in columns]
    others = [f'{value} AS "{name}"' for name, value in also.items()]
    return Statement(
        text(
            f"""
            SELECT event.number, {", ".join((*columns, *others))},
                {_later(noun, named, f"event.{named}", "event.number")} AS later
            FROM event LEFT JOIN {noun} ON {noun}.org_id = :org_id AND {noun}.id = event.{named}
            WHERE event.org_id = :org_id AND event.number BETWEEN :from_number AND :to_number
                AND event.type = '{type_}' AND event.data = CAST('{{}}' AS jsonb)
            """
        ).bindparams(ORG, *RANGE)
    )


@dataclass(frozen=True)
class Creation:
    """How records of a type are created: the type of the event, the fields that it holds, what it holds besides
    (`also`, as SQL by public name), and how its data is made.

    `lacking` finds such events without values, each with its record as it is now and with what has happened to it
    since: one snapshot, in which both agree.
    """

    type: EventType
    fields: Fields
    also: Mapping[str, str]
    make: Make
    lacking: Statement

    @property
    def names(self) -> set[str]:
        """The public names of the fields."""
        return set(self.fields.spelled.values())

    def keeps_log(self, row: Row) -> bool:
        """Whether all events of a record are kept however old they are: those of leads that are not deleted."""
        later = orjson.loads(row["later"] or "[]")
        is_merged = bool(later) and later[0][0] == EventType.LEAD_MERGED
        return self.type == EventType.LEAD_CREATED and (row["id"] is not None or is_merged)

    def undone(self, row: Row) -> Values | None:
        """The values of a record when it was created. None where the log does not say all that has happened since."""
        later = orjson.loads(row["later"] or "[]")
        is_there = row["id"] is not None
        values: Values = {name: row[name] for name in self.also} if is_there else {}
        if later and later[0][0] in ENDS:
            values |= later.pop(0)[1]
        elif is_there and (self.type != EventType.MEMBER_CREATED or row["version"] == len(later) + 1):
            values |= self.fields.public(row)
        else:  # a member may have been claimed by a change, which is no event
            return None
        for type_, data in later:
            changes = dict(data.get(CHANGES, {}))
            if type_ == EventType.LEAD_ASSIGNED:
                changes[OWNER] = [data.get(FROM), data.get(TO)]
            for name in changes.keys() & {*self.names, *self.also}:
                before, after = changes[name]
                if values.get(name, after) != after and name != SCORE:
                    return None
                values[name] = before
        return values if values.keys() >= self.names else None

    def record(self, values: Values) -> Values:
        """The fields among the values."""
        return {name: values[name] for name in self.names}

    def data(self, values: Values) -> EventData:
        """What the event holds."""
        return self.make(Snapshot(self.record(values)), values)


def _creation(type_: EventType, fields: Fields, make: Make, **also: str) -> Creation:
    return Creation(type_, fields, also, make, _lacking(type_, fields, also))


def _plain(type_: CreatedType, fields: Fields) -> Creation:
    return _creation(type_, fields, lambda record, values: Created(type_, record))


STAGE = _plain(EventType.STAGE_ADDED, STAGE_FIELDS)

CREATIONS: Mapping[EventType, Creation] = {
    one.type: one
    for one in (
        _creation(
            EventType.LEAD_CREATED,
            LEAD_FIELDS,
            lambda record, values: LeadCreated(record=record, lost_reason=values.get(LOST_REASON)),
            **{LOST_REASON: "lead.lost_reason"},
        ),
        _plain(EventType.CONTACT_CREATED, CONTACT_FIELDS),
        _plain(EventType.CUSTOMER_CREATED, CUSTOMER_FIELDS),
        _plain(EventType.MEMBER_CREATED, MEMBER_FIELDS),
        _creation(
            EventType.PIPELINE_CREATED,
            PIPELINE_FIELDS,
            lambda record, values: PipelineCreated(record=record, type_=values[TYPE], stages=values[STAGES]),
            **{TYPE: "pipeline.type"},
        ),
        _creation(
            EventType.POOL_CREATED,
            POOL_FIELDS,
            lambda record, values: PoolCreated(record=record, member_ids=values[MEMBERS]),
            **{MEMBERS: PLACES},
        ),
        STAGE,
    )
}
"""How each type of record that has such an event is created."""

STAGES_OF = Statement(
    text(
        f"""
        SELECT event.number, {", ".join(f"stage.{name}" for name in ("id", "version", *STAGE_FIELDS.names))},
            {_later("stage", "record_id", "stage.id", "0")} AS later
        FROM event JOIN stage ON stage.org_id = :org_id AND stage.pipeline_id = event.record_id
        WHERE event.org_id = :org_id AND event.number = ANY(:numbers) AND NOT EXISTS (
            SELECT FROM event AS added WHERE added.org_id = :org_id AND added.record_id = stage.id
                AND added.type = '{EventType.STAGE_ADDED}'
        )
        ORDER BY stage.id
        """
    ).bindparams(ORG, bindparam("numbers", type_=ARRAY(BigInteger())))
)
"""The stages that pipelines were created with, by the numbers of their events; their ids are in their order."""


async def created(
    connection: Connection, org_id: UUID, creation: Creation, rows: Sequence[Row]
) -> Mapping[int, EventData]:
    """What events hold, by their numbers; those of which the log does not say enough are left out."""
    found = {row["number"]: values for row in rows if (values := creation.undone(row)) is not None}
    stages: defaultdict[int, list[Values | None]] = defaultdict(list)
    if creation.type == EventType.PIPELINE_CREATED and found:
        for row in await STAGES_OF.all(connection, org_id=org_id, numbers=list(found)):
            values = STAGE.undone(row)
            stages[row["number"]].append(values and {"id": public_id("stage", row["id"]), **STAGE.record(values)})
    held = {}
    for number, values in found.items():
        known = [stage for stage in stages[number] if stage is not None]
        if len(known) == len(stages[number]):
            held[number] = creation.data({**values, STAGES: known})
    return held
