"""The rows that a batch of an import creates, collected and then written by COPY."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models.database import Connection
from models.rules.matching.keys import with_keys
from models.tables.base import new_id


@dataclass
class Records:
    """The rows that a batch creates, until they are written; `made` counts the missing records by table."""

    org_id: UUID
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def make(self, table: str, values: dict[str, Any]) -> UUID:
        """Add a missing record, to be written later. Returns its id."""
        id = new_id()
        stamps = {"created_at": self.now, "updated_at": self.now, "version": 1}
        self.rows[table].append({"org_id": self.org_id, "id": id, **stamps, **with_keys(table, values)})
        self.made[table] += 1
        return id

    async def copy(self, connection: Connection, table: str) -> None:
        """Write the rows of a table."""
        rows = self.rows[table]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        if rows:
            records = [tuple(row.get(name) for name in columns) for row in rows]
            await connection.copy_records_to_table(table, columns=columns, records=records)
