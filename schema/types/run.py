"""Runs: changes that take longer than a request."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from models.tables.run import RunState
from resolvers.reads import runs
from schema.types.member import Member

publish(
    RunState,
    "How far a run is.",
    RUNNING="The server is working on it.",
    FINISHED="Everything is done.",
    FAILED="It ended early; `error` says why. What is done stays.",
    CANCELLED="`cancelRun` has ended it early. What is done stays.",
)


@strawberry.type(
    description="A change of many records that goes on after its request: the server makes it in batches, and other "
    "changes go on meanwhile. Its end is an event of type RUN_ENDED."
)
class Run(Node):
    id: strawberry.ID = id_field("run", "The run's id.")
    mutation: str = read(runs.mutation, "The mutation that started it, by its name.")
    state: RunState = column("state", "Whether the server is working on it, and how it ended.")
    done: int = column("done", "How many records are changed.")
    total: int = column("total", "How many records there are to change; it grows when more are added meanwhile.")
    error: str | None = column("error", "Why it failed; null unless its state is FAILED.")
    started_by: Member = to_one(models.Member, "made_by_id", "The member who started it.")
    created_at: DateTime = column("created_at", "When it was started.")
    finished_at: DateTime | None = column("finished_at", "When it ended; null while it is running.")
