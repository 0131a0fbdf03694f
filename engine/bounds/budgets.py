"""Budgets: so many seconds of work a minute for each member and each organisation."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

MOST_SPENDERS = 10_000
"""Spenders that are remembered. Those that spent longest ago are forgotten first; they have the most left."""


@dataclass
class Budget:
    """`seconds` of work a minute for each spender, who can spend a minute's worth at once and then earns it back."""

    seconds: float
    clock: Callable[[], float] = monotonic
    spent: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, spender: Hashable) -> int:
        """Whole seconds until the spender has something left; 0 when it has."""
        owed = self._spent(spender) - self.seconds
        return 0 if owed < 0 else max(1, ceil(owed * 60 / self.seconds))

    def spend(self, spender: Hashable, seconds: float) -> None:
        """Take from what is left. More may be spent than is left: the time that work takes is known afterwards."""
        self.spent[spender] = (self._spent(spender) + seconds, self.clock())
        self.spent.move_to_end(spender)
        if len(self.spent) > MOST_SPENDERS:
            self.spent.popitem(last=False)

    def _spent(self, spender: Hashable) -> float:
        spent, at = self.spent.get(spender, (0.0, 0.0))
        return max(0.0, spent - (self.clock() - at) * self.seconds / 60)
