"""Changes of members and of the organisation itself: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from resolvers.changes.organisation import members as members_changes
from resolvers.changes.organisation import settings
from schema.types.member import Member, Organisation


@strawberry.input(description="Fields of a member to update. Omitted fields stay as they are.")
class UpdateMemberInput(ChangeInput):
    member_id: strawberry.ID = id_of("member", "The member to update.")
    name: str | None = optional("The person's name: up to 300 characters. It cannot be null.")
    email: str | None = optional("The person's e-mail address; null for none.")
    role: Role | None = optional(
        "The most that the person may do, whatever their tokens say: the lesser of both roles counts, everywhere "
        "within about a second. It cannot be null."
    )
    active: bool | None = optional(
        "False for a member who has left: they keep what they own, and cannot be assigned anything new. You cannot "
        "deactivate yourself, nor the last admin. It cannot be null."
    )
    time_zone: str | None = optional(
        "The person's time zone, as the IANA database names it: `Europe/Paris`. All-day tasks end by it. It cannot be "
        "null."
    )
    capacity: int | None = optional(
        "The person's share of the leads of a WEIGHTED pool, relative to the other members: 0 to 1000. "
        "It cannot be null."
    )
    daily_cap: int | None = optional(
        "The most leads that routing may assign to the person in a day of their time zone: 0 to 10,000; "
        "null for no limit."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the member is at this version.")


@strawberry.type(description="Result of `updateMember`.")
class UpdateMemberPayload(Payload):
    member: Member | None = ref(models.Member, "The member as it is now.")


@strawberry.type(description="The mutations of members.")
class MemberMutations:
    update_member: UpdateMemberPayload | None = change(
        members_changes.update_member,
        UpdateMemberInput,
        "Update a member: name, role, time zone, share of routed leads, or whether they are active.",
        role=Role.ADMIN,
        checks=members_changes.FIELDS.check,
    )


@strawberry.input(description="Settings of your organisation to change. Omitted ones stay as they are.")
class UpdateOrganisationInput(ChangeInput):
    name: str | None = optional("The organisation's name: up to 300 characters. It cannot be null.")
    currency: str | None = optional(
        "The currency used when none is given, as an ISO 4217 code. Amounts keep theirs. It cannot be null."
    )
    time_zone: str | None = optional(
        "The time zone whose days, months and years count, as the IANA database names it: `Europe/Paris`. It cannot be "
        "null."
    )
    fiscal_year_start: int | None = optional(
        "The month with which the fiscal year begins: 1 for January to 12 for December. It cannot be null."
    )


@strawberry.type(description="Result of `updateOrganisation`.")
class UpdateOrganisationPayload(Payload):
    organisation: Organisation | None = outcome("Your organisation as it is now.")


@strawberry.type(description="The mutations of the organisation.")
class OrganisationMutations:
    update_organisation: UpdateOrganisationPayload | None = change(
        settings.update_organisation,
        UpdateOrganisationInput,
        "Change settings of your organisation: its name, currency, time zone and fiscal year. What forecasts count in "
        "which month changes with them; nothing else does.",
        role=Role.ADMIN,
        checks=settings.FIELDS.check,
    )
