"""`activityCounts`: how many activities were logged, by whom, of which type, and when."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, and_, literal_column, select

from engine.publish.provided import Provided, together
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.activity import Activity
from models.tables.lead import Lead
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.reports.outcomes import in_pipelines
from resolvers.reads.reports.tally import Tally
from resolvers.reads.sums.groups import (
    MONTH,
    OWNER,
    PIPELINE,
    POOL,
    TYPE,
    grouped_by,
    month_of,
    too_many,
)


class ActivityReportBy(StrEnum):
    """What activities are grouped by."""

    AUTHOR = OWNER
    POOL = POOL
    PIPELINE = PIPELINE
    MONTH = MONTH
    TYPE = TYPE


def logged(during: Days, args: Args) -> Rows:
    """The activities that happened on some days, in the pipelines asked for."""
    found, about = rows(Activity), rows(Lead)
    activity, lead = found.entity, about.entity
    found = found.where(during.include(activity.occurred_at))
    if args.get("pipeline_ids") is None:
        return found
    mine = in_pipelines(about.where(lead.id == activity.lead_id), args)
    return found.where(mine.select(literal_column("1")).exists())


def facts(found: Rows, by: tuple[str, ...]) -> CTE:
    """A row of each activity found, with what it is grouped by; its author is the owner of the fact."""
    activity = found.entity
    columns, source = [activity.author_id.label("owner_id")], activity.__clause_element__()
    if PIPELINE in by:
        about = rows(Lead)
        lead = about.entity
        source = source.join(lead.__clause_element__(), and_(lead.id == activity.lead_id, *about.conditions))
        columns.append(lead.pipeline_id)
    if MONTH in by:
        columns.append(month_of(activity.occurred_at).label("month"))
    if TYPE in by:
        columns.append(activity.type)
    return select(*columns).select_from(source).where(*found.conditions).cte()


def everything(fact: Any) -> Any:
    """Counts each fact."""
    return literal_column("true")


def activity_counts(root: Any, args: Args) -> Provided:
    """The activities of some days, counted by group."""
    during, by = days("in", args["in"]), grouped_by(args, ActivityReportBy)
    tally = Tally(facts(logged(during, args), by), by, {"activities": everything})
    return Provided(tally.rows(), together([during.wrong, too_many(tally.groups)]))
