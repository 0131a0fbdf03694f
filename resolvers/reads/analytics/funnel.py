"""`funnel`: how far the leads got that were created on some days, stage by stage, and how sure that is."""

from typing import Any

from sqlalchemy import Integer, Numeric, Text, Uuid, cast, func, literal_column, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.pipeline import Pipeline
from resolvers.reads.analytics.cohort import ONE, ZERO, Funnel, FunnelBy
from resolvers.reads.analytics.days import days
from resolvers.reads.sums.columns import Columns, nothing

Z: Any = literal_column("1.959963984540054", Numeric())
"""How many standard deviations from the mean 95 % of a normal distribution lie."""


def pipeline_of(args: Args) -> Expression:
    """The id of the pipeline that a report is about."""
    return args["pipeline_id"].bind(Uuid(), lambda text: parse_id("pipeline", text))  # type: ignore[no-any-return]


def is_there(pipeline_id: Expression) -> Any:
    """Whether there is a pipeline of this id, which has not been deleted."""
    found = rows(Pipeline, pipeline_id)
    return found.where(found.entity.deleted_at.is_(None)).select(ONE).exists()


def funnel(root: Any, args: Args) -> Provided:
    """The funnel of a pipeline; null where there is none of this id."""
    pipeline_id = pipeline_of(args)
    created = days("cohort", args["cohort"])
    by = tuple(one for one in FunnelBy if one in (args.get("group_by") or ()))
    return Provided(Same(Funnel(pipeline_id, created, args["counting"], by)), created.wrong, is_there(pipeline_id))


def leads(funnel: Funnel, args: Args) -> Expression:
    """How many leads the funnel is about."""
    return select(funnel.whole.leads.alias().c.leads).scalar_subquery()


def stages(funnel: Funnel, args: Args) -> Rows:
    """The stages of the funnel, in order."""
    return funnel.whole.rows()


class FunnelGroup:
    """A group of a funnel's leads; its attributes are its columns."""

    def __init__(self, row: Any, funnel: Funnel) -> None:
        self.row = row
        self.funnel = funnel

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.row, name)
        return found

    def __clause_element__(self) -> Any:
        return self.row.__clause_element__()


def groups(funnel: Funnel, args: Args) -> Provided:
    """The groups of the funnel; none where it is not divided."""
    found = funnel.groups() if funnel.by else nothing(owner_id=Uuid(), source=Text(), month=Text(), leads=Integer())
    wrong = funnel.too_many() if funnel.by else literal_column("NULL", Text())
    return Provided(Rows(Columns, FunnelGroup(found.picked().entity, funnel), ()), wrong)


def stages_of(group: FunnelGroup, args: Args) -> Rows:
    """The stages of the funnel, in order, for one group."""
    found = group.funnel.rows()
    mine = found.entity.group == group.group if group.funnel.by else literal_column("false")
    return found.where(mine)


def rate(stage: Any, args: Args) -> Expression:
    """The part of the decided leads that reached a stage, in percent."""
    share = stage.reached * literal_column("100", Numeric()) / func.nullif(stage.decided, ZERO, type_=Integer())
    return func.round(share, literal_column("2"), type_=Numeric())


def interval(stage: Any, args: Args) -> Same:
    """How sure the rate is."""
    return Same(stage)


def _wilson(stage: Any, sign: int) -> Expression:
    """An end of the Wilson score interval. Source: E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference", 1927. Of no lead at all, it is everything from 0 to 100."""
    reached, decided = cast(stage.reached, Numeric), cast(stage.decided, Numeric)
    spread = reached * (decided - reached) / func.greatest(decided, ONE, type_=Numeric())
    half = Z * func.sqrt(spread + Z * Z / literal_column("4"), type_=Numeric())
    middle = reached + Z * Z / literal_column("2")
    end = (middle + half if sign > 0 else middle - half) / (decided + Z * Z)
    return func.round(end * literal_column("100"), literal_column("2"), type_=Numeric())


def low(stage: Any, args: Args) -> Expression:
    """The lower end of the interval, in percent."""
    return _wilson(stage, -1)


def high(stage: Any, args: Args) -> Expression:
    """The upper end of the interval, in percent."""
    return _wilson(stage, 1)
