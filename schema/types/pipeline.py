"""Pipelines: the boards."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from engine.publish.fields import Argument, column, id_field, read
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from models.tables.pipeline import PipelineType
from resolvers.reads import members, stages
from resolvers.reads import routing as pools
from resolvers.reads.analytics import boards
from schema.analytics.moments import AsOf
from schema.types.rights import ABOUT, PipelineRights
from schema.types.routing import RoutingRule
from schema.types.stage import Stage

if TYPE_CHECKING:
    from schema.analytics.boards import BoardAsOf


@strawberry.type(description="The stages that leads go through, from first contact to won or lost: a board.")
class Pipeline(Node):
    id: strawberry.ID = id_field("pipeline", "The pipeline's id.")
    viewer_can: PipelineRights = read(members.of_record, ABOUT)
    name: str = column("name", "The name of the board.")
    type: PipelineType = column("type", "Whether it holds leads or opportunities.")
    description: str | None = column("description", "What the pipeline is for.")
    is_default: bool = column("is_default", "Whether it is used when no pipeline of its type is named.")
    stages: list[Stage] = read(stages.of_pipeline, "The columns of the board, from left to right.", rows=8)
    routes_new_leads: bool = column("routes_new_leads", "Whether new leads without an owner are routed.")
    routing_rules: list[RoutingRule] = read(
        pools.rules_of, "The routing rules for unassigned leads: the first rule that matches decides."
    )
    as_of: Annotated["BoardAsOf", strawberry.lazy("schema.analytics.boards")] | None = read(
        boards.of_pipeline,
        "The board as it was at a moment of the past. Null only in payloads and events, where the moment is not known.",
        arguments={"as_of": Argument(AsOf, "The moment.")},
    )
    created_at: DateTime = column("created_at", "When the pipeline was created.")
    updated_at: DateTime = column("updated_at", "When the pipeline last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
