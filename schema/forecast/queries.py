"""The queries of forecasts: what `Query` has of them."""

import strawberry

from engine.publish.connection import Connection
from engine.publish.fields import Argument, connection, read
from engine.publish.scalars import Date
from models.rules.roles import Role
from resolvers.reads.forecast import exchange_rates as rate_reads
from resolvers.reads.forecast import forecast as forecast_reads
from resolvers.reads.forecast import quotas as quota_reads
from schema.forecast.arguments import CONVERTED, DIVIDED, PERIOD
from schema.forecast.exchange_rates import ExchangeRate
from schema.forecast.forecast import Forecast
from schema.forecast.quotas import ForecastSubmission, Quota


@strawberry.type(description="The queries of forecasts.")
class ForecastQueries:
    exchange_rates: list[ExchangeRate] = read(
        rate_reads.exchange_rates,
        "The exchange rates of your organisation that hold on a day, by currency. One that has no rate until then is "
        "not listed.",
        arguments={"on": Argument(Date | None, "The day. Without it, today in the organisation's time zone.")},
        role=Role.VIEWER,
        rows=40,
    )
    forecast: Forecast = read(
        forecast_reads.forecast,
        "What was won and what is expected in a period, compared with quotas.",
        arguments={**DIVIDED, **CONVERTED},
        role=Role.VIEWER,
    )
    quotas: list[Quota] = read(
        quota_reads.quotas,
        "What members and pools are to win in the months of a period, by month.",
        arguments={"period": Argument(str, PERIOD)},
        role=Role.VIEWER,
        rows=50,
    )
    forecast_submissions: Connection[ForecastSubmission] = connection(
        quota_reads.submissions,
        "What members said that they or their pools will win, newest first. Nothing of it is ever changed.",
        filters={
            "member_id": Argument(strawberry.ID | None, "Only those of this member."),
            "pool_id": Argument(strawberry.ID | None, "Only those of this pool."),
            "period": Argument(str | None, "Only those for this period, as it was named: `2026-11` or `FY2026-Q1`."),
        },
        role=Role.VIEWER,
    )
