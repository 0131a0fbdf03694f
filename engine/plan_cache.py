"""The plans that are kept, and the thread that compiles new ones, so that the event loop goes on meanwhile.

A plan takes milliseconds to compile, a large one half a second, and its document a third of that to be parsed and
validated. So it is compiled once for all values of one shape, at most one at a time, and each member and organisation
has a budget for new ones.
"""

import asyncio
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from time import perf_counter, thread_time
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from graphql import GraphQLSchema
from graphql.execution.values import VariableValues

from engine.bounds.budgets import Budget
from engine.bounds.cost import reckoned, too_costly
from engine.caller import Caller
from engine.documents import Documents, Prepared
from engine.errors import Code, RequestError, refusal
from engine.limits import Limits
from engine.outline import Outline, outlined
from engine.plans import Plan, make_plan
from engine.read.arguments import shape

MOST_SQL = 10_000_000
"""Characters of SQL of all plans that are kept. What else a plan holds takes about as much again."""

KEY_WEIGHT = 20
"""Characters of SQL that take as much memory as one part of a key, which is the shape of an operation's variables."""

EXPANSION = 2
"""Fields that an operation may come to for each that its document may hold: those of an interface count for each type
that it can be."""

FIELD_SQL = 100
"""Characters of SQL that an operation may come to for each field that it may collect: a list takes about 700."""

SWITCH = 0.0002
"""Seconds for which the compiling thread keeps the event loop waiting each time that something arrives. Python's own 5
milliseconds add up to 25 in one small query; with 1, a ping beside a thread that computes had a p99 of 2 to 11
milliseconds, with this 0.4 to 2, and the thread got no slower."""

LESS = "Ask for less, or in several requests."

