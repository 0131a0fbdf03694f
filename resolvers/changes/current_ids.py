"""Inputs that name records by the ids of those that were merged into them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from engine.read.redirects import MERGED
from models.database import Connection
from models.rules.ids import parse_id, public_id
from models.rules.text import spelled
from resolvers.conditions.fields import NAMING


async def current_ids(connection: Connection, org_id: UUID, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same input, but for the ids of records that were merged into others: those of the others instead."""
    ids: set[UUID] = set()

    def replaced(value: Any, into: Mapping[UUID, UUID], prefix: str | None = None) -> Any:
        if isinstance(value, str) and prefix is not None:
            with suppress(ValueError):  # the check of the condition reports what is no id
                return public_id(prefix, replaced(parse_id(prefix, value), into))
        if isinstance(value, UUID):
            ids.add(value)
            return into.get(value, value)
        if isinstance(value, Mapping):
            return {name: replaced(part, into, NAMING.get(spelled(name), prefix)) for name, part in value.items()}
        return [replaced(item, into, prefix) for item in value] if isinstance(value, list) else value

    replaced(values, {})
    found = await MERGED.all(connection, org_id=org_id, ids=list(ids))
    current: Mapping[str, Any] = replaced(values, {row["id"]: row["into_id"] for row in found})
    return current
