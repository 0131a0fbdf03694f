"""Changes of activities: inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import DateTime
from models.rules.roles import Role
from models.tables.activity import ActivityType
from resolvers.changes import activities as activities_changes
from schema.types.activity import Activity
from schema.types.lead import Lead
from schema.types.member import MENTIONS

EXPECTED_VERSION = "Refuse with CONFLICT unless the activity is at this version."


@strawberry.input(description="Fields of an activity.")
class ActivityFields:
    body: str | None = optional(f"The text of the activity: up to 20,000 characters. {MENTIONS}")
    outcome: str | None = optional("The outcome: up to 300 characters.")
    occurred_at: DateTime | None = optional("When it happened; if omitted, now. It cannot be null.")
    duration: int | None = optional("How long it took, in seconds: up to a week.")
    participants: list[str] | None = optional(
        "Who else took part: up to 50 names or addresses, of up to 300 characters."
    )
    contact_id: strawberry.ID | None = optional("The contact it was done with.", id="contact")


@strawberry.input(description="An activity on a lead.")
class LogActivityInput(ChangeInput, ActivityFields):
    lead_id: strawberry.ID = id_of("lead", "The lead it is about.")
    type: ActivityType = strawberry.field(description="The type of activity.")
    subject: str = strawberry.field(description="The subject: up to 300 characters.")


@strawberry.type(description="Result of `logActivity`.")
class LogActivityPayload(Payload):
    activity: Activity | None = ref(models.Activity, "The activity.")
    lead: Lead | None = ref(models.Lead, "The lead it is about.")


@strawberry.input(
    description="Fields of an activity to correct. Omitted fields stay as they are; null empties a field."
)
class UpdateActivityInput(ChangeInput, ActivityFields):
    activity_id: strawberry.ID = id_of("activity", "The activity to correct.")
    type: ActivityType | None = optional("The type of activity. It cannot be null.")
    subject: str | None = optional("What it was about: up to 300 characters. It cannot be null.")
    occurred_at: DateTime | None = optional("When it happened. It cannot be null.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updateActivity`.")
class UpdateActivityPayload(Payload):
    activity: Activity | None = ref(models.Activity, "The activity.")
    lead: Lead | None = ref(models.Lead, "The lead it is about.")


@strawberry.input(description="Which activity to delete.")
class DeleteActivityInput(ChangeInput):
    activity_id: strawberry.ID = id_of("activity", "The activity to delete.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deleteActivity`.")
class DeleteActivityPayload(Payload):
    deleted_activity_id: strawberry.ID | None = outcome("The id of the deleted activity.")
    activity: Activity | None = ref(models.Activity, "The activity, when it could not be deleted.")
    lead: Lead | None = ref(models.Lead, "The lead it is about.")


@strawberry.type(description="The mutations of activities.")
class ActivityMutations:
    log_activity: LogActivityPayload | None = change(
        activities_changes.log_activity,
        LogActivityInput,
        "Log a call, an e-mail, a meeting or a note on a lead.",
        role=Role.REP,
        checks=activities_changes.FIELDS.check,
    )
    update_activity: UpdateActivityPayload | None = change(
        activities_changes.update_activity,
        UpdateActivityInput,
        "Correct an activity that you logged. A manager can correct anybody's.",
        role=Role.REP,
        checks=activities_changes.FIELDS.check,
    )
    delete_activity: DeleteActivityPayload | None = change(
        activities_changes.delete_activity,
        DeleteActivityInput,
        "Delete an activity that you logged. A manager can delete anybody's.",
        role=Role.REP,
        own_ids=True,
    )