STACK = 64 * 1024 * 1024
"""Bytes of the compiling thread's stack, as much as the deepest statement takes; only what is used is allocated."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Watch:
    """Observers of compiling: `compiled` takes seconds and characters of SQL; `refused`, the bound that was hit."""

    compiled: Callable[[float, int], None] = lambda seconds, characters: None
    refused: Callable[[str], None] = lambda bound: None


@dataclass(frozen=True)
class Allowance:
    """Seconds of compiling a minute, for a member and for all members of an organisation together."""

    member: float = 5.0
    organisation: float = 15.0


class Plans:
    """Compiled operations, the most recently used, bounded by their number and by the length of their SQL."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        size: int = 1000,
        characters: int = MOST_SQL,
        allowance: Allowance | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.most_fields = EXPANSION * limits.fields
        self.size = size
        self.characters = characters
        self.held = 0
        self.watch = watch or Watch()
        allowance = allowance or Allowance()
        self.members = Budget(allowance.member)
        self.organisations = Budget(allowance.organisation)
        self.plans: OrderedDict[Hashable, tuple[Plan, int]] = OrderedDict()
        self.under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self.outlines: WeakKeyDictionary[Prepared, Outline] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self.plans)

    def outline(self, prepared: Prepared) -> Outline:
        """What the operation needs before its variables are looked at."""
        found = self.outlines.get(prepared)
        if found is None:
            found = self.outlines[prepared] = outlined(self.schema, prepared)
        return found

    def cost(self, prepared: Prepared, values: VariableValues) -> Mapping[str, int]:
        """The rows that the operation may read with these values, and the limit. Raises `RequestError` TOO_COSTLY."""
        cost = reckoned(prepared.cost, values.coerced, self.limits.pages)
        if cost > self.limits.cost:
            raise RequestError([too_costly(cost, self.limits.cost, self.limits.pages)])
        return {"value": cost, "limit": self.limits.cost}

    async def prepare(self, documents: Documents, text: str, operation_name: str | None, caller: Caller) -> Prepared:
        """The operation of a document: cached, or prepared on behalf of the caller.

        Raises `RequestError`: what `Documents.prepare` refuses, or RATE_LIMITED when a budget is spent.
        """
        cached = documents.cached(text, operation_name)
        if cached is not None:
            return cached

        async def make() -> Prepared:
            made = partial(documents.made, text, operation_name)
            loop = asyncio.get_running_loop()
            return documents.kept(
                text, operation_name, await loop.run_in_executor(self._thread, self._on_budget, caller, made)
            )

        return await self._once((text, operation_name), caller, make)

    async def get(self, prepared: Prepared, values: VariableValues, caller: Caller) -> Plan:
        """The plan for variables of this shape: kept, or compiled on behalf of the caller.

        Raises `RequestError`: what cannot be used, what comes to too much, or RATE_LIMITED when a budget is spent.
        """
        shaping = self.outline(prepared).shaping
        key = (prepared, *((name, shape(value)) for name, value in values.coerced.items() if name in shaping))
        kept = self.plans.get(key)
        if kept is not None:
            self.plans.move_to_end(key)
            return kept[0]
        return await self._once(key, caller, lambda: self._make(key, prepared, values, caller))

    async def _once(self, key: Hashable, caller: Caller, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What is made on behalf of the caller, once for all who ask for it meanwhile."""
        making = self.under_way.get(key)
        if making is None:
            self._expect_allowed(caller)
            making = self.under_way[key] = asyncio.create_task(make())
            making.add_done_callback(lambda task: self._done(key, task))
        # Others may wait for the same: it is finished even if this caller disconnects.
        return cast(Made, await asyncio.shield(making))

    async def _make(self, key: Hashable, prepared: Prepared, values: VariableValues, caller: Caller) -> Plan:
        loop = asyncio.get_running_loop()
        plan = await loop.run_in_executor(self._thread, self._compiled, prepared, values, caller)
        weight = plan.characters + KEY_WEIGHT * _parts(key)
        self.plans[key] = plan, weight
        self.held += weight
        while len(self.plans) > self.size or self.held > self.characters:
            self.held -= self.plans.popitem(last=False)[1][1]
        return plan

    def _compiled(self, prepared: Prepared, values: VariableValues, caller: Caller) -> Plan:
        began = perf_counter()
        characters = 0
        try:
            plan = self._on_budget(caller, partial(make_plan, self.schema, prepared, values, self.most_fields))
            characters = plan.characters
            if characters > self.most_fields * FIELD_SQL:
                most = self.most_fields * FIELD_SQL
                message = f"This operation comes to {characters:,} characters of SQL; the limit is {most:,}. {LESS}"
                raise refusal(Code.TOO_MANY_FIELDS, message, value=characters, limit=most)
        except RequestError as refused:
            if refused.code == Code.TOO_MANY_FIELDS:
                self.watch.refused("size")
            raise
        finally:
            self.watch.compiled(perf_counter() - began, characters)
        return plan

    def _on_budget(self, caller: Caller, make: Callable[[], Made]) -> Made:
        """Make something in this thread, and take the time from the budgets of the caller."""
        used = thread_time()
        try:
            return make()
        finally:
            # Waiting for the interpreter while others run is not the caller's doing.
            taken = thread_time() - used
            self.members.spend(caller.person, taken)
            self.organisations.spend(caller.org_id, taken)

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self.under_way[key]
        if not task.cancelled():
            task.exception()  # raised to those who still wait, of whom there may be none

    def _expect_allowed(self, caller: Caller) -> None:
        for budget, spender, of, setting in (
            (self.members, caller.person, "you", "MEMBER"),
            (self.organisations, caller.org_id, "your organisation", "ORGANISATION"),
        ):
            wait = budget.wait(spender)
            if wait:
                self.watch.refused(setting.lower())
                message = (
                    f"The new operations of {of} took {budget.seconds:g} seconds to compile within a minute, which is"
                    f" the limit (setting DEALBOARD_COMPILE_SECONDS_PER_{setting}). Pass values as variables, because"
                    f" operations that were sent before need no compiling, or send this again in {wait} seconds."
                )
                raise refusal(Code.RATE_LIMITED, message, retryAfter=wait)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        sys.setswitchinterval(SWITCH)
        before = threading.stack_size(STACK)
        try:
            executor = ThreadPoolExecutor(1, "compile")
            executor.submit(int).result()
        finally:
            threading.stack_size(before)
        return executor


def _parts(key: Any) -> int:
    return 1 + sum(map(_parts, key)) if isinstance(key, tuple) else 1
