"""Rates: units of cost a minute for each organisation, and for each member in it.

Both have a bucket, which holds a minute's units and refills all the time. An operation takes its cost from both buckets
before it is run, at least 1 unit; where one holds too little, it is refused with RATE_LIMITED and takes nothing. What
costs more than a full bucket could never be run, and is refused with TOO_COSTLY.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import ceil
from operator import attrgetter
from time import monotonic
from typing import Any

from engine.bounds.shares import Hit, unseen
from engine.caller import Caller
from engine.errors import Code, RequestError, refusal

MOST_BUCKETS = 10_000
"""Buckets of a kind that are kept. With more, the least recently used is dropped; those that are full are dropped
anyway."""


class Bucket:
    """What is left to one organisation or member: so many units at a moment. Less than none is owed."""

    __slots__ = ("at", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class Rate:
    """So many units a minute for each organisation or each member.

    `spender` says whose bucket a caller takes from, `rule` says the limit to people.
    """

    def __init__(self, kind: str, subject: str, limit: int, spender: Callable[[Caller], Hashable]) -> None:
        self.kind = kind
        self.limit = limit
        self.rule = f"{subject} may use {limit:,} units of cost a minute (setting DEALBOARD_{kind.upper()}_RATE)"
        self.per_second = limit / 60
        self.spender = spender
        self.buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def bucket(self, spender: Hashable, now: float) -> Bucket:
        """The bucket of a spender as it is now."""
        found = self.buckets.get(spender)
        if found is None:
            self._drop(now)
            found = self.buckets[spender] = Bucket(self.limit, now)
            return found
        self.buckets.move_to_end(spender)
        self.refill(found, now)
        return found

    def refill(self, bucket: Bucket, now: float) -> None:
        """Add what it has earned since it was last looked at."""
        level = bucket.level + (now - bucket.at) * self.per_second
        bucket.level = level if level < self.limit else self.limit
        bucket.at = now

    def seconds(self, units: float) -> int:
        """Whole seconds in which so many units are earned."""
        return ceil(units / self.per_second)

    def _drop(self, now: float) -> None:
        """Make room for one more: for each that comes, up to two go that are full again."""
        for _ in range(2):
            if not self.buckets:
                return
            spender, oldest = next(iter(self.buckets.items()))
            self.refill(oldest, now)
            if oldest.level < self.limit and len(self.buckets) < MOST_BUCKETS:
                return
            del self.buckets[spender]


Spent = Callable[[Rate, Hashable, int], None]
"""Takes what was spent from whose bucket."""


class Rates:
    """The rates of an organisation and of a member; 0 is no limit. `hit` takes the name of the one that refuses.

    `spent` takes what is taken from whose bucket, where processes share them.
    """

    def __init__(
        self, organisation: int = 0, member: int = 0, *, hit: Hit = unseen, clock: Callable[[], float] = monotonic
    ) -> None:
        every = (
            Rate("organisation", "Your organisation", organisation, attrgetter("organisation")),
            Rate("member", "You", member, attrgetter("organisation", "subject")),
        )
        self.limited = tuple(rate for rate in every if rate.limit)
        self.hit = hit
        self.clock = clock
        self.spent: Spent | None = None

    def charge(self, caller: Caller, cost: int) -> None:
        """Take the cost of an operation. Raises `RequestError` RATE_LIMITED or TOO_COSTLY, and then takes nothing."""
        if not self.limited:
            return
        cost = cost or 1
        now = self.clock()
        buckets = [rate.bucket(rate.spender(caller), now) for rate in self.limited]
        for bucket in buckets:
            if bucket.level < cost:
                if self.spent is not None:
                    self._report(caller, 0)
                raise self._refused(cost, buckets)
        for bucket in buckets:
            bucket.level -= cost
        if self.spent is not None:
            self._report(caller, cost)

    def left(self, caller: Caller) -> dict[str, Any]:
        """For each rate its limit, what is left of it, and in how many seconds all of it will be."""
        now = self.clock()
        shown = {}
        for rate in self.limited:
            level = rate.bucket(rate.spender(caller), now).level
            seconds = rate.seconds(rate.limit - level)
            shown[rate.kind] = {"limit": rate.limit, "remaining": max(0, int(level)), "resetSeconds": seconds}
        return shown

    def _report(self, caller: Caller, cost: int) -> None:
        """Report what was taken; or nothing with a refusal, so that the next one knows what others took meanwhile."""
        assert self.spent is not None
        for rate in self.limited:
            self.spent(rate, rate.spender(caller), cost)

    def _refused(self, cost: int, buckets: list[Bucket]) -> RequestError:
        for rate in self.limited:
            if cost > rate.limit:
                message = f"{rate.rule}, and this operation costs {cost:,}. Ask for less, or in several requests."
                return refusal(Code.TOO_COSTLY, message, value=cost, limit=rate.limit)
        waits = [rate.seconds(cost - bucket.level) for rate, bucket in zip(self.limited, buckets, strict=True)]
        wait = max(waits)
        rate, bucket = self.limited[waits.index(wait)], buckets[waits.index(wait)]
        self.hit(f"{rate.kind}_rate")
        remaining = max(0, int(bucket.level))
        seconds = "1 second" if wait == 1 else f"{wait:,} seconds"
        message = (
            f"{rate.rule}: {remaining:,} are left, and this operation costs {cost:,}. Wait {seconds}, then send it"
            " again."
        )
        return refusal(Code.RATE_LIMITED, message, value=cost, limit=rate.limit, remaining=remaining, retryAfter=wait)
