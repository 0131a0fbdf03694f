"""Any measures of any leads, by what they have in common."""

import strawberry

from engine.publish.enums import publish
from engine.publish.fields import column, read
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import report
from resolvers.reads.reports.report import ReportBy, ReportMeasure
from resolvers.reads.sums import groups
from schema.reports.arguments import OWNER, POOL, SOURCE
from schema.reports.groups import ConvertedReport, ReportKey

publish(
    ReportBy,
    "What a report is grouped by. As of a moment of the past, only OWNER, PIPELINE and STAGE are known.",
    OWNER=OWNER,
    POOL=POOL,
    PIPELINE="The pipeline that the lead is in.",
    STAGE="The stage that the lead is in.",
    SOURCE=SOURCE,
    MONTH="The month in which the lead was created or, with CLOSED_IN, closed, in the organisation's time zone; none "
    "for leads that are not closed.",
    LOST_REASON="Why the lead was lost; none for leads without a reason.",
)
publish(
    ReportMeasure,
    "What a report measures.",
    COUNT="How many leads there are.",
    OPEN="How many of them are open.",
    WON="How many of them were won: they are closed in a stage of the kind WON.",
    LOST="How many of them were lost: they are closed in a stage of the kind LOST, or were disqualified.",
    WIN_RATE="How many of those that were won or lost were won, in percent. Converted leads are neither.",
    VALUE="Their value, open or closed, by currency. Leads without a value are in no amount.",
    WEIGHTED="Their value times their probability, by currency: the value when won, 0 when closed otherwise.",
    AVERAGE_VALUE="The average value of those that have one, by currency.",
    AGE="How many days ago those that are open were created, on average. Not known as of a moment of the past.",
)

UNASKED = "Null unless it is asked for"


@strawberry.type(
    description="Amounts of a group in one currency, each rounded once, to the precision of the currency. Amounts in "
    "different currencies are never added up."
)
class ReportValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ | None = read(
        report.value("all_value"), "The value of the leads. Null unless VALUE or AVERAGE_VALUE is asked for."
    )
    weighted: Decimal_ | None = read(
        report.value("weighted"), f"Their value times their probability. {UNASKED}, as WEIGHTED."
    )
    average_value: Decimal_ | None = read(
        report.average_value, f"The average value of those that have one. {UNASKED}, as AVERAGE_VALUE."
    )


@strawberry.type(description="The measures of the leads that have something in common.")
class ReportGroup:
    key: ReportKey = read(groups.key, "What they have in common.")
    count: int | None = read(report.count("leads"), f"How many leads these are. {UNASKED}, as COUNT.")
    open: int | None = read(report.count("open"), f"How many of them are open. {UNASKED}, as OPEN.")
    won: int | None = read(report.count("won"), f"How many of them were won. {UNASKED}, as WON.")
    lost: int | None = read(report.count("lost"), f"How many were lost or disqualified. {UNASKED}, as LOST.")
    win_rate: Decimal_ | None = read(
        report.win_rate,
        f"How many of those that were won or lost were won, in percent; null when none was. {UNASKED}, as WIN_RATE.",
    )
    age: Decimal_ | None = read(
        report.age,
        f"How many days ago those that are open were created, on average; null when none is open. {UNASKED}, as AGE.",
    )
    values: list[ReportValue] = read(
        report.values, "The amounts that are asked for, by currency; nothing if none is.", rows=2
    )


@strawberry.type(
    description="A report on leads and opportunities. Leads that were deleted, or merged into others, are not among "
    "them, unless they were there at the moment that it is as of."
)
class Report(ConvertedReport):
    cursor: str = read(
        report.cursor, "The place in the event log that it is as of: send it as `asOf` to ask for more of that moment."
    )
    groups: list[ReportGroup] = read(
        report.groups_of,
        "The groups that have leads, sorted by what they have in common; one without `groupBy`.",
        rows=100,
    )
    without_value: int = read(report.without_value, "How many leads have no value, and so are in no amount.")
