"""Activities: what people logged."""

from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, id_field, optional, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from models.tables.activity import ActivityType
from resolvers.reads import members
from schema.filters.lead import DateTimeRange
from schema.types.contact import Contact
from schema.types.member import Member
from schema.types.rights import ABOUT, ActivityRights

if TYPE_CHECKING:
    from schema.types.lead import Lead

publish(
    ActivityType,
    "The type of an activity.",
    CALL="A telephone call.",
    EMAIL="An e-mail.",
    MEETING="A meeting, in person or online.",
    NOTE="A note: something worth knowing.",
)


@strawberry.type(description="An activity on a lead, as the person who did it logged it.")
class Activity(Node):
    id: strawberry.ID = id_field("activity", "The activity's id.")
    viewer_can: ActivityRights = read(members.of_record, ABOUT)
    type: ActivityType = column("type", "The type of activity.")
    subject: str = column("subject", "What it was about, in one line.")
    body: str | None = column("body", "What was said, in any number of lines.")
    outcome: str | None = column("outcome", "The outcome.")
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    duration: int | None = column("duration", "Its duration, in seconds.")
    participants: list[str] = column("participants", "Who else took part: names or addresses.")
    author: Member | None = to_one(models.Member, "author_id", "The member who logged it; null when it was imported.")
    lead: Annotated["Lead", strawberry.lazy("schema.types.lead")] = to_one(
        models.Lead, "lead_id", "The lead it is about."
    )
    contact: Contact | None = to_one(models.Contact, "contact_id", "The contact it was done with.")
    created_at: DateTime = column("created_at", "When it was logged.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.input(description="Filters activities. An activity must match every part that is given.")
class ActivityFilter:
    types: list[ActivityType] | None = optional("Of one of these kinds, up to 100.")
    author_ids: list[strawberry.ID] | None = optional("Logged by one of these members, up to 500.")
    lead_id: strawberry.ID | None = optional("About this lead.")
    lead_ids: list[strawberry.ID] | None = optional("About one of these leads, up to 500.")
    contact_id: strawberry.ID | None = optional("Done with this person.")
    contact_ids: list[strawberry.ID] | None = optional("Done with one of these people, up to 500.")
    occurred_at: DateTimeRange | None = optional("Done during this time.")
