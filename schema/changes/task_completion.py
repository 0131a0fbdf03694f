"""Completing, cancelling and reopening tasks, and dependencies between them: inputs and payloads."""

import strawberry

import models
from engine.change.fields import each
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.refusal import Refusal
from models.rules.roles import Role
from models.rules.text import prose
from resolvers.changes.tasks import complete, dependencies, status
from schema.changes.tasks import EXPECTED_VERSION, TaskFields
from schema.types.lead import Lead
from schema.types.task import Task

FORCE = "Complete it even if it waits for others or has open subtasks. These stay as they are."
OUTCOME = "The outcome: up to 20,000 characters."
NEXT = "The next occurrence, if the task repeats: it has a date of its own, and takes over the rule."


@strawberry.input(
    description="The next step, scheduled with the completion, about the same lead, contact and customer. Send "
    "`dueAt` or `dueOn`."
)
class NextTaskInput(TaskFields):
    title: str | None = optional('What has to be done, up to 300 characters; "Follow up" by default.')
    assignee_id: strawberry.ID | None = optional(
        "The assignee; null for nobody. If omitted, the assignee of the completed task.", id="member"
    )


@strawberry.input(description="Which task to complete, its outcome, and the next step.")
class CompleteTaskInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task to complete.")
    outcome: str | None = optional(OUTCOME)
    follow_up: NextTaskInput | None = optional("The next step, created in the same change: both happen, or neither.")
    force: bool | None = optional(FORCE)
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `completeTask`.")
class CompleteTaskPayload(Payload):
    task: Task | None = ref(models.Task, "The completed task.")
    follow_up: Task | None = ref(models.Task, "The next step that was scheduled with it.")
    next_occurrence: Task | None = ref(models.Task, NEXT)
    lead: Lead | None = ref(models.Lead, "The lead it was a step of.")


@strawberry.input(description="Which tasks to complete.")
class CompleteTasksInput(ChangeInput):
    task_ids: list[strawberry.ID] = id_of(
        "task", "The tasks to complete, up to 500. The tasks they wait for may be among them."
    )
    outcome: str | None = optional(OUTCOME)
    force: bool | None = optional(FORCE)


@strawberry.type(description="The result for one of several tasks.")
class CompletionResult:
    task_id: strawberry.ID = outcome("The id that was sent.")
    completed: bool = outcome("Whether the task was completed.")
    code: Refusal | None = outcome("Why it was not completed; null when it was.")
    message: str | None = outcome("Why it was not completed, for a person; null when it was.")


@strawberry.type(description="Result of `completeTasks`.")
class CompleteTasksPayload(Payload):
    results: list[CompletionResult] | None = outcome("The result for each task, in the order of the ids sent.")
    tasks: list[Task] | None = ref(models.Task, "The tasks that were completed.")
    next_occurrences: list[Task] | None = ref(models.Task, "The next occurrences of those that repeat.")


@strawberry.input(description="Which task to cancel.")
class CancelTaskInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task to cancel, with its open subtasks. It does not repeat any more.")
    reason: str | None = optional("Why, up to 20,000 characters: stored as the task's outcome.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `cancelTask`.")
class CancelTaskPayload(Payload):
    task: Task | None = ref(models.Task, "The cancelled task.")
    lead: Lead | None = ref(models.Lead, "The lead it was a step of.")


@strawberry.input(description="Which completed or cancelled task to reopen.")
class ReopenTaskInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task to reopen.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `reopenTask`.")
class ReopenTaskPayload(Payload):
    task: Task | None = ref(models.Task, "The reopened task.")
    lead: Lead | None = ref(models.Lead, "The lead it is a step of.")


@strawberry.input(description="Which task must be completed before which.")
class AddTaskDependencyInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task that waits.")
    blocked_by_id: strawberry.ID = id_of("task", "The task that must be completed first. A task can wait for up to 50.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `addTaskDependency`.")
class AddTaskDependencyPayload(Payload):
    task: Task | None = ref(models.Task, "The task that waits.")
    blocker: Task | None = ref(models.Task, "The task that had to be completed first.")


@strawberry.input(description="Which dependency to remove.")
class RemoveTaskDependencyInput(ChangeInput):
    task_id: strawberry.ID = id_of("task", "The task that waited.")
    blocked_by_id: strawberry.ID = id_of("task", "The task that it no longer waits for.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `removeTaskDependency`.")
class RemoveTaskDependencyPayload(Payload):
    task: Task | None = ref(models.Task, "The task that waited.")
    blocker: Task | None = ref(models.Task, "The task that it no longer waits for.")


@strawberry.type(description="The mutations of task completion.")
class TaskCompletionMutations:
    complete_task: CompleteTaskPayload | None = change(
        complete.complete_task,
        CompleteTaskInput,
        "Complete a task. You can schedule a follow-up in the same step.",
        role=Role.REP,
        checks=complete.tidy_completion,
    )
    complete_tasks: CompleteTasksPayload | None = change(
        complete.complete_tasks,
        CompleteTasksInput,
        "Complete several tasks.",
        role=Role.REP,
        checks=each(outcome=prose),
    )
    reopen_task: ReopenTaskPayload | None = change(
        status.reopen_task,
        ReopenTaskInput,
        "Reopen a task that was completed or cancelled.",
        role=Role.REP,
    )
    cancel_task: CancelTaskPayload | None = change(
        status.cancel_task,
        CancelTaskInput,
        "Cancel a task: nobody has to do it any more.",
        role=Role.REP,
        checks=each(reason=prose),
    )
    add_task_dependency: AddTaskDependencyPayload | None = change(
        dependencies.add_task_dependency,
        AddTaskDependencyInput,
        "Block a task until another task is completed.",
        role=Role.REP,
    )
    remove_task_dependency: RemoveTaskDependencyPayload | None = change(
        dependencies.remove_task_dependency,
        RemoveTaskDependencyInput,
        "Remove what a task waits for.",
        role=Role.REP,
    )
