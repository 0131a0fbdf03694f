"""Changes of pools and routing rules: their inputs and payloads."""

import strawberry
from sqlalchemy import Text, Uuid

import models
from engine.publish.enums import publish
from engine.publish.fields import change, column, id_of, items, optional, outcome, ref, to_one
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from models.rules.sharing import PoolStrategy
from resolvers.changes.ownership import pools as pools_changes
from resolvers.changes.ownership import route, rules
from resolvers.changes.ownership.route import Unrouted
from schema.filters.condition import Condition
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool, RoutingRule

EXPECTED_VERSION = "Refuse with CONFLICT unless the pool is at this version."
MEMBER_IDS = "The members who share the leads, in order: 1 to 200, each once."


@strawberry.input(description="A new pool.")
class CreatePoolInput(ChangeInput):
    name: str = strawberry.field(description="The name of the pool: up to 300 characters.")
    member_ids: list[strawberry.ID] = id_of("member", MEMBER_IDS)
    strategy: PoolStrategy = strawberry.field(
        description="How it chooses who gets the next lead.", default=PoolStrategy.ROUND_ROBIN
    )


@strawberry.type(description="Result of `createPool`.")
class CreatePoolPayload(Payload):
    pool: Pool | None = ref(models.Pool, "The new pool.")


@strawberry.input(description="Fields of a pool to update. Omitted fields stay as they are.")
class UpdatePoolInput(ChangeInput):
    pool_id: strawberry.ID = id_of("pool", "The pool to update.")
    name: str | None = optional("The name of the pool: up to 300 characters. It cannot be null.")
    strategy: PoolStrategy | None = optional("How it chooses who gets the next lead. It cannot be null.")
    member_ids: list[strawberry.ID] | None = optional(
        MEMBER_IDS + " The member with the next turn keeps it. It cannot be null.", id="member"
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updatePool`.")
class UpdatePoolPayload(Payload):
    pool: Pool | None = ref(models.Pool, "The pool as it is now.")


@strawberry.input(description="Which pool to delete.")
class DeletePoolInput(ChangeInput):
    pool_id: strawberry.ID = id_of("pool", "The pool to delete. No routing rule may name it.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deletePool`.")
class DeletePoolPayload(Payload):
    deleted_pool_id: strawberry.ID | None = outcome("The id of the deleted pool; null when the mutation was refused.")
    pool: Pool | None = ref(models.Pool, "The pool as it is, when the mutation was refused.")


@strawberry.input(description="One routing rule. It gives leads either to a member or to a pool.")
class RoutingRuleInput:
    name: str = strawberry.field(description="The name of the rule: up to 300 characters.")
    stage_id: strawberry.ID | None = optional(
        "The stage of the pipeline that it is for; if omitted, any stage.", id="stage"
    )
    condition: Condition | None = optional("The condition a lead must match; if omitted, any lead matches.")
    member_id: strawberry.ID | None = optional("The member who gets the leads.", id="member")
    pool_id: strawberry.ID | None = optional("The pool that gets the leads.", id="pool")


@strawberry.input(description="The routing rules of a pipeline, as a whole.")
class SetRoutingRulesInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline that they are for.")
    rules: list[RoutingRuleInput] = strawberry.field(
        description="All rules, in order, up to 100, with up to 1,000 groups and tests in their conditions together: "
        "the first that matches a lead decides. Rules that are not listed are deleted."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the pipeline is at this version.")


@strawberry.type(description="Result of `setRoutingRules`.")
class SetRoutingRulesPayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline with its rules as they are now.")


@strawberry.input(description="Which leads to route.")
class RouteUnassignedInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline whose open leads without an owner are routed.")
    stage_id: strawberry.ID | None = optional("Only those in this stage of the pipeline.", id="stage")
    after_lead_id: strawberry.ID | None = optional(
        "Only leads created after this lead: the `lastLeadId` of a call that did not reach all leads.", id="lead"
    )
    inactive_owners: bool | None = optional("True: also route leads whose owner is no longer an active member.")
    dry_run: bool | None = optional("True: only report what would happen, and change nothing.")


publish(
    Unrouted,
    "Why a lead was not routed.",
    name="UnroutedReason",
    NO_RULE="No rule matches it.",
    MEMBER_INACTIVE="The member that the rule names is inactive.",
    DAILY_CAP="The members that the rule names have reached their daily cap.",
    POOL_EMPTY="Nobody in the pool is active and has a capacity.",
)


@strawberry.type(description="A lead that was assigned.")
class RoutedLead:
    lead: Lead = to_one(models.Lead, "lead_id", "The lead as it is now.")
    owner: Member = to_one(models.Member, "owner_id", "The new owner; in a dry run, the member who would be.")
    rule: RoutingRule = to_one(models.RoutingRule, "rule_id", "The rule that decided.")


@strawberry.type(description="A lead that was not assigned.")
class UnroutedLead:
    lead: Lead = to_one(models.Lead, "lead_id", "The lead.")
    reason: Unrouted = column("reason", "Why, for a program.")
    message: str = column("message", "Why, and what to do, for a person.")
    rule: RoutingRule | None = to_one(models.RoutingRule, "rule_id", "The rule that matches it; null when none does.")


@strawberry.type(description="Result of `routeUnassigned`.")
class RouteUnassignedPayload(Payload):
    routed_count: int | None = outcome("How many leads were assigned.")
    unrouted_count: int | None = outcome("How many leads were not assigned.")
    has_more: bool | None = outcome(
        "Whether there are more: one call considers at most 10,000. Call again, with `afterLeadId`."
    )
    last_lead_id: strawberry.ID | None = outcome("The id of the last lead considered; null without any.")
    routed: list[RoutedLead] | None = items(
        {"lead_id": Uuid(), "owner_id": Uuid(), "rule_id": Uuid()},
        "Each lead that was assigned, oldest first.",
        rows=2_000,
    )
    unrouted: list[UnroutedLead] | None = items(
        {"lead_id": Uuid(), "rule_id": Uuid(), "reason": Text(), "message": Text()},
        "Each lead that was not assigned, and why, oldest first.",
        rows=2_000,
    )
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline.")


@strawberry.type(description="The mutations of routing.")
class RoutingMutations:
    create_pool: CreatePoolPayload | None = change(
        pools_changes.create_pool,
        CreatePoolInput,
        "Create a pool of members who share incoming leads.",
        role=Role.ADMIN,
        checks=pools_changes.FIELDS.check,
    )
    update_pool: UpdatePoolPayload | None = change(
        pools_changes.update_pool,
        UpdatePoolInput,
        "Update a pool: its name, its members, or how it chooses among them.",
        role=Role.ADMIN,
        checks=pools_changes.FIELDS.check,
    )
    delete_pool: DeletePoolPayload | None = change(
        pools_changes.delete_pool,
        DeletePoolInput,
        "Delete a pool.",
        role=Role.ADMIN,
        own_ids=True,
    )
    set_routing_rules: SetRoutingRulesPayload | None = change(
        rules.set_routing_rules,
        SetRoutingRulesInput,
        "Set the routing rules of a pipeline: which member or pool gets its unassigned leads.",
        role=Role.ADMIN,
        checks=rules.check_rules,
    )
    route_unassigned: RouteUnassignedPayload | None = change(
        route.route_unassigned,
        RouteUnassignedInput,
        "Route the open, unassigned leads of a pipeline: each goes to the member or pool of the first rule it matches.",
        role=Role.MANAGER,
    )
