"""Generated queries, answered by Dealboard and by a plain reference executor over the same rows: they must agree."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.errors import RequestError, code_of
from engine.limits import Limits
from engine.live.feed import Feed
from engine.plan_cache import Plans
from engine.plans import DEEPEST
from models import Role
from models.database import Database
from resolvers.domain import CRM
from schema.api import graphql_schema
from tests.support.api import ENDLESS
from tests.support.reading.dataset import DEMO, EMPTY, ORGANISATIONS, OTHER, Tables
from tests.support.reading.documents import Document, documents
from tests.support.reading.reference import Outcome, Reference, reference_schema
from tests.support.reading.supply import Supply

EXAMPLES = int(os.environ.get("DEALBOARD_TEST_EXAMPLES", "250"))
"""How many queries are generated; set it to 10,000 after a change of the read path."""

SUPPLY = Supply(*ORGANISATIONS)
SCOPES = [
    *(Caller(DEMO, "tester", role) for role in (Role.VIEWER, Role.ADMIN)),
    Caller(DEMO, 'nobody "yet"', Role.REP),
    Caller(OTHER, "tester", Role.MANAGER),
    Caller(EMPTY, "tester", Role.VIEWER),
]
"""Members and strangers; the last one's organisation is empty."""

NO_LIMITS = Limits(depth=50, aliases=10**4, fields=10**5, root_fields=10**3, tokens=10**6, cost=10**9)


async def answered(engine: Engine, text: str, variables: dict[str, Any], caller: Caller) -> Outcome:
    """Dealboard's answer. A refusal must say that the input is at fault."""
    try:
        answer = await engine.execute(engine.documents.prepare(text), variables, caller)
    except RequestError as refused:
        if {code_of(error) for error in refused.errors} <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}:
            return Outcome(None, str(refused))
        raise
    body = orjson.loads(answer.body)
    assert "errors" not in body, body["errors"]
    return Outcome(json.dumps(body["data"]))


@pytest.fixture
async def filled(database: Database, tables: Tables) -> AsyncIterator[tuple[Engine, Reference]]:
    """Dealboard and the reference executor, over the same two organisations."""
    async with Feed.open(database, CRM, poll_seconds=30) as feed:
        plans = Plans(graphql_schema, NO_LIMITS, allowance=ENDLESS)
        yield Engine(graphql_schema, database, Documents(graphql_schema, NO_LIMITS), feed, plans), Reference(tables)


@contextmanager
def room() -> Iterator[None]:
    """A stack as deep as the engine has in a server: Hypothesis lowers the limit."""
    given = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST)
    try:
        yield
    finally:
        sys.setrecursionlimit(given)


@settings(
    # Shrinking takes minutes. The queries are the same in each run, so one that fails can be cut down by hand.
    phases=[Phase.explicit, Phase.generate],
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="DEALBOARD_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(generated=documents(reference_schema(), SUPPLY), caller=st.sampled_from(SCOPES))
async def test_generated_queries_are_answered_as_by_the_reference(
    filled: tuple[Engine, Reference], generated: Document, caller: Caller
) -> None:
    """Any query by any caller gets the same JSON, keys in the same order, or is refused by both."""
    engine, reference = filled
    text, variables = generated
    expected = reference.answer(text, variables, caller)
    with room():
        found = await answered(engine, text, variables, caller)
    note(f"{text}\n{variables}\nreference: {expected.reason}\nDealboard: {found.reason}")
    assert found.data == expected.data
