"""The rows that an import creates, collected and then written by COPY."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Connection, Statement
from models.rules.sort_key import with_sort_key
from models.tables.base import new_id

BATCH = 2_000
"""Rows that are copied between two reports of progress."""

Progress = Callable[[int], None]
"""Called with the number of rows that were just copied."""

ADVANCE = Statement(
    text(
        "UPDATE event_log SET head = head + :count WHERE org_id = :org_id RETURNING head - :count AS before"
    ).bindparams(ORG)
)


@dataclass
class Records:
    """The rows that an import creates, until they are written; `made` counts the missing records by table."""

    connection: Connection
    org_id: UUID
    made: dict[str, int]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def make(self, table: str, values: dict[str, Any]) -> UUID:
        """Add a missing record, to be written later. Returns its id."""
        id = new_id()
        stamps = {"created_at": self.now, "updated_at": self.now, "version": 1}
        self.rows[table].append({"org_id": self.org_id, "id": id, **stamps, **with_sort_key(table, values)})
        self.made[table] += 1
        return id

    async def copy(self, table: str, progress: Progress = lambda done: None) -> None:
        """Write the rows of a table."""
        rows = self.rows[table]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        for at in range(0, len(rows), BATCH):
            batch = rows[at : at + BATCH]
            records = [tuple(row.get(name) for name in columns) for row in batch]
            await self.connection.copy_records_to_table(table, columns=columns, records=records)
            progress(len(batch))

    async def copy_events(self) -> None:
        """Number the events and write them; nothing else is waited for while the log's counter is locked."""
        events = self.rows["event"]
        if not events:
            return
        before = await ADVANCE.value(self.connection, org_id=self.org_id, count=len(events))
        at = datetime.now(UTC)
        for number, event in enumerate(events, before + 1):
            event.update(org_id=self.org_id, number=number, occurred_at=at)
        await self.copy("event")
