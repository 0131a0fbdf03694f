"""The queries of reports on what was won and lost: what `Query` has of them."""

import strawberry

import resolvers.reads.reports.activities
import resolvers.reads.reports.lead_sources
import resolvers.reads.reports.leader_board
import resolvers.reads.reports.lost_reasons
import resolvers.reads.reports.report_then
import resolvers.reads.reports.velocity
import resolvers.reads.reports.win_rates
from engine.publish.fields import Argument, read
from engine.publish.scalars import Date
from models.rules.roles import Role
from resolvers.reads.reports.activities import ActivityReportBy
from resolvers.reads.reports.leader_board import LeaderBoardMeasure
from resolvers.reads.reports.outcomes import CountedIn
from resolvers.reads.reports.report import ReportBy, ReportMeasure
from resolvers.reads.sums.groups import LeadReportBy
from schema.analytics.moments import AsOf
from schema.analytics.queries import DAYS, PIPELINE
from schema.filters.condition import Condition
from schema.filters.lead import DateRange, LeadFilter
from schema.reports.activities import ActivityCount
from schema.reports.arguments import CONVERTED, DISQUALIFIED, DURING, GROUPS, PIPELINES
from schema.reports.lead_sources import LeadSources
from schema.reports.leader_board import LeaderBoard
from schema.reports.lost_reasons import LostReasonCounts
from schema.reports.report import Report
from schema.reports.velocity import Velocity
from schema.reports.win_rates import WinRates


@strawberry.type(description="The queries of reports on what was won and lost.")
class LeadReports:
    win_rates: WinRates | None = read(
        resolvers.reads.reports.win_rates.win_rates,
        "How many of the decided leads of a pipeline were won, by number and by value; null when there is no such "
        "pipeline.",
        arguments={
            "pipeline_id": PIPELINE,
            "by": Argument(CountedIn, "On which day a lead counts.", CountedIn.CLOSED_IN),
            "in": DURING,
            "group_by": GROUPS,
            "count_disqualified": DISQUALIFIED,
            **CONVERTED,
        },
        role=Role.VIEWER,
    )
    lost_reason_counts: LostReasonCounts | None = read(
        resolvers.reads.reports.lost_reasons.lost_reasons,
        "Why leads of a pipeline were lost, how many, and what they were worth; null when there is no such pipeline.",
        arguments={
            "pipeline_id": PIPELINE,
            "in": Argument(DateRange, f"The days on which the leads were closed, {DAYS}."),
            "group_by": Argument(
                list[LeadReportBy],
                "What to group by besides the reason: one of these, or nothing. More than 1,000 groups are an error.",
                [],
            ),
            "count_disqualified": DISQUALIFIED,
            **CONVERTED,
        },
        role=Role.VIEWER,
    )
    velocity: Velocity | None = read(
        resolvers.reads.reports.velocity.velocity,
        "What a pipeline brings in a day, with each factor of that; null when there is no such pipeline.",
        arguments={"pipeline_id": PIPELINE, "in": DURING, "count_disqualified": DISQUALIFIED, **CONVERTED},
        role=Role.VIEWER,
    )
    activity_counts: list[ActivityCount] = read(
        resolvers.reads.reports.activities.activity_counts,
        "How many activities happened on some days, by group; without `groupBy`, one number.",
        arguments={
            "in": Argument(DateRange, f"The days on which they happened, {DAYS}."),
            "group_by": Argument(
                list[ActivityReportBy],
                "What to group by: up to two of these, together. More than 1,000 groups are an error.",
                [],
            ),
            "pipeline_ids": PIPELINES,
        },
        role=Role.VIEWER,
        rows=100,
    )
    leader_board: LeaderBoard = read(
        resolvers.reads.reports.leader_board.leader_board,
        "Members ranked by what they won, or by their activities.",
        arguments={
            "in": Argument(DateRange, f"The days on which leads were closed or activities happened, {DAYS}."),
            "measure": Argument(LeaderBoardMeasure, "What to rank by.", LeaderBoardMeasure.WON_VALUE),
            "top": Argument(int, "Only places up to this one: 1 to 1000.", 10),
            "pipeline_ids": PIPELINES,
            **CONVERTED,
        },
        role=Role.VIEWER,
    )
    lead_sources: LeadSources = read(
        resolvers.reads.reports.lead_sources.lead_sources,
        "What became of the leads of some days, by where they came from.",
        arguments={
            "in": Argument(DateRange, f"The days on which the leads were created, {DAYS}."),
            "pipeline_ids": PIPELINES,
            **CONVERTED,
        },
        role=Role.VIEWER,
    )
    report: Report = read(
        resolvers.reads.reports.report_then.answer,
        "Any measures of any leads and opportunities, by up to two things that they have in common, now or as of a "
        "moment of the past. Every lead is tested, so each test of `condition` and each part of `filter` counts as 200 "
        "rows of the operation's cost.",
        arguments={
            "group_by": Argument(
                list[ReportBy],
                "What to group by: up to two of these, together; nothing for one group with everything. More than "
                "1,000 groups are an error.",
                [],
            ),
            "measures": Argument(list[ReportMeasure], "What to measure.", [ReportMeasure.COUNT]),
            "filter": Argument(LeadFilter | None, "Only leads that match this filter."),
            "condition": Argument(Condition | None, "Only leads that match this condition."),
            "by": Argument(
                CountedIn, "On which day a lead counts, for `in` and for the grouping by MONTH.", CountedIn.CREATED_IN
            ),
            "in": Argument(DateRange | None, f"Only leads that count on these days, {DAYS}. Left out, all leads."),
            "as_of": Argument(
                AsOf | None,
                "A moment of the past: the report is about all leads of then, as they were then. What is not known of "
                "the past is an error.",
            ),
            "currency": CONVERTED["currency"],
            "rates_on": Argument(
                Date | None,
                "Convert by the rates of this day. Without it, by those of today in the organisation's time zone.",
            ),
        },
        role=Role.VIEWER,
        test_rows=200,
    )
