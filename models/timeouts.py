"""How long a statement may take, and what is raised when it takes longer."""

from collections.abc import Awaitable
from typing import TypeVar

import asyncpg

BACKGROUND = 60.0
"""Seconds that a statement of background work may take: no client waits for it, but others wait for what it locks."""

GRACE = 1.0
"""Seconds after which a read is cancelled from here, if PostgreSQL has not stopped it in time: a pooler may have
dropped the setting, or the network the answer."""

Found = TypeVar("Found")


class TimedOut(Exception):
    """A statement took longer than it may, and was stopped."""


async def timed(statement: Awaitable[Found]) -> Found:
    """The result of a statement. Raises `TimedOut`; a `TimeoutError` would count as a database that is away."""
    try:
        return await statement
    except (TimeoutError, asyncpg.QueryCanceledError) as failure:
        raise TimedOut from failure
