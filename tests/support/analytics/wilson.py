"""Rates, and how sure they are."""

from decimal import ROUND_HALF_UP, Decimal


def percent(share: Decimal) -> str:
    """A share as the API shows it."""
    return str((100 * share).quantize(Decimal("0.01"), ROUND_HALF_UP))


def wilson(reached: int, decided: int) -> dict[str, str]:
    """The Wilson interval: where the true rate is 1.96 of its own standard deviations from what was seen. Found by
    halving, not by its formula."""
    z = Decimal("1.959963984540054")

    def far(rate: Decimal) -> bool:
        return (reached - decided * rate) ** 2 > z * z * decided * rate * (1 - rate)

    seen = Decimal(reached) / decided if decided else Decimal("0.5")
    ends = {}
    for name, outer in (("low", Decimal(0)), ("high", Decimal(1))):
        near, away = seen, outer
        for _ in range(80):
            middle = (near + away) / 2
            near, away = (near, middle) if far(middle) else (middle, away)
        ends[name] = percent(near)
    return ends
