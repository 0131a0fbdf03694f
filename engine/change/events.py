"""Appending to an organisation's event log: last in a transaction, numbered by the log's counter.

The counter is a row that is updated in the transaction that writes the events, so numbers have no gaps and their order
is commit order. Its lock is taken last, so that it is short.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import orjson
from sqlalchemy import Uuid, text

from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.tables.event import ActorKind, Event, NewEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

OF_EACH_CHANGE = {"org_id", "id", "actor_id", "run_id"}

NAMED = tuple(
    name for name, column in Event.__table__.c.items() if isinstance(column.type, Uuid) and name not in OF_EACH_CHANGE
)
"""The columns that name the records an event is about."""


def appending(beside: str = "") -> Statement:
    """The statement that numbers events and writes them.

    `beside` is another CTE of the same statement. If it reads from `log`, it waits for the counter's lock, so only the
    transaction that holds the lock writes its rows: no two transactions can deadlock over them.

    The statement may have waited for that lock, so an event is never dated before the one that it follows. The events
    of one statement share an instant that no other of the log has: `change_id` is made from it.
    """
    columns = ", ".join(NAMED)
    return Statement(
        text(
            f"""
        WITH log AS (
            UPDATE event_log SET head = head + cardinality(CAST(:ids AS uuid[])),
                appended_at = greatest(
                    (appended_at AT TIME ZONE 'UTC' + interval '1 microsecond') AT TIME ZONE 'UTC',
                    statement_timestamp()
                )
            WHERE org_id = :org_id RETURNING head - cardinality(CAST(:ids AS uuid[])) AS before, appended_at
        ){beside and f", {beside}"}
        INSERT INTO event (org_id, number, id, type, occurred_at, actor_kind, actor_id, mutation, run_id, depth,
            {columns}, data)
        SELECT own.id, log.before + happened.nth, happened.id, happened.type, log.appended_at, :actor_kind, :actor_id,
            :mutation, :run_id, :depth, {", ".join(f"happened.{name}" for name in NAMED)}, happened.data
        FROM {OWN}, log, unnest(
            CAST(:ids AS uuid[]), CAST(:types AS text[]), {", ".join(f"CAST(:{name}s AS uuid[])" for name in NAMED)},
            CAST(:data AS jsonb[])
        ) WITH ORDINALITY AS happened (id, type, {columns}, data, nth)
        WHERE own.id = :org_id
        RETURNING number, occurred_at
        """
        ).bindparams(ORG)
    )


APPEND = appending()


class Beside(Protocol):
    """What a change writes in the same statement that appends its events."""

    @property
    def statement(self) -> Statement:
        """The statement that appends events, with this CTE."""
        ...

    def values(self) -> Mapping[str, Any]:
        """The parameters of the statement, except for those of the events."""
        ...

    def shown(self) -> Mapping[str, Any]:
        """What it adds to the values of the payload."""
        ...


@dataclass(frozen=True)
class Cause:
    """What caused the events of a change: who or what made it, as which member, by which mutation, as a batch of which
    run, and how many automations after what a member did. What time alone causes has only its kind, SYSTEM."""

    actor_kind: ActorKind = ActorKind.MEMBER
    actor_id: UUID | None = None
    mutation: str | None = None
    run_id: UUID | None = None
    depth: int = 0


@dataclass(frozen=True)
class Appended:
    """Where the log stands after a change: the number of its last event, and when its events occurred."""

    number: int
    occurred_at: datetime

    @property
    def change_id(self) -> str:
        """The id that the events of the change share; `resolvers.reads.events.event_fields` builds the same in SQL."""
        return f"change_{(self.occurred_at - EPOCH) // timedelta(microseconds=1):x}"


async def append(
    connection: Connection,
    org_id: UUID,
    new_events: Sequence[NewEvent],
    cause: Cause,
    beside: Beside | None = None,
) -> Appended:
    """Append events to an organisation's log, as the last statement of their transaction."""
    written = await (beside.statement if beside else APPEND).all(
        connection,
        org_id=org_id,
        actor_kind=cause.actor_kind,
        actor_id=cause.actor_id,
        mutation=cause.mutation,
        run_id=cause.run_id,
        depth=cause.depth,
        ids=[one.id for one in new_events],
        types=[one.what.type for one in new_events],
        data=[orjson.dumps(one.what.data()).decode() for one in new_events],
        **{f"{name}s": [getattr(one, name) for one in new_events] for name in NAMED},
        **(beside.values() if beside else {}),
    )
    return Appended(max(row["number"] for row in written), written[0]["occurred_at"])
