"""What a client learns of a failure: a refusal in full, anything unexpected only by the id it is logged under."""

import logging
from typing import Any
from uuid import uuid4

import asyncpg
from graphql import GraphQLError

from engine.errors import Code, RequestError, error, refusal
from engine.read.slots import BadInput
from engine.read.variables import MOST_ERRORS
from models.database import UNREACHABLE
from models.timeouts import TimedOut

log = logging.getLogger("dealboard.engine")


class Failed(Exception):
    """An operation that began failed for a reason that its client is to know: the code and the message of its error."""

    def __init__(self, code: Code, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extensions = extensions


def masked(failure: Exception, path: list[str | int] | None = None) -> GraphQLError:
    """The errors for a client: a refusal in full, anything unexpected only by the id it is logged under."""
    if isinstance(failure, RequestError):
        raise failure
    if isinstance(failure, RecursionError):
        # SQLAlchemy ran out of stack: the limits refuse every document that is known to cause that.
        raise RequestError([error(Code.TOO_DEEP, "This document is nested too deeply to be run. Select fewer levels.")])
    if isinstance(failure, GraphQLError):
        found = error(Code.BAD_USER_INPUT, failure.message)
        found.path = path
        return found
    if isinstance(failure, Failed):
        found = error(failure.code, failure.message, **failure.extensions)
        found.path = path
        return found
    if isinstance(failure, TimedOut | asyncpg.QueryCanceledError):
        found = error(
            Code.TIMED_OUT,
            "This took too long and was stopped. Ask for fewer rows, or filter for fewer records."
            if path is None
            else "This change took too long and was stopped; nothing has changed. Change fewer records at once, or send"
            " it again when others have finished theirs.",
        )
        found.path = path
        return found
    if is_full(failure):
        log.error("the disk of the database is full: %s. Free space, or give it a larger disk.", failure)
        found = error(
            Code.DATABASE_FULL,
            "The disk of the database is full, so nothing was changed. Sending this again does not help: ask the"
            " operator of this server to free space.",
        )
        found.path = path
        return found
    if isinstance(failure, UNREACHABLE):
        log.warning("the database cannot be reached: %s", type(failure).__name__)
        found = error(
            Code.SERVICE_UNAVAILABLE,
            "The database cannot be reached right now. Try again in a moment; a change that has an idempotency"
            " key is done once, however often it is sent.",
        )
        found.path = path
        return found
    error_id = uuid4().hex
    log.error("unexpected failure %s", error_id, exc_info=failure)
    message = f"Something went wrong on our side. If it happens again, send us this id: {error_id}."
    found = error(Code.INTERNAL_SERVER_ERROR, message, errorId=error_id)
    found.path = path
    return found


def is_full(failure: BaseException) -> bool:
    """Whether PostgreSQL had no room on its disk. Not every place where it fails to write names that by its code."""
    return isinstance(failure, asyncpg.DiskFullError) or (
        isinstance(failure, asyncpg.PostgresError) and any(words in str(failure) for words in FULL)
    )


FULL = ("No space left on device", "could not extend file", "Disk quota exceeded")


def history_gone() -> RequestError:
    """The refusal of a cursor whose following events were partly deleted."""
    return refusal(
        Code.CURSOR_EXPIRED,
        "after: some events after this cursor were deleted. Start again from the present state: query `cursor`"
        " together with the records that you show, in one operation, and subscribe `after` that cursor.",
    )


def bad_input(wrong: BadInput) -> RequestError:
    """The refusal of invalid values, as many as of variables are reported."""
    found = [wrong, *wrong.others][:MOST_ERRORS]
    places = [{"argument": one.path[0], "path": one.path} if one.path else {} for one in found]
    return RequestError(
        [error(Code.BAD_USER_INPUT, one.message, **place) for one, place in zip(found, places, strict=True)]
    )
