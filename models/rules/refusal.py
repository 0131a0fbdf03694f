"""Expected refusals: a change that a rule forbids, returned to the caller as a `UserError`.

Refused    a rule, a conflict, or something that is not there
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


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


class Refused(Exception):
    """A refusal. `field` is the path of the input field at fault; `shown` holds records for the payload, by field."""

    def __init__(self, code: Refusal, message: str, *field: str, shown: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field: Sequence[str] = field
        self.shown: Mapping[str, Any] = shown or {}


def not_found(noun: str, *field: str) -> Refused:
    """The refusal for an id without a record in the caller's organisation."""
    return Refused(Refusal.NOT_FOUND, f"There is no such {noun} in your organisation. Check the id.", *field)
