"""How far consumers are, for operators, and how one is set back or let go on."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Integer, bindparam, text

from engine.background.consumers import NAME
from engine.live.reader import Bounds, read_bounds
from engine.read.rows import ORG
from models.database import Database, Row, Statement

_POSITIONS = """
    SELECT own.key, consumer.name, consumer.position, log.head - consumer.position AS behind,
        consumer.state, consumer.failures, consumer.error, consumer.retry_at, own.suspended_at IS NOT NULL AS suspended
    FROM consumer
    JOIN event_log AS log ON log.org_id = consumer.org_id
    JOIN organisation AS own ON own.id = consumer.org_id
"""

OF_ORGANISATION = Statement(
    text(f"{_POSITIONS} WHERE consumer.org_id = :org_id ORDER BY consumer.name").bindparams(ORG)
)

NOT_DONE = Statement(
    text(
        f"""
        {_POSITIONS} WHERE consumer.position < log.head OR consumer.state <> 'RUNNING'
        ORDER BY consumer.state, consumer.failures DESC, log.head - consumer.position DESC, own.key, consumer.name
        LIMIT :most
        """
    ).bindparams(bindparam("most", type_=Integer()))
)
"""The consumers of all organisations that are behind or stand still, the worst first."""

REPLAY = Statement(
    text(
        """
        UPDATE consumer SET position = :position, state = 'RUNNING', failures = 0, error = NULL, retry_at = NULL
        FROM event_log AS log
        WHERE consumer.org_id = :org_id AND consumer.name = :name AND log.org_id = :org_id
            AND :position BETWEEN log.tail - 1 AND log.head
        RETURNING consumer.position
        """
    ).bindparams(ORG, NAME, bindparam("position", type_=BigInteger()))
)


class NoSuchConsumer(Exception):
    """The organisation has no consumer of this name."""


class NotInLog(Exception):
    """A position before the oldest event of the log, or after its last one."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds)
        self.bounds = bounds


async def positions(database: Database, org_id: UUID | None, most: int = 200) -> Sequence[Row]:
    """How far the consumers of an organisation are; of all of them, those that are behind or stand still."""
    async with database.acquire() as connection:
        if org_id is None:
            return await NOT_DONE.all(connection, most=most)
        return await OF_ORGANISATION.all(connection, org_id=org_id)


async def replay(database: Database, org_id: UUID, name: str, position: int) -> None:
    """Let a consumer go on after the event of this number, also one that stands still.

    What it makes of later events is made again if it was made before. Raises `NoSuchConsumer` and `NotInLog`.
    """
    async with database.acquire() as connection:
        if name not in {row["name"] for row in await OF_ORGANISATION.all(connection, org_id=org_id)}:
            raise NoSuchConsumer(name)
        if await REPLAY.first(connection, org_id=org_id, name=name, position=position) is None:
            raise NotInLog(await read_bounds(database, org_id))
