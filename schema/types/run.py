"""Runs: changes that take longer than a request, and work that waits for a worker."""

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
    WAITING="It waits for its time, `dueAt`, or for a server with time for it.",
    RUNNING="The server is working on it.",
    FINISHED="Everything is done.",
    FAILED="It ended early; `error` says why. What is done stays.",
    CANCELLED="`cancelRun` has ended it early. What is done stays.",
)


@strawberry.type(
    description="Something that goes on after its request. Either a change of many records, which the server makes in "
    "batches while other changes go on; its end is an event of type RUN_ENDED. Or work that the server does by itself, "
    "such as asking another system: then `mutation` and `startedBy` are null."
)
class Run(Node):
    id: strawberry.ID = id_field("run", "The run's id.")
    mutation: str | None = read(runs.mutation, "The mutation that started it, by its name; null for work.")
    work: str | None = read(runs.work, "The kind of work, by its name; null for a change.")
    state: RunState = column("state", "Whether the server is working on it, and how it ended.")
    done: int = column("done", "How many records are changed.")
    total: int = column("total", "How many records there are to change; it grows when more are added meanwhile.")
    error: str | None = column(
        "error", "Why it failed; null unless its state is FAILED, or it waits to be tried again."
    )
    failures: int = column("failures", "How often it has failed since it last went well.")
    due_at: DateTime | None = read(runs.due_at, "When it is done, or tried again; null unless its state is WAITING.")
    started_by: Member | None = to_one(models.Member, "made_by_id", "The member who started it; null for work.")
    created_at: DateTime = column("created_at", "When it was started.")
    finished_at: DateTime | None = column("finished_at", "When it ended; null while it is running.")
