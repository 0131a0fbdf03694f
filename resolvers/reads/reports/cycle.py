"""How long it takes until leads are closed, as of some days: a life table of a period.

At each age, those leads are at risk of being closed that were open at that age on one of the days. What happened before
the days counts as little as what happens after them: a lead enters at the age at which it came to the first day, and
one that is open at the end has lived at least so long. Source: E. L. Kaplan and P. Meier, "Nonparametric Estimation
from Incomplete Observations", 1958, whose sample may change as age grows.
"""

from typing import Any

from sqlalchemy import CTE, BigInteger, Double, Integer, case, cast, func, literal_column, select, union_all

from engine.read.json_text import Expression, quoted
from resolvers.reads.analytics.visits import CLOSE

ZERO: Expression = literal_column("0", Integer())
ONE: Expression = literal_column("1", Integer())
NOTHING: Expression = literal_column("interval '0'")


def seconds(age: Any) -> Expression:
    """An age in whole seconds, from 0. `date_part` gives a float, in which microseconds are exact for 285 years, and
    which is faster to reckon with than the decimal that `extract` gives."""
    return cast(func.floor(func.date_part(quoted("epoch"), func.greatest(age, NOTHING))), BigInteger)


def median(life: CTE) -> CTE:
    """The age in `seconds` at which half of the leads are closed; null where too few are to know it.

    `life` has a row for each lead: `came` and `went`, the ages at which it is first and last seen open, and `ended`,
    whether it was closed then.
    """
    came = select(life.c.came.label("age"), ONE.label("came"), ZERO.label("went"), ZERO.label("ended"))
    went = select(life.c.went, ZERO, ONE, case((life.c.ended, ONE), else_=ZERO))
    step = union_all(came, went).subquery()
    sums = [func.sum(step.c[name]).label(name) for name in ("came", "went", "ended")]
    tied = select(step.c.age, *sums).group_by(step.c.age).subquery()
    # Who comes at an age is at risk there, and so is who goes.
    running = [func.sum(tied.c[name]).over(order_by=tied.c.age) for name in ("came", "went")]
    risked = select(tied.c.age, tied.c.ended, (running[0] - running[1] + tied.c.went).label("at_risk")).subquery()
    stays = risked.c.at_risk - risked.c.ended
    log = func.ln(cast(func.nullif(stays, ZERO), Double) / cast(risked.c.at_risk, Double))
    survival = case((stays == ZERO, ZERO), else_=func.exp(func.sum(log).over(order_by=risked.c.age)))
    left = select(risked.c.age, survival.label("survival")).subquery()
    half = func.min(left.c.age, type_=BigInteger()).filter(left.c.survival <= literal_column(f"0.5 + {CLOSE}"))
    return select(half.label("seconds")).cte()
