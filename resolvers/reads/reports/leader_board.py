"""`leaderBoard`: members ranked by what they won, or by their activities."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, Integer, Numeric, Text, case, cast, func, literal_column, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Same
from engine.read.slots import Args
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.reports import activities
from resolvers.reads.reports.outcomes import DATES, WON, CountedIn, dated_on, facts, in_pipelines
from resolvers.reads.reports.tally import NO_CURRENCY, Tally
from resolvers.reads.sums.columns import summed
from resolvers.reads.sums.conversion import digits_of
from resolvers.reads.sums.groups import MOST_GROUPS, OWNER, too_many

TOO_MANY = f"more than {MOST_GROUPS:,} members share these ranks. Ask for fewer ranks, days or pipelines."


class LeaderBoardMeasure(StrEnum):
    """What members are ranked by."""

    WON_VALUE = "WON_VALUE"
    WON_COUNT = "WON_COUNT"
    ACTIVITIES = "ACTIVITIES"


@dataclass(frozen=True)
class LeaderBoard:
    """The members ranked, and the facts that they are ranked by."""

    tally: Tally
    ranked: CTE


def leader_board(root: Any, args: Args) -> Provided:
    """Members by what they did on some days."""
    during, measure = days("in", args["in"]), args["measure"]
    tally = _won(during, args) if measure != LeaderBoardMeasure.ACTIVITIES else _active(during, args)
    ranked = _by_value(tally) if measure == LeaderBoardMeasure.WON_VALUE else _by_count(tally)
    top = args["top"].bind(Integer(), expect_top)
    return Provided(Same(LeaderBoard(tally, select(ranked).where(ranked.c.rank <= top).cte())), during.wrong)


def expect_top(top: Any) -> int:
    """Check how many ranks are asked for. Raises `ValueError`."""
    if not 1 <= top <= MOST_GROUPS:
        raise ValueError(f"{top} is out of range: send 1 to {MOST_GROUPS:,}.")
    return int(top)


def _won(during: Days, args: Args) -> Tally:
    found = in_pipelines(dated_on(during, CountedIn.CLOSED_IN), args)
    fact = facts(found, (), DATES[CountedIn.CLOSED_IN], outcomes=(WON,))
    counts = {"counted": _owned, "unowned": lambda fact: fact.owner_id.is_(None)}
    amounts = {"won_value": lambda fact: fact.value}
    numbers = {"valued": lambda fact: case((fact.value.is_not(None), literal_column("1", Numeric())))}
    return Tally(fact, (OWNER,), counts, amounts, numbers, into=args.get("currency"), on=args.get("rates_on"))


def _active(during: Days, args: Args) -> Tally:
    fact = activities.facts(activities.logged(during, args), (OWNER,))
    return Tally(fact, (OWNER,), {"counted": _owned, "unowned": lambda fact: fact.owner_id.is_(None)})


def _owned(fact: Any) -> Any:
    return fact.owner_id.is_not(None)


def _by_value(tally: Tally) -> Any:
    """A row for each member and currency, ranked within the currency by the amount as it is shown."""
    part = tally.priced
    value = func.round(part.c.won_value, digits_of(part.c.currency), type_=Numeric())
    rank = func.rank().over(partition_by=part.c.currency, order_by=value.desc())
    chosen = select(
        part.c.owner_id,
        part.c.currency,
        value.label("value"),
        cast(part.c.valued, Integer).label("counted"),
        rank_as(rank),
    )
    counts = (part.c.currency != NO_CURRENCY, part.c.won_value.is_not(None), part.c.owner_id.is_not(None))
    return chosen.where(*counts).subquery()


def _by_count(tally: Tally) -> Any:
    """A row for each member."""
    group = tally.groups
    nothing = (
        cast(literal_column("NULL"), Text).label("currency"),
        cast(literal_column("NULL"), Numeric).label("value"),
    )
    rank = func.rank().over(order_by=group.c.counted.desc())
    return select(group.c.owner_id, *nothing, group.c.counted, rank_as(rank)).where(group.c.counted > 0).subquery()


def rank_as(rank: Any) -> Any:
    """A rank as a column."""
    return cast(rank, Integer).label("rank")


def ranks(board: LeaderBoard, args: Args) -> Provided:
    """The ranks, by currency, provided that they are not too many."""
    return Provided(summed(board.ranked, "currency", "rank", "owner_id"), too_many(board.ranked, "top", TOO_MANY))


def unowned(board: LeaderBoard, args: Args) -> Expression:
    """How many leads or activities are nobody's."""
    group = board.tally.groups
    return select(cast(func.coalesce(func.sum(group.c.unowned), literal_column("0")), Integer)).scalar_subquery()
