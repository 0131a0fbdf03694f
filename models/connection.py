"""A connection that keeps a bounded number of characters prepared, leaves nothing begun, and is replaced when old.

PostgreSQL holds 70 to 200 bytes for each character of a prepared statement, in each connection, and never returns
memory that a connection has used. What is run once is therefore not prepared at all.
"""

from collections import OrderedDict
from math import inf
from random import uniform
from time import monotonic
from typing import Any

import asyncpg

LARGEST_KEPT = 32_000
"""Characters of a statement that a connection keeps prepared, ten boards at once."""

MOST_KEPT = 400_000
"""Characters of all statements that a connection keeps prepared: 150 boards, some 50 MB."""

MOST_SEEN = 10_000
"""Statements that are remembered as having been run."""


class Seen:
    """The statements that this process has run, by hash, the last few thousand of them."""

    def __init__(self, most: int = MOST_SEEN) -> None:
        self.most = most
        self.hashes: OrderedDict[int, None] = OrderedDict()

    def again(self, query: str) -> bool:
        """Whether a statement was run before; from now on it was."""
        key = hash(query)
        if key in self.hashes:
            return True
        self.hashes[key] = None
        if len(self.hashes) > self.most:
            self.hashes.popitem(last=False)
        return False


class FrugalConnection(asyncpg.Connection):
    """Prepares a statement when it comes again, in whichever connection of the process it came first.

    It overrides how asyncpg finds a statement, which asyncpg has no public setting for.
    """

    seen = Seen()
    most_kept = MOST_KEPT
    ends = inf
    custom = False
    """Whether statements are planned for their values each time, rather than once for all."""
    usual_plan = "force_generic_plan"
    """The `plan_cache_mode` in which statements are planned unless their values matter."""
    looked_up = 0
    """How often types were looked up."""
    has_begun = False
    """Whether a statement was prepared, and none has been run since."""
    _stmt_cache: Any
    _cleanup_stmts: Any
    _protocol: Any

    def live_for(self, seconds: float) -> None:
        """Be old after this time, or up to a quarter earlier: connections that were opened together do not end so."""
        self.ends = monotonic() + seconds * uniform(0.75, 1)

    async def plan_custom(self, custom: bool) -> None:
        """Plan statements for their values from now on, or once for all values.

        Behind a pooler, which shares sessions and where nothing is kept prepared, each is planned anew anyway.
        """
        if self._stmt_cache.get_max_size():
            await self.execute(f"SET plan_cache_mode = {'force_custom_plan' if custom else self.usual_plan}")
        self.custom = custom

    @property
    def is_old(self) -> bool:
        """Whether it has lived for as long as it may."""
        return monotonic() > self.ends

    async def _get_statement(
        self,
        query: str,
        timeout: float | None,  # noqa: ASYNC109  # as asyncpg has it
        *,
        named: str | bool | None = False,
        use_cache: bool = True,
        ignore_custom_codec: bool = False,
        record_class: type[asyncpg.Record] | None = None,
    ) -> Any:
        if use_cache:
            class_ = record_class or self._protocol.get_record_class()
            statement = self._stmt_cache.get((query, class_, ignore_custom_codec))
            if statement is not None:
                return statement
            use_cache = self.seen.again(query)
        looked_up = self.looked_up
        self.has_begun = True
        statement = await super()._get_statement(  # type: ignore[misc]  # not in its stubs
            query,
            timeout,
            named=named,
            use_cache=use_cache,
            ignore_custom_codec=ignore_custom_codec,
            record_class=record_class,
        )
        if use_cache:
            await self._keep_less()
        elif self.looked_up != looked_up and not statement.name:
            # A look-up of types runs two statements, each of which takes the place of an unnamed one. asyncpg knows
            # that of the second only, and here the first can be unnamed alone.
            statement.mark_unprepared()
        return statement

    async def _do_execute(self, *given: Any, **named: Any) -> Any:
        result = await super()._do_execute(*given, **named)  # type: ignore[misc]  # not in its stubs
        self.has_begun = False
        return result

    async def end(self) -> None:
        """End what a statement has begun that was prepared and never run: a value did not fit, or it was cancelled.

        asyncpg prepares a statement without ending the exchange, which it leaves to the statement's run. PostgreSQL
        counts the statement's time limit from there on, and would stop the one who uses the connection after it.
        """
        if self.has_begun:
            await self.execute("SELECT")
            self.has_begun = False

    async def _introspect_types(self, typeoids: Any, timeout: float | None) -> Any:  # noqa: ASYNC109  # as asyncpg has it
        self.looked_up += 1
        return await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]  # not in its stubs

    async def _keep_less(self) -> None:
        """Drop the statements that were used longest ago, until the rest is short enough."""
        lengths = [len(statement.query) for statement in self._stmt_cache.iter_statements()]
        over, dropped = sum(lengths) - self.most_kept, 0
        while over > 0:
            over -= lengths[dropped]
            dropped += 1
        if dropped:
            size = self._stmt_cache.get_max_size()
            self._stmt_cache.set_max_size(len(lengths) - dropped)
            self._stmt_cache.set_max_size(size)
            await self._cleanup_stmts()
