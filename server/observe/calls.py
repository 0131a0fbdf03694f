"""Calls: each operation that is run or refused, as it is observed: counted, timed, logged and traced.

What is recorded of one: its transport, request id, organisation, operation name, kind, code and duration. Never the
document, a variable or a token.
"""

import logging
import re
from asyncio import CancelledError
from collections.abc import Mapping
from contextvars import ContextVar, Token
from secrets import token_hex
from time import perf_counter, time_ns
from typing import Any, Protocol, Self

from engine.documents import Prepared
from engine.errors import Code
from engine.operations import OK
from server.observe.metrics import Metrics

log = logging.getLogger("dealboard.calls")

NOTHING = "none"
"""The name and kind of an operation that was refused before they were known."""

CANCELLED = "CANCELLED"
"""The code of a call whose client disconnected, or whose server stopped, before there was an answer."""

REQUEST_ID = re.compile(rb"[\w.:/+=@-]{1,100}")

BROKEN = (Code.INTERNAL_SERVER_ERROR, Code.SERVICE_UNAVAILABLE)
"""Codes of failures that the server causes."""

current: ContextVar["Call | None"] = ContextVar("current", default=None)
"""The call that the running code serves."""


def blame(code: str) -> None:
    """Set the code of the call that the running code serves."""
    call = current.get()
    if call is not None:
        call.code = code


class Tracer(Protocol):
    """Records calls that have ended."""

    def trace(self, call: "Call", seconds: float) -> None: ...


class Call:
    """One call, from its first byte to its last, or to the end of its subscription."""

    __slots__ = (
        "began",
        "calls",
        "code",
        "headers",
        "kind",
        "operation",
        "organisation",
        "request_id",
        "started",
        "token",
        "transport",
    )

    token: Token["Call | None"]

    def __init__(self, calls: "Calls", transport: str, request_id: str, headers: Mapping[bytes, bytes]) -> None:
        self.calls = calls
        self.transport = transport
        self.request_id = request_id
        self.headers = headers
        self.organisation: str | None = None
        self.operation = self.kind = NOTHING
        self.code: str = OK
        self.started = time_ns()
        self.began = perf_counter()

    def runs(self, prepared: Prepared) -> None:
        """Record the name and kind of the operation, once they are known."""
        self.operation, self.kind = prepared.name, prepared.kind

    def describe(self) -> dict[str, Any]:
        """What logs, metrics and traces may hold of it."""
        return {
            "request_id": self.request_id,
            "transport": self.transport,
            "organisation": self.organisation,
            "operation": self.operation,
            "kind": self.kind,
        }

    def __enter__(self) -> Self:
        self.token = current.set(self)
        return self

    def __exit__(self, kind: Any, failure: BaseException | None, trace: Any) -> None:
        if isinstance(failure, CancelledError):
            self.code = OK if self.kind == "subscription" else CANCELLED
        elif failure is not None:
            self.code = Code.INTERNAL_SERVER_ERROR
        self.calls.ended(self, perf_counter() - self.began)
        current.reset(self.token)


class Calls:
    """All observers of calls."""

    def __init__(self, metrics: Metrics, level: int = logging.DEBUG, tracer: Tracer | None = None) -> None:
        self.metrics = metrics
        self.level = level
        self.tracer = tracer

    def ended(self, call: Call, seconds: float) -> None:
        """Record a call that has ended."""
        self.metrics.called(call.operation, call.kind, call.code, seconds)
        if call.code == CANCELLED:
            self.metrics.hit(f"{call.kind}_disconnected")
        level = logging.WARNING if call.code in BROKEN else self.level
        if log.isEnabledFor(level):
            milliseconds = round(seconds * 1000, 2)
            extra = {"code": str(call.code), "duration_ms": milliseconds}
            log.log(level, "%s %s: %s in %s ms", call.kind, call.operation, call.code, milliseconds, extra=extra)
        if self.tracer is not None:
            self.tracer.trace(call, seconds)


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """The id that the client, or a proxy before us, gave the request in X-Request-ID; or a new one."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if REQUEST_ID.fullmatch(given) else token_hex(8)
