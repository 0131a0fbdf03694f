"""Compiling: bounded by what an operation comes to, off the event loop, once for a shape, within a budget."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from threading import Event, current_thread
from typing import Any

import orjson
import pytest

from engine import plan_cache
from engine.bounds.budgets import MOST_SPENDERS, Budget
from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.errors import RequestError
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Allowance, Plans, Watch
from models import Role
from models.database import Database
from resolvers.domain import CRM
from schema.api import graphql_schema

TYPES = ("LeadCreated", "LeadUpdated", "LeadAssigned", "StageChanged", "LeadMoved", "LeadQualified", "LeadReopened")
FIELDS = ("id", "title", "version", "createdAt", "updatedAt", "score", "source")
ANN = Caller("acme", "ann", Role.VIEWER)
BOB = Caller("acme", "bob", Role.VIEWER)
EVE = Caller("other", "eve", Role.VIEWER)


def nested(levels: int, asked: Callable[[int], str]) -> str:
    """Timelines within timelines, of which each type of event asks for a field of its lead."""
    inner = "id"
    for _ in range(levels):
        own = " ".join(f"... on {name} {{ lead {{ {asked(nth)} }} }}" for nth, name in enumerate(TYPES))
        inner = f"timeline(first: 1) {{ nodes {{ lead {{ {inner} }} {own} }} }}"
    return f"{{ leads(first: 1) {{ nodes {{ {inner} }} }} }}"


@dataclass
class Compiling:
    """An engine with nothing compiled yet, what its compiling reports, and a clock for its budgets."""

    engine: Engine
    compiled: list[int]
    refused: list[str]
    now: float = 0.0

    async def ask(self, text: str, variables: dict[str, Any] | None = None, caller: Caller = ANN) -> Any:
        prepared = await self.engine.prepare(text, None, caller)
        return orjson.loads((await self.engine.execute(prepared, variables, caller)).body)

    async def refusal(self, text: str, variables: dict[str, Any] | None = None, caller: Caller = ANN) -> Any:
        with pytest.raises(RequestError) as refused:
            await self.ask(text, variables, caller)
        return refused.value.errors[0]


@pytest.fixture
async def compiling(database: Database) -> AsyncIterator[Compiling]:
    """An engine whose members may compile 1 second a minute, and whose organisations 2."""
    compiled: list[int] = []
    refused: list[str] = []
    watch = Watch(lambda seconds, characters: compiled.append(characters), refused.append)
    async with Feed.open(database, CRM, poll_seconds=30) as feed:
        plans = Plans(graphql_schema, Limits(), allowance=Allowance(1.0, 2.0), watch=watch)
        engine = Engine(graphql_schema, database, Documents(graphql_schema, Limits()), feed, plans)
        found = Compiling(engine, compiled, refused)
        plans.members.clock = plans.organisations.clock = lambda: found.now
        yield found


async def test_what_types_ask_alike_is_built_once(compiling: Compiling) -> None:
    """Fragments on each type that ask for the same do not multiply: three levels are some times the SQL of one."""
    for levels in (1, 3):
        assert await compiling.ask(nested(levels, lambda _: "version")) == {"data": {"leads": {"nodes": []}}}
    one, three = compiling.compiled
    assert three < 8 * one < 32_000


async def test_what_types_ask_differently_is_counted_as_it_is_compiled(compiling: Compiling) -> None:
    """One level of it is answered; three levels of a short document come to too many fields, and are refused."""
    assert "errors" not in await compiling.ask(nested(1, lambda nth: FIELDS[nth]))
    found = await compiling.refusal(nested(3, lambda nth: FIELDS[nth]))
    assert found.extensions == {"code": "TOO_MANY_FIELDS", "limit": 2000}
    assert found.message == (
        "This operation comes to more than 2,000 fields, with the types of each interface written out. Ask for a field"
        " on the interface instead of on each of its types, or in several requests."
    )
    assert compiling.refused == ["size"]


async def test_sql_that_is_too_long_is_refused(compiling: Compiling, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no count of fields foresees is refused by its length, and not kept."""
    monkeypatch.setattr(plan_cache, "FIELD_SQL", 0)
    found = await compiling.refusal("{ viewer { role } }")
    assert (found.extensions["code"], found.extensions["limit"]) == ("TOO_MANY_FIELDS", 0)
    assert "characters of SQL; the limit is 0. Ask for less, or in several requests." in found.message
    assert len(compiling.engine.plans) == 0


