"""Changes of pools and routing rules: their inputs and payloads."""

import strawberry

import models
from models.routing import PoolStrategy
from schema.condition import Condition
from schema.fields import id_of, optional, outcome, ref
from schema.payload import ChangeInput, Payload
from schema.pipeline import Pipeline
from schema.routing import Pool

EXPECTED_VERSION = "Refuse with CONFLICT unless the pool is at this version."
MEMBER_IDS = "Who shares the leads, in order: 1 to 200 members, each once."


@strawberry.input(description="A new pool.")
class CreatePoolInput(ChangeInput):
    name: str = strawberry.field(description="What the pool is called: up to 300 characters.")
    member_ids: list[strawberry.ID] = id_of("member", MEMBER_IDS)
    strategy: PoolStrategy = strawberry.field(
        description="How it chooses who gets the next lead.", default=PoolStrategy.ROUND_ROBIN
    )


@strawberry.type(description="What came of making a pool.")
class CreatePoolPayload(Payload):
    pool: Pool | None = ref(models.Pool, "The new pool.")


@strawberry.input(description="What should be different about a pool. What is left out stays as it is.")
class UpdatePoolInput(ChangeInput):
    pool_id: strawberry.ID = id_of("pool", "The pool to change.")
    name: str | None = optional("What the pool is called: up to 300 characters. It cannot be null.")
    strategy: PoolStrategy | None = optional("How it chooses who gets the next lead. It cannot be null.")
    member_ids: list[strawberry.ID] | None = optional(
        MEMBER_IDS + " Whose turn it was keeps it. It cannot be null.", id="member"
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of changing a pool.")
class UpdatePoolPayload(Payload):
    pool: Pool | None = ref(models.Pool, "The pool as it is now.")


@strawberry.input(description="Which pool should go.")
class DeletePoolInput(ChangeInput):
    pool_id: strawberry.ID = id_of("pool", "The pool to delete. No rule may give leads to it.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of deleting a pool.")
class DeletePoolPayload(Payload):
    deleted_pool_id: strawberry.ID | None = outcome("The id of the pool that is gone; null when it was kept.")
    pool: Pool | None = ref(models.Pool, "The pool as it is, when it was refused to delete it.")


@strawberry.input(description="One routing rule. It gives leads either to a member or to a pool.")
class RoutingRuleInput:
    name: str = strawberry.field(description="What the rule is called: up to 300 characters.")
    stage_id: strawberry.ID | None = optional(
        "The stage of the pipeline that it is for; left out, any stage.", id="stage"
    )
    condition: Condition | None = optional("What a lead has to meet; left out, nothing.")
    member_id: strawberry.ID | None = optional("The member who gets the leads.", id="member")
    pool_id: strawberry.ID | None = optional("The pool that gets the leads.", id="pool")


@strawberry.input(description="The routing rules of a pipeline, as a whole.")
class SetRoutingRulesInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline that they are for.")
    rules: list[RoutingRuleInput] = strawberry.field(
        description="All rules, in order, up to 100: the first that fits a lead decides. What is not listed is gone."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the pipeline is at this version.")


@strawberry.type(description="What came of setting the routing rules of a pipeline.")
class SetRoutingRulesPayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline with its rules as they are now.")
