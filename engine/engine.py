"""Runs operations: a query as one statement, a mutation as one transaction a field, a subscription from the event log.

Introspection stays with graphql-core. Whatever is unexpected is logged under an id, and the client gets that id.
"""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from graphql import (
    GraphQLError,
    GraphQLSchema,
    Undefined,
    execute_sync,
)
from graphql.execution.values import VariableValues, get_variable_values

from engine.caller import Caller, Person, Restriction
from engine.change.inputs import change_input
from engine.change.payload import PayloadPlan
from engine.change.transaction import Mutation, perform
from engine.documents import Documents, Prepared
from engine.errors import Code, RequestError, code_of, error, format_errors, refusal
from engine.failures import bad_input, history_gone, masked
from engine.live.feed import Feed
from engine.live.selection import EventSelection, encode_cursor
from engine.live.shared_stream import Frame, HistoryGone, Rendered
from engine.plans import Plan, make_plan
from engine.publish.fields import CHANGE, OWN_IDS, ROLE
from engine.read.arguments import DEFINITION, python_name, shape
from engine.read.compiler import BoundStatement
from engine.read.slots import BadInput
from models.database import UNREACHABLE, Database
from models.rules.refusal import Refused

log = logging.getLogger("dealboard.engine")

OK = "OK"
"""In place of an error's code: there was none."""

NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True)
class Answer:
    """A complete response body. `executed` is false when nothing was run, so that HTTP can say 4xx.

    `code` is the first of its errors' codes, those for the user included, for those who watch.
    """

    body: bytes
    executed: bool = True
    code: str = OK


