"""A database of each released revision, with rows in every table, is upgraded to this version and loses nothing."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.live.feed import Feed
from models import Role
from models.database import Database
from models.migrate import UnknownRevision, migrate
from models.migrations.draft import differences, released
from models.rules.ids import public_id
from resolvers.domain import CRM
from schema.api import graphql_schema
from server.process.runtime import open_migrated
from server.settings import Settings
from tests.support.api import BoundStatement
from tests.support.consistency import expect_consistent
from tests.support.sql.revision import current

ROWS = Path(__file__).parent / "upgrades"
"""The rows stored at each revision, in addition to those of earlier files: `NNNN.sql`."""

REVISIONS = [name[:4] for name in released()]
Rows = dict[str, list[dict[str, Any]]]

LEAD = """
query ($id: ID!) { lead(id: $id) {
  title version stage { name } owner { name } contact { name } value currency
} }
"""
MOVE = """
mutation ($input: MoveLeadInput!) { moveLead(input: $input) { lead { version stage { name } } userErrors { code } } }
"""


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    """A database without tables."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS upgrade_test")
        await connection.execute("CREATE DATABASE upgrade_test")
        yield urlsplit(postgres_url)._replace(path="/upgrade_test").geturl()
        await connection.execute("DROP DATABASE upgrade_test WITH (FORCE)")
    finally:
        await connection.close()


async def stored(url: str) -> Rows:
    """Every row of every table."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
        )
        return {
            name: [json.loads(row[0]) for row in await connection.fetch(f"SELECT to_jsonb(t) FROM {name} AS t")]
            for (name,) in tables
        }
    finally:
        await connection.close()


async def fill(url: str, last: str) -> None:
    """Migrate to a revision as a database in use does: one revision after the other, with rows stored at each."""
    for revision in REVISIONS[: REVISIONS.index(last) + 1]:
        await migrate(url, revision)
        rows = ROWS / f"{revision}.sql"
        if rows.exists():
            connection = await asyncpg.connect(url)
            await connection.execute(rows.read_text())
            await connection.close()


TURBINE = {"title": "Turbine", "value": "100.00", "currency": "EUR", "probability": 50, "score": 7, "source": "fair"}
FILLED_IN: Mapping[int, Mapping[str, Any]] = {
    1: {"title": "Turbine?"},
    2: {**TURBINE, "description": "Two of them", "expectedCloseDate": "2030-01-31", "externalId": "x-1"},
    4: {"title": "Windmill?", "lostReason": "Budget"},
    5: {"name": "Hank", "email": "hank@globex.example", "phone": "+49 30 2", "jobTitle": "Buyer", "address": "Berlin"}
    | {"notes": "Likes tea"},
}
"""What the records of the stored events were created with, besides the records that they named; by number."""


NAMING = {"ownerId", "contactId", "customerId"}


def filled_in(events: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What an upgrade has filled in, without nulls and the records named: it is taken out of the events."""
    found = {}
    for event in events:
        data, event["data"] = event["data"], {}
        if data:
            held = {name: value for name, value in data.items() if value is not None and name not in NAMING}
            found[event["number"]] = held
    return found


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_upgrade_loses_nothing(url: str, revision: str, compiled: BoundStatement) -> None:
    """Each stored value is found again, the tables equal the models, and a lead can be read and moved."""
    await fill(url, revision)
    before = await stored(url)
    empty = [
        f"{table}.{column}"
        for table, rows in before.items()
        for column in (rows[0] if rows else ["*"])
        if all(row[column] is None for row in rows)
    ]
    assert empty == [], f"{revision}.sql stores nothing in these"

    async with open_migrated(Settings(database_url=url, demo=True)):
        assert await current(url)
    assert await differences(url) == []
    after = await stored(url)
    for table, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[table]]
        if table == "event":
            assert filled_in(kept) == FILLED_IN
        assert sorted(kept, key=orjson.dumps) == sorted(rows, key=orjson.dumps), table
    await expect_usable(url, compiled)


async def expect_usable(url: str, compiled: BoundStatement) -> None:
    """Check that the stored rows can be read and changed, and stay consistent."""
    documents, plans = compiled
    admin = Caller("acme", "ann", Role.ADMIN)
    lead, stage = (UUID(f"01930000-0000-7000-8000-{number:012}") for number in (31, 21))

    async with Database.open(url, max_size=4) as database, Feed.open(database, CRM, poll_seconds=30) as feed:
        engine = Engine(graphql_schema, database, documents, feed, plans)

        async def ask(query: str, **variables: Any) -> Any:
            body = orjson.loads((await engine.execute(documents.prepare(query), variables, admin)).body)
            assert "errors" not in body, body
            return body["data"]

        assert (await ask(LEAD, id=public_id("lead", lead)))["lead"] == {
            "title": "Turbine",
            "version": 3,
            "stage": {"name": "New"},
            "owner": {"name": "Ann"},
            "contact": {"name": "Hank"},
            "value": "100.00",
            "currency": "EUR",
        }
        given = {"leadId": public_id("lead", lead), "stageId": public_id("stage", stage)}
        assert (await ask(MOVE, input=given))["moveLead"] == {
            "lead": {"version": 4, "stage": {"name": "Offer"}},
            "userErrors": [],
        }
        await expect_consistent(database)


async def test_a_newer_database_is_refused(url: str) -> None:
    """A version that does not know the revision names what to install, and leaves the database as it is."""
    await migrate(url)
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = await stored(url)
    newest = max(path.name for path in Path(ROWS).parents[2].glob("models/migrations/versions/[0-9]*.py"))[:4]
    with pytest.raises(UnknownRevision) as raised:
        await migrate(url)
    assert str(raised.value) == (
        f"The database is at revision 9999, which a newer version of Dealboard created; this one ends at {newest}."
        " Start the newer version, or restore the backup from before its upgrade."
    )
    assert not await current(url)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await connection.close()
    assert await stored(url) == before
