"""Somebody who was imported as an owner signs in: one member, with all the deals."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.caller import Caller, Revoked
from models import organisation_id
from models.database import Database
from models.rules.roles import Role
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from resolvers.changes.organisation.membership import expect_member, sign_in

ORG = organisation_id("acme")
JANE = Caller("acme", "auth0|jane", Role.MANAGER, name="Jane Doe", email="Jane@ACME.com")


@pytest.fixture(autouse=True)
async def imported(database: Database) -> None:
    """A deal of jane@acme.com."""
    deal = Deal(2, "Open", dict.fromkeys(IN_LINES) | {"title": "Deal"}, owner="jane@acme.com")
    await import_deals(database, Import("acme", "Sales", create_missing=True), [deal])


async def members(database: Database) -> list[tuple[Any, ...]]:
    """Each member's subject, name, role, and number of deals."""
    rows = await database.pool.fetch(
        "SELECT subject, name, role, (SELECT count(*) FROM lead WHERE owner_id = member.id) AS deals"
        " FROM member WHERE org_id = $1 ORDER BY id",
        ORG,
    )
    return [tuple(row) for row in rows]


async def logged(database: Database) -> list[Any]:
    """What the log says of members."""
    return [
        row["data"]
        for row in await database.pool.fetch(
            "SELECT data::text FROM event WHERE org_id = $1 AND type = 'member.updated'", ORG
        )
    ]


async def test_the_first_sign_in_takes_the_imported_member_over(database: Database) -> None:
    """Whatever the case of the address; with the token's name and role, and an event. Later ones change nothing."""
    assert await sign_in(database, JANE) is Role.MANAGER
    assert await members(database) == [("auth0|jane", "Jane Doe", "MANAGER", 1)]
    (data,) = await logged(database)
    assert '"name": ["jane@acme.com", "Jane Doe"]' in data
    assert '"role": ["REP", "MANAGER"]' in data
    assert await sign_in(database, JANE) is Role.MANAGER
    assert await sign_in(database, replace(JANE, subject="other")) is Role.MANAGER
    assert [member[::3] for member in await members(database)] == [("auth0|jane", 1), ("other", 0)]
    assert len(await logged(database)) == 1


async def test_a_change_takes_it_over_too(database: Database) -> None:
    """A caller whom no process has seen before is the imported member from the first change on."""
    async with database.transaction(None) as connection:
        _, role = await expect_member(connection, JANE)
    assert role is Role.MANAGER
    assert await members(database) == [("auth0|jane", "Jane Doe", "MANAGER", 1)]


@pytest.mark.parametrize(
    "caller",
    [replace(JANE, email_verified=False), replace(JANE, email=None), replace(JANE, email="jane@acme.example")],
)
async def test_only_a_verified_address_takes_over(database: Database, caller: Caller) -> None:
    """Anybody else is a new member, and the deal stays where it is."""
    assert await sign_in(database, caller) is Role.MANAGER
    assert [member[::3] for member in await members(database)] == [("imported:jane@acme.com", 1), ("auth0|jane", 0)]
    assert await logged(database) == []


async def test_what_an_admin_has_decided_stays(database: Database) -> None:
    """A role that somebody has chosen is kept, and a deactivated member has no access by signing in."""
    await database.pool.execute("UPDATE member SET name = 'Jane', version = 2 WHERE org_id = $1", ORG)
    assert await sign_in(database, JANE) is Role.REP
    assert await members(database) == [("auth0|jane", "Jane", "REP", 1)]
    await database.pool.execute("UPDATE member SET subject = 'imported:x', active = false WHERE org_id = $1", ORG)
    assert await sign_in(database, JANE) is Revoked.DEACTIVATED
    assert len(await members(database)) == 1


async def test_one_of_several_at_once_takes_it_over(database: Database) -> None:
    """Two people with one address: one has the deals, and the other is a new member. Twice the same person is one."""
    people = [replace(JANE, subject=f"jane-{nth % 2}") for nth in range(6)]
    await asyncio.gather(*(sign_in(database, person) for person in people))
    found = await members(database)
    assert sorted(member[0] for member in found) == ["jane-0", "jane-1"]
    assert sorted(member[3] for member in found) == [0, 1]
