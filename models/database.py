"""The database: one asyncpg pool, and statements written in SQLAlchemy, compiled once and then only bound.

SQLAlchemy describes the tables and builds the SQL; asyncpg runs it. `Statement` is the link between them, so that
neither a session nor a result object is created during a request.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from weakref import WeakSet

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from models.connection import LARGEST_KEPT, FrugalConnection
from models.spare import Acquired, Spare
from models.timeouts import GRACE

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
Row = Mapping[str, Any]
"""A row of a result, by column."""

DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
"""Writes `$1`-style parameters with casts, as asyncpg requires."""

SESSION = {
    "application_name": "dealboard",
    "timezone": "UTC",  # so that timestamps become RFC 3339 in UTC when PostgreSQL writes them as JSON
    "jit": "off",  # compiling costs more than it gains on statements of some milliseconds
}


class WrongArguments(TypeError):
    """A statement got a value that it does not bind, or lacked one that it binds."""


STATEMENTS: "WeakSet[Statement]" = WeakSet()
"""All statements, by weak reference: those of a module stay, those of a request are freed with its plan."""


class Statement:
    """A SQLAlchemy statement, compiled on first use. Parameters are passed by the names of its `bindparam`s.

    It takes exactly the values that it binds. A surplus one is a field that would not be written, or an organisation
    that the statement is not limited to.
    Each statement registers itself in `STATEMENTS`, so that a rule can be checked against all of them.
    """

    def __init__(self, construct: Executable) -> None:
        self._construct: Executable | None = construct
        STATEMENTS.add(self)

    @cached_property
    def _compiled(self) -> tuple[str, tuple[str, ...], frozenset[str], Mapping[str, Any]]:
        construct: Any = self._construct
        compiled = construct.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        self._construct = None  # it takes a hundred times the memory of the text
        names = tuple(compiled.positiontup or ())
        constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
        return compiled.string, names, frozenset(names) - constants.keys(), constants

    @property
    def sql(self) -> str:
        """The text that is sent to PostgreSQL."""
        return self._compiled[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of `$1`, `$2`, …"""
        return self._compiled[1]

    @property
    def given(self) -> frozenset[str]:
        """The names of the values to pass: the parameters without the constants written into the construct."""
        return self._compiled[2]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional arguments for asyncpg; constants written into the construct are filled in.

        Raises `WrongArguments`, naming them, when values are missing or surplus.
        """
        _, names, given, constants = self._compiled
        if values.keys() != given:
            raise self._wrong(values)
        return [values[name] if name in given else constants[name] for name in names]

    def _wrong(self, values: Mapping[str, Any]) -> WrongArguments:
        faults = (("missing", self.given - values.keys()), ("not bound", values.keys() - self.given))
        found = "; ".join(f"{fault}: {', '.join(sorted(names))}" for fault, names in faults if names)
        return WrongArguments(f"{found}. The statement begins: {' '.join(self.sql.split())[:200]}")

    async def all(self, connection: Connection, **values: Any) -> list[Row]:
        """Every row."""
        found: Any = await connection.fetch(self.sql, *self.arguments(values))
        return found  # type: ignore[no-any-return]

    async def first(self, connection: Connection, **values: Any) -> Row | None:
        """The first row, or None."""
        found: Any = await connection.fetchrow(self.sql, *self.arguments(values))
        return found  # type: ignore[no-any-return]

    async def value(self, connection: Connection, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return await connection.fetchval(self.sql, *self.arguments(values))

    async def run(self, connection: Connection, **values: Any) -> None:
        """Run the statement for its effect."""
        await connection.execute(self.sql, *self.arguments(values))


Observe = Callable[[float], None]
"""Takes a number of seconds."""


def ignore(seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True)
class Database:
    """A pool of connections to one PostgreSQL database.

    A statement outside of a transaction may take `read_timeout` seconds, one of a change `change_timeout`.
    """

    pool: asyncpg.Pool
    spare: Spare
    url: str
    waited: Observe = ignore
    read_timeout: float = 10.0
    change_timeout: float = 30.0

    def acquire(self, *, custom: bool = False) -> Acquired:
        """A connection while the block of the `async with` runs; `custom` plans each statement for its values."""
        return Acquired(self.spare, self.waited, custom)

    @property
    def patience(self) -> float:
        """Seconds after which a read is given up here, whatever PostgreSQL does."""
        return self.read_timeout + GRACE

    @asynccontextmanager
    async def transaction(self, seconds: float | None) -> AsyncIterator[Connection]:
        """A connection in a transaction, each of whose statements may take so many seconds; None: as long as it takes.

        The limit is set in the round trip that begins the transaction, so it holds behind a PgBouncer, too.
        """
        async with self.acquire() as connection:
            try:
                await connection.execute(f"BEGIN; SET LOCAL statement_timeout = {round(1000 * (seconds or 0))}")
                yield connection
            except BaseException:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = 10,
        statement_cache_size: int = 256,
        read_timeout: float = 10.0,
        change_timeout: float = 30.0,
        connection_lifetime: float = 3600.0,
        plan_cache_mode: str = "force_generic_plan",
        waited: Observe = ignore,
        ran: Observe = ignore,
    ) -> AsyncIterator[Self]:
        """Connect, and disconnect at the end. `waited` observes the wait for each connection, and `ran` the duration of
        each statement. After `connection_lifetime` seconds a connection is replaced when it is returned.

        Set `statement_cache_size=0` behind a PgBouncer in transaction mode. Nothing done on a connection of the pool
        may outlast its transaction: use `SET LOCAL` and `pg_advisory_xact_lock`, and LISTEN on a connection of its own.
        """

        async def observe(connection: Any) -> None:
            connection.live_for(connection_lifetime)
            connection.usual_plan = plan_cache_mode
            if ran is not ignore:
                connection.add_query_logger(lambda query: ran(query.elapsed))

        async def end(connection: Any) -> None:
            await connection.end()  # asyncpg's own reset, a round trip each time, doubles the time of a small read

        async with asyncpg.create_pool(
            url,
            init=observe,
            min_size=min_size,
            max_size=max_size,
            statement_cache_size=statement_cache_size,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=LARGEST_KEPT,
            connection_class=FrugalConnection,
            server_settings={**SESSION, "plan_cache_mode": plan_cache_mode, "statement_timeout": f"{read_timeout}s"},
            reset=end,
        ) as pool:
            spare = Spare(pool)
            try:
                yield cls(pool, spare, url, waited, read_timeout, change_timeout)
            finally:
                await spare.close()


UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was terminated while nothing was asked of it
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
)
"""Exceptions while the database is unreachable, restarting or full: the same call may work a little later."""
