"""The types of the fixtures that run the API."""

from collections.abc import Awaitable, Callable
from typing import Any

from engine.documents import Documents
from engine.plan_cache import Allowance, Plans

BoundStatement = tuple[Documents, Plans]


ENDLESS = Allowance(10**6, 10**6)
"""No budget for compiling: a test sends more new documents in a minute than an app does in a year."""

Api = Callable[..., Awaitable[dict[str, Any]]]
