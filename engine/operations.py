"""What all operations share: plans, shares of the database, and bounds of answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from graphql import (
    GraphQLSchema,
)
from graphql.execution.values import VariableValues

from engine.bounds.answers import MOST_BYTES
from engine.bounds.rates import Rates
from engine.bounds.shares import Shares
from engine.bounds.sizes import Sizes
from engine.caller import Caller
from engine.documents import Documents, Prepared
from engine.errors import Code
from engine.failures import bad_input
from engine.live.feed import Feed
from engine.outline import expect_role
from engine.plan_cache import Plans
from engine.plans import Plan
from engine.read.bound_statement import BoundStatement
from engine.read.slots import BadInput
from engine.read.variables import coerced
from models.database import Database

OK = "OK"
"""The code of an answer without errors."""

BOUNDS: Mapping[str, str] = {Code.TIMED_OUT: "timeout", Code.ANSWER_TOO_LARGE: "size"}
"""Codes of operations that hit a bound while they ran, and the bound."""

NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True)
class Answer:
    """A complete response body. `executed` is false when nothing was run, so that HTTP can answer 4xx.

    `code` is the first code of its errors, user errors included, for logs and metrics.
    """

    body: bytes
    executed: bool = True
    code: str = OK


class Operations:
    """Operations on one database: what each needs before and while it runs."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: Database,
        documents: Documents,
        feed: Feed,
        plans: Plans | None = None,
        shares: Shares | None = None,
        rates: Rates | None = None,
        most_bytes: int = MOST_BYTES,
        restricted: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`restricted` is called after each change that may have restricted people, before its result is returned."""
        self.schema = schema
        self.database = database
        self.documents = documents
        self.feed = feed
        self.sizes = Sizes(database, feed.domain.is_large)
        self.shares = shares or Shares()
        self.rates = rates or Rates()
        self.most_bytes = most_bytes
        self.restricted = restricted
        self.plans = Plans(schema, documents.limits) if plans is None else plans
        self.limited: WeakKeyDictionary[BoundStatement, str] = WeakKeyDictionary()
        """What is sent for each statement: the same with the limit on its answer."""

    async def prepare(self, text: str, operation_name: str | None, caller: Caller) -> Prepared:
        """The operation of that name in a document, or its only one, on behalf of the caller. Raises `RequestError`."""
        return await self.plans.prepare(self.documents, text, operation_name, caller)

    async def _plan(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller
    ) -> tuple[Plan, VariableValues]:
        """The compiled operation and its coerced variables. What is cheap to refuse is refused first."""
        expect_role(self.schema, prepared, self.plans.outline(prepared), variables, caller)
        values = self._coerced(prepared, variables)
        cost = self.plans.cost(prepared, values)
        self.rates.charge(caller, cost["value"])
        return await self.plans.get(prepared, values, caller), values

    def _coerced(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> VariableValues:
        definitions = prepared.operation.variable_definitions
        if not definitions:
            return NO_VARIABLES
        texts = self.plans.outline(prepared).texts
        if texts and variables and texts <= variables.keys() and all(type(variables[name]) is str for name in texts):
            return VariableValues({}, {name: variables[name] for name in texts})  # texts need no coercion
        shown = self.documents.introspection
        return coerced(self.schema, prepared.document, definitions, variables or {}, suggesting=shown)

    def _bound(self, compiled: BoundStatement, values: VariableValues, caller: Caller, **more: Any) -> list[Any]:
        try:
            sends_mail = self.feed.domain.outlet.mail
            return compiled.arguments(values.coerced, caller, sends_mail=sends_mail, **more)
        except BadInput as wrong:
            raise bad_input(wrong) from wrong

    def _limited(self, compiled: BoundStatement, limit: Callable[[str, int], str]) -> str:
        sql = self.limited.get(compiled)
        if sql is None:
            sql = self.limited[compiled] = limit(compiled.statement.sql, self.most_bytes)
        return sql
