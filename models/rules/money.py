"""Money: an exact amount at its currency's precision, always with the currency. Source: ISO 4217, active codes."""

from decimal import Decimal

from models.rules.refusal import Refusal, Refused

_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP"
    " CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR"
    " JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN"
    " NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP"
    " SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

PRECISION = {
    code: digits for codes, digits in ((_TWO, 2), (_NONE, 0), (_THREE, 3), (_FOUR, 4)) for code in codes.split()
}
"""Digits after the point, by currency."""

LARGEST = Decimal(10) ** 18
"""Amounts are below this."""


def as_currency(code: str) -> str:
    """The code, unchanged. Raises `ValueError` for one that is not a currency."""
    if code not in PRECISION:
        raise ValueError(f"{code[:20]!r} is not a currency. Send its ISO 4217 code, such as 'EUR'.")
    return code


def precision(currency: str, *field: str) -> int:
    """Digits after the point in this currency. Raises `Refused` INVALID for a code that is not a currency."""
    try:
        return PRECISION[as_currency(currency)]
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from None


def in_range(amount: Decimal, *field: str) -> Decimal:
    """The amount, unchanged. Raises `Refused` INVALID for one that is negative, too large, or not a number."""
    if not amount.is_finite() or not 0 <= amount < LARGEST:
        raise Refused(
            Refusal.INVALID,
            "This amount is out of range: send a number from 0, with at most 18 digits before the point.",
            *field,
        )
    return amount


def as_money(amount: Decimal, currency: str, *field: str) -> Decimal:
    """The amount at its currency's precision: `Decimal("5")` in EUR is `5.00`.

    Raises `Refused` INVALID: no such currency, negative, too large, not a number, or finer than the currency is.
    """
    digits = precision(currency, "currency")
    exact = in_range(amount, *field).quantize(Decimal(1).scaleb(-digits))
    if exact != amount:
        raise Refused(
            Refusal.INVALID,
            f"{amount} has too many decimals: {currency} has {digits}. Round it first.",
            *field,
        )
    return exact


PIVOT = "EUR"
"""The currency that exchange rates are rates of: its own rate is always 1."""

LARGEST_RATE = Decimal(10) ** 9
"""Exchange rates are below this."""


def as_rate(rate: Decimal, *field: str) -> Decimal:
    """The exchange rate, unchanged. Raises `Refused` INVALID unless it is above 0 and below `LARGEST_RATE`."""
    if not rate.is_finite() or not 0 < rate < LARGEST_RATE:
        raise Refused(
            Refusal.INVALID,
            f"This is no exchange rate: send how many units of the currency one euro is worth, above 0 and below"
            f" {LARGEST_RATE:,f}.",
            *field,
        )
    return rate
