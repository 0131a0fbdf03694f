"""Runs operations: a query as one statement, each mutation field as one transaction, a subscription from the event log.

graphql-core answers introspection. An unexpected failure is logged under an id, which the client gets.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from graphql import (
    Undefined,
    execute_sync,
)
from graphql.execution.values import VariableValues

from engine.bounds.answers import is_size, limited_query, too_large
from engine.bounds.places import Work
from engine.caller import Caller, Person, Restriction
from engine.documents import Prepared
from engine.errors import Code, RequestError, code_of, error, format_errors
from engine.explain import explain as explained
from engine.failures import bad_input, masked
from engine.mutations import Mutations
from engine.operations import BOUNDS, Answer
from engine.plans import Plan
from engine.publish.provided import faults
from engine.subscriptions import Subscriptions
from models.database import UNREACHABLE
from models.timeouts import timed


class Engine(Mutations, Subscriptions):
    """Runs prepared operations on one database."""

    async def execute(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, *, cost: bool = False
    ) -> Answer:
        """Run a query or a mutation; with `cost`, its cost is reported in `extensions`, and what is left of the rates.

        Raises `RequestError` when it is refused before anything is run.
        """
        answer = await self._execute(prepared, variables, caller)
        if not cost:
            return answer
        shown = {**self.plans.cost(prepared, self._coerced(prepared, variables)), **self.rates.left(caller)}
        return replace(answer, body=answer.body[:-1] + b',"extensions":' + orjson.dumps({"cost": shown}) + b"}")

    async def _execute(self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller) -> Answer:
        try:
            plan, values = await self._plan(prepared, variables, caller)
            if prepared.kind == "mutation":
                async with self.shares.admit(Work.CHANGE, caller.org_id, caller.subject):
                    return await self.mutate(plan, values, caller)
            return Answer(await self._query(plan, values, caller))
        except Exception as failure:
            found = masked(failure)
            code = code_of(found)
            if code in BOUNDS:
                self.shares.hit(f"{prepared.kind}_{BOUNDS[code]}")
            return Answer(b'{"data":null,"errors":' + orjson.dumps(format_errors([found])) + b"}", code=code)

    async def sign_in(self, caller: Caller) -> Restriction:
        """Make the caller a member, if need be; the role of the member, or why access was revoked."""
        return await self.feed.domain.sign_in(self.database, caller)

    async def find_restricted(self, people: Collection[Person]) -> Mapping[Person, Restriction]:
        """Those of the people whose access was revoked, or whose role as a member is below the highest."""
        return await self.feed.domain.find_restricted(self.database, people)

    async def explain(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, custom: bool | None = None
    ) -> str:
        """The SQL of a query and the plan with which PostgreSQL ran it: the one that is served to the organisation, or
        the `custom` or the generic one. Raises `RequestError` as `execute` does."""
        plan, values = await self._plan(prepared, variables, caller)
        if prepared.kind != "query" or plan.compiled is None:
            raise RequestError([error(Code.BAD_REQUEST, "Only a query that reads records can be explained.")])
        sql = self._limited(plan.compiled, limited_query)
        arguments = self._bound(plan.compiled, values, caller)
        if custom is None:
            async with self.database.acquire() as connection:
                custom = plan.compiled.filtered and await self.feed.domain.is_large(connection, caller.org_id)
        return sql + "\n\n" + await explained(self.database, sql, arguments, custom)

    async def _query(self, plan: Plan, values: VariableValues, caller: Caller) -> bytes:
        text = "{}"
        if plan.compiled is not None:
            arguments = self._bound(plan.compiled, values, caller)
            sql = self._limited(plan.compiled, limited_query)
            custom = plan.compiled.filtered and self.sizes.is_large(caller.org_id)
            async with self.shares.admit(Work.READ, caller.org_id, caller.subject):
                try:
                    text = await self._read(sql, arguments, custom)
                except UNREACHABLE:
                    # A connection that has been lost is noticed by using it. A read can be done again on another one.
                    text = await self._read(sql, arguments, custom)
            if is_size(text):
                raise too_large(int(text), self.most_bytes)
            if (wrong := faults(text)) is not None:
                raise bad_input(wrong)
        if plan.introspection is None:
            return b'{"data":' + text.encode() + b"}"
        sources = values.sources.items()
        given = {name: source.value for name, source in sources if source.value is not Undefined} or values.coerced
        found = execute_sync(self.schema, plan.introspection, variable_values=given)
        parts = orjson.loads(text) | (found.data or {})
        body = orjson.dumps({"data": {key: parts[key] for key in plan.grouped}})
        if len(body) > self.most_bytes:
            raise too_large(len(body), self.most_bytes)
        return body

    async def _read(self, sql: str, arguments: Sequence[Any], custom: bool) -> str:
        async with self.database.acquire(custom=custom) as connection:
            text: str = await timed(connection.fetchval(sql, *arguments, timeout=self.database.patience))
        return text
