"""Logs: one line for each record, as text for people or as JSON for programs, with its call.

The message of a failure is left out: PostgreSQL and Python quote values in it, and those belong to customers. What is
logged is its type, where it came from, and of PostgreSQL the SQLSTATE and the constraint.
"""

import logging
import traceback
from asyncio import CancelledError
from datetime import UTC, datetime
from typing import Any

import orjson

from server.observe.calls import current
from server.settings import Settings

OWN = ("code", "duration_ms")
"""Attributes that only records of calls have."""


class TextFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, message, and the request id if there is one."""
        call = current.get()
        line = f"{_time(record):%H:%M:%S} {record.levelname.lower()} {record.name}: {_message(record)}"
        return "\n".join(filter(None, [f"{line} [{call.request_id}]" if call else line, _failure(record)]))


class JsonFormatter(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        """A JSON object on one line."""
        call = current.get()
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **(call.describe() if call else {}),
            **{name: getattr(record, name) for name in OWN if hasattr(record, name)},
        }
        failure = _failure(record)
        if failure:
            told["failure"] = failure
        return orjson.dumps(told).decode()


def configure(settings: Settings) -> None:
    """Log to standard error: our records from the level of the settings on, those of libraries from WARNING on."""
    handler = logging.StreamHandler()
    handler.addFilter(_is_failure)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # Its warnings are about requests that are not HTTP, which anyone can send. A metric counts them.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("dealboard").setLevel(settings.log_level.upper())
    logging.captureWarnings(True)


def _is_failure(record: logging.LogRecord) -> bool:
    """Whether a record is worth a line: a request that was cancelled is not, though uvicorn logs it as a failure."""
    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))


def call_level(settings: Settings) -> int:
    """The level of a call that succeeded: people see it only when they ask for it."""
    return logging.INFO if settings.log_format == "json" else logging.DEBUG


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _message(record: logging.LogRecord) -> str:
    return record.getMessage().encode(errors="replace").decode()


def _failure(record: logging.LogRecord) -> str | None:
    failure = record.exc_info[1] if record.exc_info else None
    return None if failure is None else "\n".join(_described(failure, set()))


def _described(failure: BaseException, seen: set[int]) -> list[str]:
    """The cause of a failure, if any, then its traceback and type."""
    seen.add(id(failure))
    lines = []
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    if cause is not None and id(cause) not in seen:
        lines = [*_described(cause, seen), "which led to"]
    lines += "".join(traceback.format_tb(failure.__traceback__)).splitlines()
    details = [f"{name}={value}" for name in ("sqlstate", "constraint_name") if (value := getattr(failure, name, None))]
    lines.append(" ".join([type(failure).__qualname__, *details]))
    if isinstance(failure, BaseExceptionGroup):
        for part in failure.exceptions:
            lines += _described(part, seen)
    return lines
