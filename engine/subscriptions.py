"""Subscriptions: the results of an operation for each event that it selects, rendered page by page."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from itertools import takewhile
from time import perf_counter
from typing import Any
from uuid import UUID

from graphql.execution.values import VariableValues

from engine.bounds.answers import limited_events, too_large
from engine.bounds.places import Work
from engine.caller import Caller
from engine.documents import Prepared
from engine.errors import Code, refusal
from engine.failures import Failed, bad_input, history_gone
from engine.live.log_place import LogPlace
from engine.live.reader import TooManyStreams
from engine.live.selection import EventSelection, encode_cursor
from engine.live.shared_stream import EventPage, Frame, HistoryGone
from engine.operations import BOUNDS, Operations
from engine.read.bound_statement import BoundStatement
from engine.read.slots import BadInput
from models.timeouts import TimedOut, timed

AHEAD_OF_LOG = "after: this cursor is ahead of the event log. Query `cursor` for its present end."

AHEAD = "after: this cursor is ahead of what is followed. Query the place where that ends at present."


class Subscriptions(Operations):
    """Runs subscriptions."""

    async def subscribe(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        caller: Caller,
        seen: str | None = None,
        place: LogPlace | None = None,
    ) -> AsyncGenerator[Frame]:
        """The results of a subscription, each a complete body. Raises `RequestError` at once when it is refused.

        It resumes after the cursor `seen`, if there is one, rather than after its argument `after`. With a `place`,
        which goes with it, a frame without a body comes first: it has the cursor where the subscription starts.
        """
        plan, values = await self._plan(prepared, variables, caller)
        compiled, watch = plan.compiled, plan.watch
        assert compiled is not None
        assert watch is not None
        bound = self._bound(compiled, values, caller, after=0, to=0, size=0)
        await self.feed.known.expect(caller.org_id, watch.named(values.coerced))
        wants = watch.matcher(values.coerced, caller)
        after = await self._start(watch, values, caller, seen)
        render = partial(self._render, compiled, values.coerced, caller)
        key = (compiled, tuple(tuple(value) if isinstance(value, list) else value for value in bound))
        async with aclosing(self.feed.follow(caller.person, key, render, wants, after, place, watch.log)) as rendered:
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

    async def cursor(self, caller: Caller) -> str:
        """A cursor after which everything comes that the caller's organisation does from now on."""
        return encode_cursor(caller.org_id, await self.feed.present(caller.org_id))

    async def _start(
        self, watch: EventSelection, values: VariableValues, caller: Caller, seen: str | None
    ) -> int | None:
        try:
            after = watch.start(values.coerced, caller.org_id, seen)
        except BadInput as wrong:
            raise bad_input(wrong) from wrong
        if after is not None:
            bounds = await self.feed.bounds(caller.org_id, watch.log)
            if after > bounds.head:
                raise refusal(Code.BAD_USER_INPUT, AHEAD if watch.log and watch.log.bounds else AHEAD_OF_LOG)
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
