"""Exchange rates: how they are read, set and imported."""

import strawberry

from engine.publish.enums import publish
from engine.publish.fields import change, column, optional, outcome
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import Date, Decimal_
from models.rules.roles import Role
from models.tables.forecast.exchange_rate import RateSource
from resolvers.changes.organisation import exchange_rates

publish(
    RateSource,
    "Where an exchange rate comes from.",
    MANUAL="Somebody set it.",
    ECB="The European Central Bank published it.",
)

ONE_EURO = "How many units of the currency one euro is worth"


@strawberry.type(
    description="An exchange rate of your organisation. An amount is converted by the rates of both currencies: divided"
    " by that of its own, times that of the other one. The rate of the euro is always 1, and is not listed."
)
class ExchangeRate:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    rate: Decimal_ = column("rate", f"{ONE_EURO}.")
    valid_from: Date = column("valid_from", "The day from which it holds, until the next rate of this currency.")
    source: RateSource = column("source", "Where it comes from.")


@strawberry.input(description="An exchange rate to set.")
class ExchangeRateInput:
    currency: str = strawberry.field(description="The currency, as an ISO 4217 code. Not EUR, whose rate is always 1.")
    valid_from: Date = strawberry.field(
        description="The day from which it holds, until the next rate of this currency. Each currency and day once."
    )
    rate: Decimal_ | None = optional(
        f"{ONE_EURO}: above 0 and below 1,000,000,000. Null, or omitted, removes the rate that begins on this day."
    )


@strawberry.input(description="Exchange rates to set.")
class SetExchangeRatesInput(ChangeInput):
    rates: list[ExchangeRateInput] = strawberry.field(
        description=f"The rates, 1 to {exchange_rates.MOST}. All others stay as they are."
    )


@strawberry.type(description="Result of `setExchangeRates`.")
class SetExchangeRatesPayload(Payload):
    rates: list[ExchangeRate] | None = outcome("The rates that were sent, as they are kept, without removed ones.")


@strawberry.input(description="Which published exchange rates to import.")
class ImportExchangeRatesInput(ChangeInput):
    from_: Date = strawberry.field(
        name="from", description="The first day, from 1999-01-04 on. The rates that held on it are imported, too."
    )
    to: Date | None = optional("The last day. Without it, the last one that this server knows.")
    currencies: list[str] | None = optional(
        "Only these currencies, as ISO 4217 codes. Without them, those of your leads, and your organisation's own."
    )


@strawberry.type(description="Result of `importExchangeRates`.")
class ImportExchangeRatesPayload(Payload):
    imported: int | None = outcome("How many rates are new or have changed.")
    currencies: list[str] | None = outcome("The currencies of which there are rates on these days.")
    first_day: Date | None = outcome("The day of the first rates; null when there are none.")
    last_day: Date | None = outcome("The day of the last rates; null when there are none.")


@strawberry.type(description="The mutations of exchange rates.")
class ExchangeRateMutations:
    set_exchange_rates: SetExchangeRatesPayload | None = change(
        exchange_rates.set_exchange_rates,
        SetExchangeRatesInput,
        "Set exchange rates of your organisation, or remove some.",
        role=Role.ADMIN,
        checks=exchange_rates.tidy_rates,
    )
    import_exchange_rates: ImportExchangeRatesPayload | None = change(
        exchange_rates.import_exchange_rates,
        ImportExchangeRatesInput,
        "Import the reference rates of the European Central Bank, which this server carries up to its own release:"
        " nothing is fetched. Rates that somebody set stay as they are.",
        role=Role.ADMIN,
        checks=exchange_rates.check_import,
    )
