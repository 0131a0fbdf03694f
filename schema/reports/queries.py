"""The queries of reports on what was won and lost: what `Query` has of them."""

import strawberry

import resolvers.reads.reports.lost_reasons
import resolvers.reads.reports.velocity
import resolvers.reads.reports.win_rates
from engine.publish.fields import Argument, read
from models.rules.roles import Role
from resolvers.reads.reports.groups import LeadReportBy
from resolvers.reads.reports.outcomes import CountedIn
from schema.analytics.queries import DAYS, PIPELINE
from schema.filters.lead import DateRange
from schema.reports.arguments import CONVERTED, DISQUALIFIED, DURING, GROUPS
from schema.reports.lost_reasons import LostReasonCounts
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
