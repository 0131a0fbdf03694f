"""`velocity`: what a pipeline brings in a day: open leads times win rate times average value, by the days it takes."""

from typing import Any

from sqlalchemy import CTE, Date, Integer, Numeric, and_, case, cast, func, literal_column, or_, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.analytics.funnel import is_there, pipeline_of
from resolvers.reads.periods.calendar import once, own_calendar
from resolvers.reads.reports.cycle import median, seconds
from resolvers.reads.reports.outcomes import DATES, WON, CountedIn, ended, facts, local_day, losses
from resolvers.reads.reports.tally import Tally, amount, money, percent, values_of
from resolvers.reads.sums.columns import Columns
from resolvers.reads.sums.conversion import digits_of

DAY: Expression = literal_column("86400", Numeric())
"""Seconds."""

ONE: Expression = literal_column("1", Numeric())


class VelocityFactors(Columns):
    """The factors of a pipeline's velocity: the counts and sums of its one group, and the `seconds` of its cycle."""

    def __init__(self, tally: Tally, cycle: CTE) -> None:
        # Joined, because an expression would be reckoned again for each field that shows it.
        joined = tally.groups.join(cycle, literal_column("true"))
        super().__init__(select(*tally.groups.c, cycle.c.seconds).select_from(joined).subquery())
        self.tally = tally


def velocity(root: Any, args: Args) -> Provided:
    """The velocity of a pipeline; null where there is none of this id."""
    pipeline_id, during = pipeline_of(args), days("in", args["in"])
    starts = once(own_calendar().starts(during.first))
    ends = once(func.least(own_calendar().ends(during.last), func.now()))
    fact = _facts(pipeline_id, during, starts, ends, losses(args))
    counts = {
        "reached": lambda fact: and_(fact.closed, ended(WON)(fact)),
        "lost": lambda fact: and_(fact.closed, ended(*losses(args))(fact)),
        "decided": lambda fact: and_(fact.closed, ended(WON, *losses(args))(fact)),
        "in_progress": lambda fact: ~fact.closed,
        "ended": lambda fact: and_(fact.closed, fact.lived),
    }
    worth = {
        "won": lambda fact: and_(fact.closed, ended(WON)(fact), fact.value.is_not(None)),
        "open": lambda fact: and_(~fact.closed, fact.value.is_not(None)),
    }
    amounts = {f"{name}_value": _each(counted, lambda fact: fact.value) for name, counted in worth.items()}
    numbers = {f"{name}_count": _each(counted, lambda fact: ONE) for name, counted in worth.items()}
    tally = Tally(fact, (), counts, amounts, numbers, into=args.get("currency"), on=args.get("rates_on"))
    # On days that are all to come, no lead is seen: it comes later than it goes.
    seen = and_(fact.c.lived, fact.c.came <= fact.c.went)
    life = select(fact.c.came, fact.c.went, fact.c.closed.label("ended")).where(seen).cte()
    found = Rows(VelocityFactors, VelocityFactors(tally, median(life)), ())
    return Provided(found, during.wrong, is_there(pipeline_id))


def _each(counted: Any, value: Any) -> Any:
    return lambda fact: case((counted(fact), value(fact)))


def _facts(pipeline_id: Any, during: Days, starts: Any, ends: Any, lost: tuple[str, ...]) -> Any:
    """The leads that were open on one of the days, or closed on one: whether each was `closed` on them, and at what
    ages it was open. One that was created as closed has not `lived`."""
    found = rows(Lead)
    lead = found.entity
    mine = found.where(lead.pipeline_id == pipeline_id, lead.created_at < ends)
    mine = mine.where(or_(lead.closed_at.is_(None), lead.closed_at >= starts))

    def closed(lead: Any, stage: Any = None) -> Any:
        return func.coalesce(lead.closed_at < ends, literal_column("false"))

    return facts(
        mine,
        (),
        DATES[CountedIn.CLOSED_IN],
        day=lambda lead: case((closed(lead), local_day(lead.closed_at)), else_=cast(during.last, Date)),
        closed=closed,
        lived=lambda lead, stage: or_(lead.closed_at.is_(None), lead.closed_at > lead.created_at),
        came=lambda lead, stage: seconds(starts - lead.created_at),
        went=lambda lead, stage: seconds(func.least(lead.closed_at, ends) - lead.created_at),
    )


def rate(factors: Any, args: Args) -> Expression:
    """The part of the decided leads that was won, in percent."""
    return percent(factors.reached, factors.decided)


def cycle_days(factors: Any, args: Args) -> Expression:
    """The median time until leads are closed, in days with two decimals."""
    return func.round(cast(factors.seconds, Numeric) / DAY, literal_column("2"), type_=Numeric())


def values(factors: Any, args: Args) -> Rows:
    """The amounts, currency by currency, each with the factors that they share."""
    names = ("won_value", "open_value", "won_count", "open_count")
    each = values_of(*names)(factors, args).entity.clause
    shared = [factors.clause.c[name] for name in ("reached", "decided", "seconds")]
    found = select(*each.c, *shared).select_from(each).correlate(factors.clause).subquery()
    return Rows(Columns, Columns(found), ())


def average(sums: Any, args: Args) -> Expression:
    """The average value of the leads that were won; null where none has a value."""
    return func.round(_average(sums), digits_of(sums.currency), type_=Numeric())


def _average(sums: Any) -> Any:
    return amount(sums.won_value) / func.nullif(sums.won_count, literal_column("0", Numeric()), type_=Numeric())


def per_day(sums: Any, args: Args) -> Expression:
    """What the open leads bring in a day, from exact factors, rounded once; null where one of them is not known."""
    zero = literal_column("0", Integer())
    open_leads = func.coalesce(sums.open_count, literal_column("0", Numeric()), type_=Numeric())
    won = open_leads * cast(sums.reached, Numeric) * amount(sums.won_value) * DAY
    by = cast(sums.decided, Numeric) * sums.won_count * cast(sums.seconds, Numeric)
    return func.round(won / func.nullif(by, zero, type_=Numeric()), digits_of(sums.currency), type_=Numeric())


def open_count(sums: Any, args: Args) -> Expression:
    """How many open leads have a value in a currency."""
    return cast(func.coalesce(sums.open_count, literal_column("0", Numeric()), type_=Numeric()), Integer)


open_value = money("open_value")


def without_value(factors: VelocityFactors, args: Args) -> Expression:
    """How many leads that were won or are open have no value."""
    return factors.tally.without_value("reached", "in_progress")
