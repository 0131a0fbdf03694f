"""Changes of runs: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from resolvers.changes import runs
from schema.types.run import Run


@strawberry.input(description="Which run to cancel.")
class CancelRunInput(ChangeInput):
    run_id: strawberry.ID = id_of("run", "The run to cancel.")


@strawberry.type(description="Result of `cancelRun`.")
class CancelRunPayload(Payload):
    run: Run | None = ref(models.Run, "The run as it is now.")


@strawberry.input(description="Which run to try again.")
class RetryRunInput(ChangeInput):
    run_id: strawberry.ID = id_of("run", "The run to try again: work whose state is FAILED.")


@strawberry.type(description="Result of `retryRun`.")
class RetryRunPayload(Payload):
    run: Run | None = ref(models.Run, "The run as it is now.")


@strawberry.type(description="The mutations of runs.")
class RunMutations:
    cancel_run: CancelRunPayload | None = change(
        runs.cancel_run,
        CancelRunInput,
        "Cancel a run: no further batch of it is made, and what is done stays. A manager can cancel runs that they "
        "started, an admin all of them.",
        role=Role.MANAGER,
    )
    retry_run: RetryRunPayload | None = change(
        runs.retry_run,
        RetryRunInput,
        "Try work again that has failed for good, at once, with all its retries.",
        role=Role.ADMIN,
    )
