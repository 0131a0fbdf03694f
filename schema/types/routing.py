"""Routing: pools of members, and the rules that assign leads to them."""

from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import ConditionTree, DateTime
from models.rules.sharing import PoolStrategy
from resolvers.reads import routing as pools
from resolvers.reads.forecast import forecast
from resolvers.reads.forecast.deals import ForecastBy
from schema.forecast import arguments as forecast_arguments
from schema.types.member import Member

if TYPE_CHECKING:
    from schema.forecast.forecast import ForecastRow
    from schema.types.stage import Stage

publish(
    PoolStrategy,
    (
        "How a pool chooses who gets the next lead. Inactive members, and those who have reached their "
        "daily cap, are skipped."
    ),
    ROUND_ROBIN="One after the other, in the order of the pool.",
    FEWEST_OPEN=(
        "The member with the fewest open leads; among equals, the one who has waited longest for a lead from the pool."
    ),
    WEIGHTED="By capacity: a member with twice the capacity of another gets twice as many.",
)


@strawberry.type(description="A member's place in a pool.")
class PoolMember:
    member: Member = to_one(models.Member, "member_id", "The member.")
    position: int = column("position", "The position in the pool, from 0.")
    given: int = column("given", "How many leads the member has got from the pool.")


@strawberry.type(description="A group of members who share incoming leads.")
class Pool(Node):
    id: strawberry.ID = id_field("pool", "The pool's id.")
    name: str = column("name", "The name of the pool.")
    strategy: PoolStrategy = column("strategy", "How it chooses who gets the next lead.")
    goals: list[Annotated["ForecastRow", strawberry.lazy("schema.forecast.forecast")]] = read(
        forecast.goals(ForecastBy.POOL),
        "What the pool is to win in a period, has won and expects, by currency: the rows of `forecast` by POOL. Empty "
        "without a quota and deals.",
        arguments=forecast_arguments.OF_ONE,
        rows=2,
    )
    members: list[PoolMember] = read(pools.members, "The members who share the leads, in order.")
    created_at: DateTime = column("created_at", "When the pool was created.")
    updated_at: DateTime = column("updated_at", "When the pool last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.type(description="A routing rule of a pipeline: which leads it matches, and who gets them.")
class RoutingRule:
    name: str = column("name", "The name of the rule.")
    position: int = column(
        "position", "The position among the rules of the pipeline, from 0: the first that matches wins."
    )
    stage: Annotated["Stage", strawberry.lazy("schema.types.stage")] | None = to_one(
        models.Stage, "stage_id", "The stage that it is for; null for any."
    )
    condition: ConditionTree | None = column("condition", "The condition a lead must match; null for any lead.")
    member: Member | None = to_one(models.Member, "member_id", "The member who gets the leads; null when a pool does.")
    pool: Pool | None = to_one(models.Pool, "pool_id", "The pool that gets the leads; null when a member does.")
