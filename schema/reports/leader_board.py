"""Members ranked by what they did."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import leader_board
from resolvers.reads.reports.leader_board import LeaderBoardMeasure
from schema.reports.groups import ConvertedReport
from schema.types.member import Member

publish(
    LeaderBoardMeasure,
    "What members are ranked by.",
    WON_VALUE="The value of the leads that they own now and that were won on the days, in each currency by itself. "
    "Leads without a value do not count.",
    WON_COUNT="How many leads that they own now were won on the days, with or without a value.",
    ACTIVITIES="How many activities of the days they logged.",
)


@strawberry.type(description="A member's place on a leader board.")
class LeaderBoardRank:
    rank: int = column(
        "rank", "The place, from 1. Members with the same result share it, and the places after it stay empty: 1, 1, 3."
    )
    member: Member = to_one(models.Member, "owner_id", "The member, who may have left since.")
    currency: str | None = column("currency", "The currency of `value`, as an ISO 4217 code; null without one.")
    value: Decimal_ | None = column(
        "value", "What was won, rounded once, to the precision of the currency; null unless ranked by WON_VALUE."
    )
    count: int = column(
        "counted", "How many leads, or activities, these are; by WON_VALUE, those with a value in this currency."
    )


@strawberry.type(
    description="Members ranked by what they did on some days, in the organisation's time zone: those who have "
    "something to count. Won means closed in a stage of the kind WON, and still there."
)
class LeaderBoard(ConvertedReport):
    ranks: list[LeaderBoardRank] = read(
        leader_board.ranks,
        "The places, best first; by WON_VALUE, a ranking for each currency. More than 1,000 are an error.",
        rows=20,
    )
    unowned: int = read(
        leader_board.unowned, "How many leads that were won have no owner, or how many activities no known author."
    )
