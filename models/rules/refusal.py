"""Expected refusals: a change that a rule forbids, returned to the caller as a `UserError`.

Refused    a rule, a conflict, or something that is not there
Checks     several checks of one input, whose refusals are raised together
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, ParamSpec, Self, TypeVar, cast

MOST_REPORTED = 100
"""Refusals of one input that are reported: a list of thousands of wrong ids needs no more to be corrected."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Refusal(StrEnum):
    """Why a change was refused: `code` of a `UserError`. Programs may decide on it; messages are for people."""

    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    WRONG_ID = "WRONG_ID"
    ARCHIVED = "ARCHIVED"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    FORBIDDEN = "FORBIDDEN"
    OWNER_INACTIVE = "OWNER_INACTIVE"
    LAST_ADMIN = "LAST_ADMIN"
    PROBABILITY_CONTRADICTS_KIND = "PROBABILITY_CONTRADICTS_KIND"
    LAST_OPEN_STAGE = "LAST_OPEN_STAGE"
    STAGE_NOT_EMPTY = "STAGE_NOT_EMPTY"
    STAGE_BEING_DELETED = "STAGE_BEING_DELETED"
    POOL_IN_USE = "POOL_IN_USE"
    PIPELINE_NOT_EMPTY = "PIPELINE_NOT_EMPTY"
    EXTERNAL_ID_TAKEN = "EXTERNAL_ID_TAKEN"
    LEAD_CONVERTED = "LEAD_CONVERTED"
    LEAD_CLOSED = "LEAD_CLOSED"
    LEAD_OPEN = "LEAD_OPEN"
    ALREADY_QUALIFIED = "ALREADY_QUALIFIED"
    NOT_QUALIFIED = "NOT_QUALIFIED"
    NO_NEXT_STAGE = "NO_NEXT_STAGE"
    NO_PIPELINE = "NO_PIPELINE"
    REASON_REQUIRED = "REASON_REQUIRED"
    REASON_UNKNOWN = "REASON_UNKNOWN"
    FIELDS_REQUIRED = "FIELDS_REQUIRED"
    DUPLICATE_CUSTOMER = "DUPLICATE_CUSTOMER"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    TASK_CLOSED = "TASK_CLOSED"
    TASK_OPEN = "TASK_OPEN"
    TASK_BLOCKED = "TASK_BLOCKED"
    SUBTASKS_OPEN = "SUBTASKS_OPEN"
    SUBTASKS_TOO_DEEP = "SUBTASKS_TOO_DEEP"
    DEPENDENCY_CYCLE = "DEPENDENCY_CYCLE"
    RUN_ENDED = "RUN_ENDED"
    URL_NOT_ALLOWED = "URL_NOT_ALLOWED"
    NO_SECRETS_KEY = "NO_SECRETS_KEY"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    LEAKS_OUTCOME = "LEAKS_OUTCOME"
    NO_SCORING_RULES = "NO_SCORING_RULES"


class Refused(Exception):
    """A refusal. `field` is the path of the input field at fault; `shown` holds records for the payload, by field;
    `others` are the refusals that were found with it."""

    def __init__(
        self,
        code: Refusal,
        message: str,
        *field: str,
        shown: Mapping[str, Any] | None = None,
        others: Sequence["Refused"] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field: Sequence[str] = field
        self.shown: Mapping[str, Any] = shown or {}
        self.others = others

    @property
    def all(self) -> Sequence["Refused"]:
        """This refusal and those that were found with it, in the order of the checks."""
        return (self, *self.others)

    def under(self, *field: str) -> "Refused":
        """The same refusals of a part of an input, with the path of that part in front of theirs."""
        others = [other.under(*field) for other in self.others]
        return Refused(self.code, self.message, *field, *self.field, shown=self.shown, others=others)


class Checks:
    """Checks of one input that do not depend on each other: the caller learns all refusals at once, one for a field.

    with Checks() as check:
        called = check(line, name, "name")
        more = check(prose, description, "description")

    What the block did after a check that refused is thrown away: leaving it raises `Refused`.
    """

    def __init__(self) -> None:
        self.refused: list[Refused] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, failure: BaseException | None, trace: Any) -> None:
        if failure is None and self.refused:
            first, *others = self.refused[:MOST_REPORTED]
            raise Refused(first.code, first.message, *first.field, shown=first.shown, others=others)

    def __call__(self, rule: Callable[Given, Result], *given: Given.args, **more: Given.kwargs) -> Result:
        """The result of a rule; None when it refuses."""
        with self._noted():
            return rule(*given, **more)
        return cast(Result, None)

    async def later(self, check: Awaitable[Result]) -> Result:
        """The result of a check that reads records; None when it refuses."""
        with self._noted():
            return await check
        return cast(Result, None)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Refused as refused:
            known = {tuple(found.field) for found in self.refused if found.field}
            self.refused += [found for found in refused.all if tuple(found.field) not in known]


def not_found(noun: str, *field: str) -> Refused:
    """The refusal for an id without a record in the caller's organisation."""
    return Refused(Refusal.NOT_FOUND, f"There is no such {noun} in your organisation. Check the id.", *field)
