"""What an import records beside its leads: the records that it creates, and at its end how many lines were imported."""

from collections.abc import Iterator
from uuid import UUID

from models.event_types import EventType, ImportFinished, Plain
from models.tables.event import NewEvent
from resolvers.changes.imports.copying import Records

CREATED = {
    "member": Plain(EventType.MEMBER_CREATED),
    "customer": Plain(EventType.CUSTOMER_CREATED),
    "contact": Plain(EventType.CONTACT_CREATED),
}
"""What is recorded of each person and company, by table."""


def board_created(records: Records, pipeline_id: UUID) -> list[NewEvent]:
    """The events of a pipeline that is created with its stages, or of stages that are added to one."""
    if records.rows["pipeline"]:
        created = Plain(EventType.PIPELINE_CREATED)
        return [NewEvent(created, pipeline_id=pipeline_id, record_id=pipeline_id)]
    added = Plain(EventType.STAGE_ADDED)
    return [
        NewEvent(added, pipeline_id=pipeline_id, stage_id=row["id"], record_id=row["id"])
        for row in records.rows["stage"]
    ]


def people_created(records: Records) -> Iterator[NewEvent]:
    """The events of the members, customers and contacts that a batch creates."""
    for table, created in CREATED.items():
        for row in records.rows[table]:
            yield NewEvent(created, record_id=row["id"])


def finished(pipeline_id: UUID, imported: int, unchanged: int, rejected: int) -> NewEvent:
    """The event that an import has finished."""
    what = ImportFinished(imported=imported, unchanged=unchanged, rejected=rejected)
    return NewEvent(what, pipeline_id=pipeline_id, record_id=pipeline_id)
