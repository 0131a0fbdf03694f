"""The revision that a database is at."""

from models.database import Database
from models.migrate import is_current


async def current(url: str) -> bool:
    """Whether the tables of the database at the URL are those of this version."""
    async with Database.open(url) as database, database.acquire() as connection:
        return await is_current(connection)
