"""Kinds of work: what is done, and how."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.background.leased.leased_run import LeasedRun

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 3_600.0
"""Seconds before the first retry, tripled with each failure, and the most."""

SPREAD = 0.2
"""The part by which each pause is longer or shorter, so that what failed together does not come again together."""


class GiveUp(Exception):
    """The work cannot be done, and is not tried again. The message is shown to members."""


class TryAgain(Exception):
    """The work could not be done now. It counts as a failure; `seconds` is the least pause that was asked for."""

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True)
class Later:
    """The work goes on after so many seconds, in whatever process, with what it is given then. No failure."""

    seconds: float
    given: Mapping[str, Any] | None = None


def every(rule: str, after: datetime) -> datetime | None:
    """The next time of a rule that is a number of seconds."""
    return after + timedelta(seconds=float(rule))


@dataclass(frozen=True)
class WorkKind:
    """A kind of work.

    - `work`: does it. It returns None when it is done, or `Later`; it raises `GiveUp`, `TryAgain`, or anything else,
      which is a failure whose message is not kept: it may quote what belongs to customers. It may be called again for
      the same run, also when it was done to the end and the worker was killed then: write with `run.transaction()`.
    - `at_most`: runs at once in an organisation, over all processes.
    - `failures`: how often it may fail before it is FAILED, and waits for `retryRun`. A worker that does not end it
      before its lease ends is a failure, too.
    - `seconds`: the longest time of one attempt.
    - `keeps`: keep what has finished, for as long as runs are kept; its key then stays taken. Otherwise it is deleted
      at once, and may be asked for again.
    - `next_time`: the next time of a schedule's rule after an instant.
    """

    name: str
    work: Callable[["LeasedRun"], Awaitable[Later | None]]
    at_most: int = 10
    failures: int = 10
    seconds: float = 60.0
    keeps: bool = True
    next_time: Callable[[str, datetime], datetime | None] = every


def pause_after(failures: int, asked: float = 0.0) -> float:
    """Seconds until work that has failed so many times is tried again."""
    wait = min(FIRST_PAUSE * 3.0 ** min(failures - 1, 20), LONGEST_PAUSE)
    return max(wait * random.uniform(1 - SPREAD, 1 + SPREAD), min(asked, LONGEST_PAUSE))
