"""What the tests of reading share: two organisations full of what makes reading hard."""

import pytest

from models.database import Database
from tests.reading.dataset import ORGANISATIONS, Tables, fill, load


@pytest.fixture
async def tables(database: Database) -> Tables:
    """Every row of the database, which holds the two organisations."""
    await fill(database, *ORGANISATIONS)
    return await load(database)
