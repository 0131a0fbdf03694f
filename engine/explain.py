"""The plan with which PostgreSQL runs a statement, as it is served: planned once for all values, or for these."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from models.database import Database


async def explain(database: Database, sql: str, arguments: Sequence[Any], custom: bool) -> str:
    """The plan of a statement that is run with these arguments.

    EXPLAIN alone plans for the values at hand. What is served is a prepared statement, so this prepares and executes
    one; EXECUTE takes literals only, which PostgreSQL writes.
    """
    async with database.acquire(custom=custom) as connection:
        types = [_name(parameter) for parameter in (await connection.prepare(sql, name="")).get_parameters()]
        literals = ", ".join(f"quote_nullable(${nth}::{type_}::text)" for nth, type_ in enumerate(types, 1))
        values: Any = await connection.fetchrow(f"SELECT {literals}", *arguments) if types else ()
        given = ", ".join(f"{value}::{type_}" for value, type_ in zip(values, types, strict=True))
        async with connection.transaction():
            await connection.execute(f"PREPARE explained AS {sql}")
            try:
                call = f"EXECUTE explained({given})" if types else "EXECUTE explained"
                found = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {call}")
            finally:
                await connection.execute("DEALLOCATE explained")
    return "\n".join(row[0] for row in found)


def _name(type_: asyncpg.Type) -> str:
    """The type as a cast names it; asyncpg names that of an array by its element."""
    return type_.name
