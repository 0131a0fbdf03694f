"""What happens by the passing of time is looked for again and again."""

import asyncio
from datetime import datetime
from uuid import UUID

from engine.background.passing_time import CLOCK, Recorder, recording
from models.database import Connection, Database, Row


async def nobody(_: UUID) -> None:
    """No subscriber is connected."""


async def nothing(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """A batch that is never asked for."""
    raise AssertionError


async def test_a_server_goes_on_looking(database: Database) -> None:
    """A server keeps looking after any failure, also for the others, and does not look where the setting leaves it to
    another server."""
    tried: asyncio.Queue[str] = asyncio.Queue()

    def failing(name: str) -> Recorder:
        async def due(*_: object, **__: object) -> list[Row]:
            tried.put_nowait(name)
            raise ConnectionRefusedError

        return Recorder(name, due, nothing)

    recorders = [failing("one"), failing("other")]
    async with recording(database, 0.001, nobody, recorders), asyncio.timeout(20):
        assert [await tried.get() for _ in range(6)] == ["one", "other"] * 3
    before = len(asyncio.all_tasks())
    async with recording(database, 0, nobody, recorders):
        assert len(asyncio.all_tasks()) == before
    async with database.acquire() as connection:
        assert isinstance(await CLOCK.value(connection), datetime)
