"""Runs operations: a query as one statement, each mutation field as one transaction, a subscription from the event log.

graphql-core answers introspection. An unexpected failure is logged under an id, which the client gets.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from time import perf_counter
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from graphql import (
    GraphQLError,
    GraphQLSchema,
    Undefined,
    execute_sync,
)
from graphql.execution.values import VariableValues, get_variable_values

from engine.bounds.answers import MOST_BYTES, is_size, limited_events, limited_payload, limited_query, too_large
from engine.bounds.places import Work
from engine.bounds.shares import Shares
from engine.bounds.sizes import Sizes
from engine.caller import Caller, Person, Restriction
from engine.change.inputs import change_input
from engine.change.payload import PayloadPlan
from engine.change.transaction import Mutation, perform
from engine.documents import Documents, Prepared
from engine.errors import Code, RequestError, code_of, error, format_errors, refusal
from engine.explain import explain as explained
from engine.failures import Failed, bad_input, history_gone, masked
from engine.live.feed import Feed
from engine.live.reader import TooManyStreams
from engine.live.selection import EventSelection, encode_cursor
from engine.live.shared_stream import EventPage, Frame, HistoryGone
from engine.outline import expect_role
from engine.plan_cache import Plans
from engine.plans import Plan
from engine.publish.fields import CHANGE, OWN_IDS, ROLE
from engine.read.arguments import DEFINITION, python_name
from engine.read.compiler import BoundStatement
from engine.read.slots import BadInput
from models.database import UNREACHABLE, Database
from models.rules.refusal import Refused
from models.timeouts import TimedOut, timed

log = logging.getLogger("dealboard.engine")

OK = "OK"
"""The code of an answer without errors."""

BOUNDS: Mapping[str, str] = {Code.TIMED_OUT: "timeout", Code.ANSWER_TOO_LARGE: "size"}
"""Codes of operations that hit a bound while they ran, and the bound."""

MADE = "The change was made: query what you need of it, in parts."

NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True)
class Answer:
    """A complete response body. `executed` is false when nothing was run, so that HTTP can answer 4xx.

    `code` is the first code of its errors, user errors included, for logs and metrics.
    """

    body: bytes
    executed: bool = True
    code: str = OK


class Engine:
    """Runs prepared operations on one database."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: Database,
        documents: Documents,
        feed: Feed,
        plans: Plans | None = None,
        shares: Shares | None = None,
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
        self.most_bytes = most_bytes
        self.restricted = restricted
        self.plans = Plans(schema, documents.limits) if plans is None else plans
        self.limited: WeakKeyDictionary[BoundStatement, str] = WeakKeyDictionary()
        """What is sent for each statement: the same with the limit on its answer."""

    async def execute(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, *, cost: bool = False
    ) -> Answer:
        """Run a query or a mutation; with `cost`, its cost is reported in `extensions`.

        Raises `RequestError` when it is refused before anything is run.
        """
        answer = await self._execute(prepared, variables, caller)
        if not cost:
            return answer
        shown = self.plans.cost(prepared, self._coerced(prepared, variables))
        return replace(answer, body=answer.body[:-1] + b',"extensions":' + orjson.dumps({"cost": shown}) + b"}")

    async def _execute(self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller) -> Answer:
        try:
            plan, values = await self._plan(prepared, variables, caller)
            if prepared.kind == "mutation":
                async with self.shares.admit(Work.CHANGE, caller.org_id, caller.subject):
                    return await self._mutate(plan, values, caller)
            return Answer(await self._query(plan, values, caller))
        except Exception as failure:
            found = masked(failure)
            code = code_of(found)
            if code in BOUNDS:
                self.shares.hit(f"{prepared.kind}_{BOUNDS[code]}")
            return Answer(b'{"data":null,"errors":' + orjson.dumps(format_errors([found])) + b"}", code=code)

    async def subscribe(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, seen: str | None = None
    ) -> AsyncGenerator[Frame]:
        """The results of a subscription, each a complete body. Raises `RequestError` at once when it is refused.

        It resumes after the cursor `seen`, if there is one, rather than after its argument `after`.
        """
        plan, values = await self._plan(prepared, variables, caller)
        compiled, watch = plan.compiled, plan.watch
        assert compiled is not None
        assert watch is not None
        bound = self._bound(compiled, values, caller, after=0, to=0, size=0)
        await self.feed.known.expect(caller.org_id, watch.named(values.coerced))
        wants = watch.matcher(values.coerced)
        after = await self._start(watch, values, caller, seen)
        render = partial(self._render, compiled, values.coerced, caller)
        key = (compiled, tuple(tuple(value) if isinstance(value, list) else value for value in bound))
        async with aclosing(self.feed.follow(caller.person, key, render, wants, after)) as rendered:
            try:
                async for _, frame in rendered:
                    yield frame
            except HistoryGone:
                raise history_gone() from None
            except TooManyStreams as many:
                self.shares.hit("subscription_streams")
                raise refusal(
                    Code.TOO_MANY_SUBSCRIPTIONS,
                    f"You follow {many.most} different subscriptions, which is the limit: complete one first, or ask"
                    " for what you need in fewer of them.",
                    limit=many.most,
                ) from None
            except (TimedOut, Failed) as failure:
                code = failure.code if isinstance(failure, Failed) else Code.TIMED_OUT
                self.shares.hit(f"subscription_{BOUNDS[code]}")
                raise

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

    async def _plan(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller
    ) -> tuple[Plan, VariableValues]:
        """The compiled operation and its coerced variables. What is cheap to refuse is refused first."""
        expect_role(self.schema, prepared, self.plans.outline(prepared), variables, caller)
        values = self._coerced(prepared, variables)
        self.plans.cost(prepared, values)
        return await self.plans.get(prepared, values, caller), values

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

    def _bound(self, compiled: BoundStatement, values: VariableValues, caller: Caller, **more: Any) -> list[Any]:
        try:
            return compiled.arguments(values.coerced, caller, **more)
        except BadInput as wrong:
            raise bad_input(wrong) from wrong

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
        if plan.introspection is None:
            return b'{"data":' + text.encode() + b"}"
        given = {name: source.value for name, source in values.sources.items() if source.value is not Undefined}
        found = execute_sync(self.schema, plan.introspection, variable_values=given)
        parts = orjson.loads(text) | (found.data or {})
        body = orjson.dumps({"data": {key: parts[key] for key in plan.grouped}})
        if len(body) > self.most_bytes:
            raise too_large(len(body), self.most_bytes)
        return body

    def _limited(self, compiled: BoundStatement, limit: Callable[[str, int], str]) -> str:
        sql = self.limited.get(compiled)
        if sql is None:
            sql = self.limited[compiled] = limit(compiled.statement.sql, self.most_bytes)
        return sql

    async def _read(self, sql: str, arguments: Sequence[Any], custom: bool) -> str:
        async with self.database.acquire(custom=custom) as connection:
            text: str = await timed(connection.fetchval(sql, *arguments, timeout=self.database.patience))
        return text

    async def _mutate(self, plan: Plan, values: VariableValues, caller: Caller) -> Answer:
        for shown in (plan.payloads or {}).values():
            if shown.compiled is not None:
                # The payloads are compiled first: nothing may be refused once something has changed.
                self._bound(shown.compiled, values, caller, **shown.ids({}))
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        codes: list[str] = []
        size = 0
        for key, fields in plan.grouped.items():
            payload = (plan.payloads or {}).get(key)
            if payload is None:
                data[key] = plan.root.name
                continue
            try:
                shown = await self._change(
                    plan.root.fields[fields[0].node.name.value], payload, fields, values, caller, codes
                )
                size += len(orjson.dumps(shown)) if len(plan.grouped) > 1 else 0
                if size > self.most_bytes:
                    raise too_large(size, self.most_bytes, MADE)
                data[key] = shown
            except Exception as failure:
                data[key] = None
                errors.append(masked(failure, path=[key]))
                codes.append(code_of(errors[-1]))
                if codes[-1] in BOUNDS:
                    self.shares.hit(f"mutation_{BOUNDS[codes[-1]]}")
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = format_errors(errors)
        return Answer(orjson.dumps(body), code=codes[0] if codes else OK)

    async def _change(
        self, field: Any, payload: PayloadPlan, fields: Any, values: VariableValues, caller: Caller, codes: list[str]
    ) -> Any:
        """Make one change and read the records of its payload. The codes of a refusal are added to the codes."""
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
            columns = len(payload.records)
            sql = self._limited(payload.compiled, lambda sql, most: limited_payload(sql, columns, most))
            row = await self._shown(sql, arguments)
            texts = dict(zip(payload.records, row or (), strict=True))
        return payload.rendered(shown, texts)

    async def _shown(self, sql: str, arguments: Sequence[Any]) -> Sequence[str | None]:
        """The records of a payload. What fails here says that the change itself was made."""
        try:
            async with self.database.acquire() as connection:
                row: Any = await timed(connection.fetchrow(sql, *arguments, timeout=self.database.patience))
        except TimedOut as late:
            message = "The change was made, but reading what its payload asks for took too long. Query it, in parts."
            raise Failed(Code.TIMED_OUT, message) from late
        if row is not None and is_size(row[0]):
            raise too_large(int(row[0]), self.most_bytes, MADE)
        return row  # type: ignore[no-any-return]

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
                    "after: this cursor is ahead of the event log. Query `cursor` for its present end.",
                )
            if after + 1 < bounds.tail:
                raise history_gone()
        return after

    async def _render(
        self,
        compiled: BoundStatement,
        variables: Mapping[str, Any],
        caller: Caller,
        after: int,
        to: int,
        size: int,
        member: str | None = None,
    ) -> EventPage:
        arguments = compiled.arguments(variables, caller, after=after, to=to, size=size)
        sql, patience = self._limited(compiled, limited_events), self.database.patience
        work = Work.EVENT if member is None else Work.READ
        async with (
            self.shares.admit(work, caller.org_id, member, patient=True),
            self.database.acquire() as connection,
        ):
            began = perf_counter()
            found = await timed(connection.fetch(sql, *arguments, timeout=patience))
            seconds = perf_counter() - began
        fitting = list(takewhile(lambda row: row[1].startswith("{"), found))
        if found and not fitting:
            raise too_large(int(found[0][1]), self.most_bytes, "Ask for fewer fields of an event.")
        events = [(number, _frame(caller.org_id, number, text)) for number, text in fitting]
        all_of_them = len(found) < size or found[-1][0] >= to
        return EventPage(events, all_of_them and len(fitting) == len(found), seconds)


def _frame(org_id: UUID, number: int, text: str) -> Frame:
    return Frame(b'{"data":' + text.encode() + b"}", encode_cursor(org_id, number))