class Engine:
    """Answers prepared operations from one database."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: Database,
        documents: Documents,
        feed: Feed,
        plans: int = 1000,
        restricted: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`restricted` is called after each change that may have restricted people, before its result is returned."""
        self.schema = schema
        self.database = database
        self.documents = documents
        self.feed = feed
        self.size = plans
        self.restricted = restricted
        self.plans: OrderedDict[Hashable, Plan] = OrderedDict()

    async def execute(self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller) -> Answer:
        """Run a query or a mutation. Raises `RequestError` when it is refused before anything is run."""
        try:
            values = self._coerced(prepared, variables)
            plan = self._plan(prepared, values, caller)
            if prepared.kind == "mutation":
                return await self._mutate(plan, values, caller)
            return Answer(await self._query(plan, values, caller))
        except Exception as failure:
            found = masked(failure)
            return Answer(b'{"data":null,"errors":' + orjson.dumps(format_errors([found])) + b"}", code=code_of(found))

    async def subscribe(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, seen: str | None = None
    ) -> AsyncGenerator[Frame]:
        """The results of a subscription, each a complete body. Raises `RequestError` at once when it is refused.

        It goes on after the cursor `seen`, if there is one, instead of its argument `after`.
        """
        values = self._coerced(prepared, variables)
        plan = self._plan(prepared, values, caller)
        compiled, watch = plan.compiled, plan.watch
        assert compiled is not None
        assert watch is not None
        bound = self._bound(compiled, values, caller, after=0, to=0, size=0)
        await self.feed.known.expect(caller.org_id, watch.named(values.coerced))
        wants = watch.matcher(values.coerced)
        after = await self._start(watch, values, caller, seen)
        render = partial(self._render, compiled, values.coerced, caller)
        key = (compiled, tuple(tuple(value) if isinstance(value, list) else value for value in bound))
        async with aclosing(self.feed.follow(caller.org_id, key, render, wants, after)) as rendered:
            try:
                async for _, told in rendered:
                    yield told
            except HistoryGone:
                raise history_gone() from None

    async def sign_in(self, caller: Caller) -> Restriction:
        """Make the caller a member, if need be; the role of the member, or why access was revoked."""
        return await self.feed.domain.sign_in(self.database, caller)

    async def find_restricted(self, people: Collection[Person]) -> Mapping[Person, Restriction]:
        """Those of the people whose access was revoked, or whose role as a member is below the highest."""
        return await self.feed.domain.find_restricted(self.database, people)

    async def explain(self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller) -> str:
        """The SQL of a query and the plan that PostgreSQL followed for it. Raises `RequestError` as `execute` does."""
        values = self._coerced(prepared, variables)
        plan = self._plan(prepared, values, caller)
        if prepared.kind != "query" or plan.compiled is None:
            raise RequestError([error(Code.BAD_REQUEST, "Only a query that reads records can be explained.")])
        sql = plan.compiled.statement.sql
        arguments = self._bound(plan.compiled, values, caller)
        async with self.database.acquire() as connection:
            found = await connection.fetch("EXPLAIN (ANALYZE, BUFFERS) " + sql, *arguments)
        return sql + "\n\n" + "\n".join(row[0] for row in found)

    def _coerced(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> VariableValues:
        definitions = prepared.operation.variable_definitions
        if not definitions:
            return NO_VARIABLES
        values = get_variable_values(self.schema, definitions, dict(variables or {}), max_errors=10)
        if isinstance(values, list):
            for found in values:
                found.extensions = {**(found.extensions or {}), "code": str(Code.BAD_USER_INPUT)}
            raise RequestError(values)
        return values

    def _plan(self, prepared: Prepared, values: VariableValues, caller: Caller) -> Plan:
        """The compiled operation, from the cache or made now; refused when the caller's role does not reach for it."""
        key = (prepared, shape(values.coerced))
        plan = self.plans.get(key)
        if plan is None:
            plan = make_plan(self.schema, prepared, values)
            self.plans[key] = plan
            if len(self.plans) > self.size:
                self.plans.popitem(last=False)
        else:
            self.plans.move_to_end(key)
        if not caller.role.includes(plan.role):
            holds = "your token has" if caller.token_role is None else "as a member you have"
            raise RequestError(
                [
                    error(
                        Code.FORBIDDEN,
                        f"This needs the role {plan.role.lower()}; {holds} {caller.role.lower()}."
                        " Ask an admin of your organisation.",
                    )
                ]
            )
        return plan

    def _bound(self, compiled: BoundStatement, values: VariableValues, caller: Caller, **more: Any) -> list[Any]:
        try:
            return compiled.arguments(values.coerced, caller, **more)
        except BadInput as wrong:
            raise bad_input(wrong) from wrong

    async def _query(self, plan: Plan, values: VariableValues, caller: Caller) -> bytes:
        text = "{}"
        if plan.compiled is not None:
            arguments = self._bound(plan.compiled, values, caller)
            try:
                text = await self._read(plan.compiled.statement.sql, arguments)
            except UNREACHABLE:
                # A connection that has been lost is noticed by using it. A read can be done again on another one.
                text = await self._read(plan.compiled.statement.sql, arguments)
        if plan.introspection is None:
            return b'{"data":' + text.encode() + b"}"
        given = {name: source.value for name, source in values.sources.items() if source.value is not Undefined}
        found = execute_sync(self.schema, plan.introspection, variable_values=given)
        parts = orjson.loads(text) | (found.data or {})
        return orjson.dumps({"data": {key: parts[key] for key in plan.grouped}})

    async def _read(self, sql: str, arguments: Sequence[Any]) -> str:
        async with self.database.acquire() as connection:
            text: str = await connection.fetchval(sql, *arguments)
        return text

    async def _mutate(self, plan: Plan, values: VariableValues, caller: Caller) -> Answer:
        for shown in (plan.payloads or {}).values():
            if shown.compiled is not None:
                # What the payloads ask for is checked first: nothing may be refused once something has been changed.
                self._bound(shown.compiled, values, caller, **shown.ids({}))
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        codes: list[str] = []
        for key, fields in plan.grouped.items():
            payload = (plan.payloads or {}).get(key)
            if payload is None:
                data[key] = plan.root.name
                continue
            try:
                data[key] = await self._change(
                    plan.root.fields[fields[0].node.name.value], payload, fields, values, caller, codes
                )
            except Exception as failure:
                data[key] = None
                errors.append(masked(failure, path=[key]))
                codes.append(code_of(errors[-1]))
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = format_errors(errors)
        return Answer(orjson.dumps(body), code=codes[0] if codes else OK)

    async def _change(
        self, field: Any, payload: PayloadPlan, fields: Any, values: VariableValues, caller: Caller, codes: list[str]
    ) -> Any:
        """Do one change and read what its payload shows. Why it is refused is added to the codes."""
        metadata = field.extensions[DEFINITION].metadata
        mutation = Mutation(python_name(fields[0].node.name.value), metadata[CHANGE], metadata[OWN_IDS], metadata[ROLE])
        try:
            given, idempotency = change_input(field, fields[0].node, values)
            shown: Mapping[str, Any] = await perform(
                self.database, self.feed.domain, caller, mutation, given, idempotency
            )
            await self.feed.wake(caller.org_id)
            if self.restricted is not None and mutation.name in self.feed.domain.restricts:
                await self.restricted()
            shown = {**shown, "user_errors": []}
        except Refused as refused:
            wrong = {"code": refused.code, "message": refused.message, "field": list(refused.field) or None}
            shown = {**refused.shown, "user_errors": [wrong]}
            codes.append(refused.code)
        texts: dict[str, str | None] = dict.fromkeys(payload.records)
        ids = payload.ids(shown)
        if payload.compiled is not None and any(ids.values()):
            arguments = self._bound(payload.compiled, values, caller, **ids)
            async with self.database.acquire() as connection:
                row = await connection.fetchrow(payload.compiled.statement.sql, *arguments)
            texts = dict(zip(payload.records, row or (), strict=True))
        return payload.rendered(shown, texts)

    async def _start(
        self, watch: EventSelection, values: VariableValues, caller: Caller, seen: str | None
    ) -> int | None:
        try:
            after = watch.start(values.coerced, caller.org_id, seen)
        except BadInput as wrong:
            raise bad_input(wrong) from wrong
        if after is not None:
            bounds = await self.feed.bounds(caller.org_id)
            if after > bounds.head:
                raise refusal(
                    Code.BAD_USER_INPUT,
                    "after: this cursor is from the future: the log has not come that far."
                    " Query `cursor` for where it stands.",
                )
            if after + 1 < bounds.tail:
                raise history_gone()
        return after

    async def _render(
        self, compiled: BoundStatement, variables: Mapping[str, Any], caller: Caller, after: int, to: int, size: int
    ) -> list[Rendered]:
        arguments = compiled.arguments(variables, caller, after=after, to=to, size=size)
        async with self.database.acquire() as connection:
            found = await connection.fetch(compiled.statement.sql, *arguments)
        return [(number, _frame(caller.org_id, number, text)) for number, text in found]


def _frame(org_id: UUID, number: int, text: str) -> Frame:
    return Frame(b'{"data":' + text.encode() + b"}", encode_cursor(org_id, number))