async def test_others_are_served_while_an_operation_is_compiled(
    compiling: Compiling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiling waits here for another query to be answered; and who asks for the same meanwhile shares the plan."""
    assert "data" in await compiling.ask("{ cursor }")
    answered, compile, compiled = Event(), plan_cache.make_plan, []

    def slowly(*given: Any) -> Any:
        assert answered.wait(30)
        compiled.append(given)
        return compile(*given)

    monkeypatch.setattr(plan_cache, "make_plan", slowly)
    asking = [asyncio.ensure_future(compiling.ask("{ viewer { role } }", caller=caller)) for caller in (ANN, BOB, EVE)]
    given_up = asyncio.ensure_future(compiling.ask("{ viewer { role } }"))
    assert "data" in await compiling.ask("{ cursor }")
    given_up.cancel()
    assert not any(one.done() for one in asking)
    answered.set()
    assert await asyncio.gather(*asking) == [{"data": {"viewer": {"role": "VIEWER"}}}] * 3
    assert len(compiled) == 1


async def test_documents_are_prepared_once_and_off_the_event_loop(
    compiling: Compiling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new document is parsed and validated in the compiling thread, on the budget of the caller, refused ones too."""
    engine, threads, made = compiling.engine, [], compiling.engine.documents.made

    def named(*given: Any) -> Any:
        threads.append(current_thread().name)
        return made(*given)

    monkeypatch.setattr(engine.documents, "made", named)
    first = await engine.prepare("{ cursor }", None, ANN)
    assert await engine.prepare("{ cursor }", None, BOB) is first
    for _ in range(2):
        with pytest.raises(RequestError) as refused:
            await engine.prepare("{ nothing }", None, ANN)
        assert refused.value.code == "GRAPHQL_VALIDATION_FAILED"
    assert threads == ["compile_0"] * 2
    engine.plans.members.spend(ANN.person, 1.5)
    with pytest.raises(RequestError) as refused:
        await engine.prepare("{ a: cursor }", None, ANN)
    assert refused.value.code == "RATE_LIMITED"
    assert await engine.prepare("{ cursor }", None, ANN) is first
    assert threads == ["compile_0"] * 2


async def test_a_member_has_a_budget_for_new_operations(compiling: Compiling) -> None:
    """Once it is spent, new operations wait; those that were compiled before run, and so do other organisations'."""
    plans = compiling.engine.plans
    await compiling.ask("{ cursor }")
    plans.members.spend(ANN.person, 1.5)
    plans.organisations.spend(ANN.org_id, 1.5)
    found = await compiling.refusal("{ a: cursor }")
    assert found.extensions["code"] == "RATE_LIMITED"
    assert 30 <= found.extensions["retryAfter"] <= 60
    assert "(setting DEALBOARD_COMPILE_SECONDS_PER_MEMBER). Pass values as variables" in found.message
    assert "data" in await compiling.ask("{ cursor }")
    assert "data" in await compiling.ask("{ b: cursor }", caller=BOB)
    plans.organisations.spend(ANN.org_id, 1.0)
    found = await compiling.refusal("{ c: cursor }", caller=BOB)
    assert "COMPILE_SECONDS_PER_ORGANISATION" in found.message
    assert "data" in await compiling.ask("{ c: cursor }", caller=EVE)
    assert compiling.refused == ["member", "organisation"]
    compiling.now = 61
    assert "data" in await compiling.ask("{ a: cursor }")


def test_a_budget_is_earned_back() -> None:
    """A minute's worth at once, then as much as comes in; the spenders that are remembered are bounded."""
    now = 0.0
    budget = Budget(6.0, lambda: now)
    assert budget.wait("ann") == 0
    budget.spend("ann", 6.0)
    assert budget.wait("ann") == 1
    budget.spend("ann", 1.0)
    assert budget.wait("ann") == 10
    now = 10.5
    assert budget.wait("ann") == 0
    for other in range(MOST_SPENDERS):
        budget.spend(other, 0.1)
    assert len(budget.spent) == MOST_SPENDERS
    assert "ann" not in budget.spent


async def test_plans_are_bounded_by_the_length_of_their_sql(compiling: Compiling) -> None:
    """However few they are, those used last longest ago go first, until the rest fits."""
    plans = compiling.engine.plans
    await compiling.ask("{ viewer { role } }")
    plans.characters = 5 * plans.held
    for nth in range(10):
        await compiling.ask(f"{{ viewer {{ a{nth}: role }} }}")
        await compiling.ask("{ viewer { role } }")
    assert 1 < len(plans) <= 5
    assert plans.held == sum(weight for _, weight in plans.plans.values()) <= plans.characters
    assert len(compiling.compiled) == 11


CREATE = """mutation($input: CreatePipelineInput!, $with: Boolean!) {
    createPipeline(input: $input) { pipeline @include(if: $with) { name } userErrors { message } } }"""


async def test_the_input_of_a_mutation_is_no_part_of_its_plan(compiling: Compiling) -> None:
    """Inputs of any shape run the same plan, which keeps none of them; what the payload shows is part of it."""
    admin = Caller("acme", "ann", Role.ADMIN)
    for count in (1, 2, 3):
        stages = [{"name": f"Stage {nth}"} for nth in range(count)]
        given = {"name": f"Sales {count}", "stages": stages, "type": "LEAD"}
        answer = await compiling.ask(CREATE, {"input": given, "with": True}, admin)
        assert answer["data"]["createPipeline"] == {"pipeline": {"name": f"Sales {count}"}, "userErrors": []}
    for _ in range(Limits().fields):
        assert (await compiling.ask(CREATE, {"input": {"name": "", "stages": []}, "with": True}, admin))["data"]
    assert len(compiling.engine.plans) == 1
    [(plan, _)] = compiling.engine.plans.plans.values()
    assert plan.payloads is not None
    assert plan.payloads["createPipeline"].compiler.variables.coerced == {"with": True}
    answer = await compiling.ask(CREATE, {"input": {"name": "More", "stages": [{"name": "A"}]}, "with": False}, admin)
    assert answer["data"]["createPipeline"] == {"userErrors": []}
    assert len(compiling.engine.plans) == 2


async def test_the_role_is_looked_at_first(compiling: Compiling) -> None:
    """What the role does not reach is neither coerced, nor counted, nor compiled, nor kept."""
    stages = [{"name": 1}] * 70_000
    found = await compiling.refusal(CREATE, {"input": {"stages": stages}, "with": True})
    assert found.extensions == {"code": "FORBIDDEN"}
    assert found.message == "This needs the role admin; your token has viewer. Ask an admin of your organisation."
    assert (len(compiling.engine.plans), compiling.compiled, compiling.refused) == (0, [], [])


async def test_a_field_that_is_left_out_needs_no_role(compiling: Compiling) -> None:
    """The role is that of the fields that are asked for, through fragments, by the directives' variables."""
    text = """mutation($input: CreatePipelineInput!, $with: Boolean = false) {
            __typename ...Create @include(if: $with) }
        fragment Create on Mutation { createPipeline(input: $input) { userErrors { message } } }"""
    given = {"name": "Sales", "stages": [{"name": "New"}]}
    assert await compiling.ask(text, {"input": given}) == {"data": {"__typename": "Mutation"}}
    assert (await compiling.refusal(text, {"input": given, "with": True})).extensions == {"code": "FORBIDDEN"}
    found = await compiling.refusal(text, {"input": given, "with": "yes"})
    assert found.extensions["code"] == "BAD_USER_INPUT"
