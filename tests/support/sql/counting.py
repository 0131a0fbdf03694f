"""A database that counts the statements that are sent to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from models.database import Database
from resolvers.reads.stage_totals import SIZE


@dataclass(frozen=True)
class Counting(Database):
    """A database that records the text of every statement that is sent to it."""

    sent: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def acquire(self, *, custom: bool = False) -> AsyncIterator[Any]:
        def note(record: Any) -> None:
            own = "pg_catalog" in record.query or "current_setting" in record.query
            if not own and record.query != SIZE.sql:
                # asyncpg's own statement does not count, which looks up arrays once per connection; nor does the size
                # of the organisation, which is looked at beside a request every ten minutes
                self.sent.append(record.query)

        async with self.pool.acquire() as connection:
            connection.add_query_logger(note)
            try:
                yield connection
            finally:
                connection.remove_query_logger(note)
