"""Organisations to do tasks in."""

import pytest

from models.database import Database
from tests.changes.world import World, build
from tests.conftest import Api


@pytest.fixture
async def world(api: Api, database: Database) -> World:
    """The caller's organisation."""
    return await build(api, database, "demo")


@pytest.fixture
async def strangers(api: Api, database: Database) -> World:
    """Another organisation, of the same shape."""
    return await build(api, database, "strangers")
