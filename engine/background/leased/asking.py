"""Asking for work: in the transaction of what it follows from, so that it is asked for exactly when that happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from engine.background.leased.statements import ASK
from models.database import Connection
from models.tables.base import new_id


@dataclass(frozen=True)
class WorkAsked:
    """Work that an owner asks for: of a kind, given what it needs, and not before it is due.

    The owner, such as the id of an automation, asks for a key once: again, it is nothing new, as long as the run is
    there. `depth` is the number of automations that lie before it.
    """

    kind: str
    owner: str
    key: str
    given: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    depth: int = 0


async def ask(connection: Connection, org_id: UUID, asked: Sequence[WorkAsked]) -> int:
    """Ask for work in the transaction of the connection, best at its end; returns how much of it is new.

    Wake the organisation after the commit (a consumer's `make` returns True), and it begins within milliseconds;
    otherwise within a second.
    """
    if not asked:
        return 0
    found: int = await ASK.value(
        connection,
        org_id=org_id,
        ids=[new_id() for _ in asked],
        kinds=[one.kind for one in asked],
        owners=[one.owner for one in asked],
        keys=[one.key for one in asked],
        inputs=[orjson.dumps(dict(one.given), default=str).decode() for one in asked],
        dues=[one.due_at for one in asked],
        depths=[one.depth for one in asked],
    )
    return found
