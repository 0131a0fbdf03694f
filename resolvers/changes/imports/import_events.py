"""What an import records beside its leads: the records that it creates, and at its end how many lines were imported."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from engine.change.events import Cause
from engine.change.fields import Fields
from models.event_types import Created, CreatedType, EventType, ImportFinished, PipelineCreated
from models.tables.event import ActorKind, NewEvent, Snapshot
from resolvers.changes.contacts.create_update import CONTACT_FIELDS, CUSTOMER_FIELDS
from resolvers.changes.imports.copying import Records
from resolvers.changes.organisation.members import FIELDS as MEMBER_FIELDS
from resolvers.changes.pipelines.pipelines import FIELDS as PIPELINE_FIELDS
from resolvers.changes.pipelines.stages import FIELDS as STAGE_FIELDS
from resolvers.changes.pipelines.stages import created_stage

IMPORT = "import"
"""The name of the change, where one by a mutation has the mutation's."""

PEOPLE: Mapping[CreatedType, Fields] = {
    EventType.MEMBER_CREATED: MEMBER_FIELDS,
    EventType.CUSTOMER_CREATED: CUSTOMER_FIELDS,
    EventType.CONTACT_CREATED: CONTACT_FIELDS,
}
"""What is recorded of each person and company, with the fields of its table."""


def imported_by(actor_id: UUID | None) -> Cause:
    """The cause of an import's events; `actor_id` is the member that it names, if any."""
    return Cause(ActorKind.IMPORT, actor_id, IMPORT)


def board_created(records: Records, pipeline_id: UUID) -> list[NewEvent]:
    """The events of a pipeline that is created with its stages, or of stages that are added to one."""
    stages = {row["id"]: {**STAGE_FIELDS.empty, **row} for row in records.rows["stage"]}
    for row in records.rows["pipeline"]:
        held = [created_stage(id, stage) for id, stage in stages.items()]
        created = PipelineCreated(record=_filled(PIPELINE_FIELDS, row), type_=row["type"], stages=held)
        return [NewEvent(created, pipeline_id=pipeline_id, record_id=pipeline_id)]
    return [
        NewEvent(
            Created(EventType.STAGE_ADDED, STAGE_FIELDS.public(stage)),
            pipeline_id=pipeline_id,
            stage_id=id,
            record_id=id,
        )
        for id, stage in stages.items()
    ]


def people_created(records: Records) -> Iterator[NewEvent]:
    """The events of the members, customers and contacts that a batch creates."""
    for type_, fields in PEOPLE.items():
        for row in records.rows[fields.model.__tablename__]:
            yield NewEvent(Created(type_, _filled(fields, row)), record_id=row["id"])


def _filled(fields: Fields, row: Mapping[str, Any]) -> Snapshot:
    """The fields of a row that names only some of them."""
    return fields.public({**fields.empty, **row})


def finished(pipeline_id: UUID, imported: int, unchanged: int, rejected: int) -> NewEvent:
    """The event that an import has finished."""
    what = ImportFinished(imported=imported, unchanged=unchanged, rejected=rejected)
    return NewEvent(what, pipeline_id=pipeline_id, record_id=pipeline_id)
