"""A statement takes exactly the values that it binds."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import ARRAY, Integer, Text, bindparam, column, func, select, text, values

from engine.caller import Caller
from engine.change.records import ID, revise, rewrite
from engine.change.transaction import Change
from engine.read.bound_statement import BoundStatement
from models.database import Database, Statement, WrongArguments
from models.rules.ids import split_id
from models.rules.roles import Role
from models.tables.base import new_id
from models.tables.lead import Lead
from resolvers.changes.locks import LOCK_LEAD
from tests.support.world import World

SUM = Statement(text("SELECT CAST(:a AS int) + CAST(:b AS int) * CAST(:a AS int)"))


def test_the_order_is_that_of_the_text() -> None:
    """Values are sent in the order in which the text first names them, each once, in whatever order they are passed."""
    assert SUM.names == ("a", "b")
    assert SUM.arguments({"b": 2, "a": 1}) == [1, 2]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"a": 1, "b": 2, "c": 3}, "not bound: c."),
        ({"a": 1, "b": 2, "z": 0, "c": 3}, "not bound: c, z."),
        ({"a": 1}, "missing: b."),
        ({}, "missing: a, b."),
        ({"a": 1, "c": 3}, "missing: b; not bound: c."),
    ],
)
def test_another_set_of_values_is_wrong(given: Mapping[str, Any], fault: str) -> None:
    """The exception names the missing and the surplus values, and the statement."""
    with pytest.raises(WrongArguments) as raised:
        SUM.arguments(given)
    assert str(raised.value) == (
        f"{fault} The statement begins: SELECT CAST($1 AS int) + CAST($2 AS int) * CAST($1 AS int)"
    )


def test_null_is_a_value() -> None:
    """The value None is passed and sent as null."""
    assert SUM.arguments({"a": None, "b": None}) == [None, None]


def test_a_statement_without_parameters_takes_nothing() -> None:
    """A statement without parameters sends no values."""
    statement = Statement(text("SELECT 1"))
    assert statement.arguments({}) == []
    with pytest.raises(WrongArguments, match=r"^not bound: org_id\. The statement begins: SELECT 1$"):
        statement.arguments({"org_id": uuid4()})


def test_constants_of_the_construct_are_filled_in() -> None:
    """A constant has its place among the values; callers neither pass nor replace it."""
    number = bindparam("number", type_=Integer())
    statement = Statement(select(number + 7, func.coalesce(bindparam("nothing", None, Text()), number)))
    constants = [name for name in statement.names if name not in statement.given]
    assert statement.given == {"number"}
    assert len(constants) == 2
    assert "nothing" in constants
    sent = dict(zip(statement.names, statement.arguments({"number": 3}), strict=True))
    assert sent == {"number": 3, "nothing": None, next(name for name in constants if name != "nothing"): 7}
    for name in constants:
        with pytest.raises(WrongArguments, match=rf"^not bound: {name}\."):
            statement.arguments({"number": 3, name: 5})
        with pytest.raises(WrongArguments, match=rf"^missing: number; not bound: {name}\."):
            statement.arguments({name: 5})


async def test_every_way_to_run_it_is_strict(database: Database) -> None:
    """`all`, `first`, `value` and `run` send nothing when the values are wrong."""
    made = values(column("n", Integer()), name="made").data([(1,), (2,)])
    statement = Statement(
        select(made.c.n).where(made.c.n == func.any(bindparam("ns", type_=ARRAY(Integer())))).order_by(made.c.n)
    )
    async with database.acquire() as connection:
        assert [row["n"] for row in await statement.all(connection, ns=[1, 2])] == [1, 2]
        assert await statement.value(connection, ns=[2]) == 2
        for run in (statement.all, statement.first, statement.value, statement.run):
            with pytest.raises(WrongArguments, match=r"^not bound: more\."):
                await run(connection, ns=[1], more=1)
            with pytest.raises(WrongArguments, match=r"^missing: ns\."):
                await run(connection)


@pytest.fixture
async def change(world: World) -> AsyncIterator[Change]:
    """A change in the organisation of the world, which is rolled back."""
    async with world.database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield Change(connection, Caller(world.organisation, "mia", Role.MANAGER), new_id(), "test")
        await transaction.rollback()


async def test_a_change_runs_only_what_is_limited_to_its_organisation(change: Change) -> None:
    """A statement that does not bind the organisation is not sent, because it could touch another organisation's
    rows."""
    everybody = Statement(text("SELECT id FROM lead"))
    for run in (change.first, change.all, change.run):
        with pytest.raises(WrongArguments, match=r"^not bound: org_id\. The statement begins: SELECT id FROM lead$"):
            await run(everybody)


async def test_a_field_that_a_revision_does_not_set_is_not_lost(world: World, change: Change) -> None:
    """`rewrite` keeps what is not changed, and raises for a change that its statement would drop."""
    lead_id = split_id(world["Ada"])[1]
    titles = revise(Lead, "title", "score")
    lead = await change.first(LOCK_LEAD, id=lead_id)
    assert lead is not None
    with pytest.raises(WrongArguments, match=r"^not bound: source\."):
        await rewrite(change, titles, lead, {"title": "Ada & sons", "source": "fair"})
    await rewrite(change, titles, lead, {"score": 7})
    after = await change.first(LOCK_LEAD, id=lead_id)
    assert after is not None
    assert {name: value for name, value in after.items() if value != lead[name]} == {
        "score": 7,
        "version": lead["version"] + 1,
        "updated_at": after["updated_at"],
    }


def test_a_read_is_given_what_it_binds_of_the_caller() -> None:
    """A statement gets the values it names, of the caller and of the operation's arguments; a value passed for one
    execution must be one that it names."""
    caller = Caller("acme", "mia", Role.MANAGER)
    role = bindparam("role", type_=Text())
    compiled = BoundStatement(
        Statement(select(role, ID, bindparam("p1", type_=Integer()))), {"p0": lambda _: 1, "p1": lambda _: 2}
    )
    id = uuid4()
    assert compiled.statement.names == ("role", "id", "p1")
    assert compiled.arguments({}, caller, id=id) == ["MANAGER", id, 2]
    with pytest.raises(WrongArguments, match=r"^not bound: after\."):
        compiled.arguments({}, caller, id=id, after=3)
    with pytest.raises(WrongArguments, match=r"^missing: id\."):
        compiled.arguments({}, caller)
