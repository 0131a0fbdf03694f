"""Values for generated queries: mostly existing and fitting ones, sometimes invalid ones."""

import base64
import json
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    NameNode,
    ObjectFieldNode,
    ValueNode,
    is_required_input_field,
)
from hypothesis_graphql import nodes as literals

from tests.support.reading.conditions import Draw
from tests.support.reading.dataset import CURRENCIES, TEXTS, Tables
from tests.support.reading.pages import ORDERS, write_cursor
from tests.support.reading.records import NODES, Record, public_id

PREFIXES = {
    "ownerIds": "member", "assigneeId": "member", "parentId": "task", "leadId": "lead", "contactId": "contact",
    "customerId": "customer", "authorIds": "member", "assigneeIds": "member", "actorIds": "member", "recordId": "lead",
    "concerns": "member", "parentIds": "task", "recordIds": "lead", "memberId": "member", "poolId": "pool",
    "pipelineId": "pipeline",
}  # fmt: skip
NO_IDS = ("", "lead_", "lead_1", "x" * 300, "LEAD_018bcfe5-6800-7000-8000-000000000000", "lead_é", "'; --", "lead_\0")
NO_CURSORS = ("", "x", "AAAA", "bnVsbA==", "é", "WyJUSVRMRSJd", base64.b64encode(b"\0" * 40).decode())
NO_PLACES = ("Infinity", "NaN", "1e999999", "20000-01-01", "0001-01-01T00:00:00+23:59", "99999999999", "\0", "x", "")
DECIMALS = ("0", "10.00", "10", "500.5", "-1", "999999999999999.99", "123456789012345678.123456")
BAD_DECIMALS = ("NaN", "Infinity", "1e5", "1_000", "٣", "1" * 40, "")
PERIODS = ("2026-01", "2026-02", "FY2026-Q1", "FY2026", "FY2027", "2098-12", "FY2099")
NO_PERIODS = ("", "2026-13", "2026-1", "FY26", "FY2026-Q5", "1899-12", "fy2026", "2026-01 ", "٢٠٢٦-01", "x" * 300, "\0")
NO_CURRENCIES = ("XXX", "usd", "EURO", "", "\0")
ZONES = ("UTC", "Europe/Paris", "Pacific/Kiritimati", "America/New_York")
NO_ZONES = ("", "localtime", "Europe/Atlantis", "../UTC", "/etc/passwd", "utc+1", "Europe", "é", "x" * 300)
DATES = ("2020-05-02", "2099-05-01", "2026-01-30", "2026-01-31", "2026-02-01", "0001-01-01", "9999-12-31")
BAD_DATES = ("20000-01-01", "2026-02-30", "2026-1-1", "today")
INSTANTS = (
    "2026-01-08T00:00:01Z", "2026-02-12T01:00:06+01:00", "2026-03-05T00:00:09.123456Z", "0001-01-01T00:00:00Z",
    "2026-01-31T23:59:60.123456789Z",
)  # fmt: skip
BAD_INSTANTS = ("2026-01-08", "2026-01-08T00:00:01", "0001-01-01T00:00:00+23:59", "20000-01-01T00:00:00Z")
SIZES = (0, 1, 1, 2, 3, 5, 20, 99, 100)
BAD_SIZES = (-1, 101, 100_000, 2**31 - 1)


def literal(type_: Any, value: Any) -> ValueNode:
    """A value as a literal of this type."""
    type_ = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(value, list):
        return literals.List([literal(type_.of_type, item) for item in value])
    if isinstance(value, dict):
        fields = [(key, literal(type_.fields[key].type, part)) for key, part in value.items()]
        return literals.Object([ObjectFieldNode(name=NameNode(value=key), value=part) for key, part in fields])
    if isinstance(type_, GraphQLEnumType):
        return literals.Enum(value)
    if isinstance(value, bool):
        return literals.Boolean(value)
    return literals.Int(value) if isinstance(value, int) else literals.String(value)


Place = tuple[str, str, str]
"""Where a value is needed: the type, its field, and the argument."""


class Supply:
    """Supplies values from the rows of the organisations."""

    def __init__(self, *organisations: Tables, bad: float = 0.01) -> None:
        self.records = {
            name: [Record(name, row) for tables in organisations for row in tables[name]] for name in organisations[0]
        }
        self.bad = bad

    def value(self, random: Random, type_: Any, place: Place, asked: dict[str, Any] | None = None) -> ValueNode:
        """A literal of the type that fits the place."""
        if not isinstance(type_, GraphQLNonNull) and random.random() < 0.05:
            return literals.Null
        type_ = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(type_, GraphQLList):
            most = 130 if random.random() < 0.01 else 5
            return literals.List([self.value(random, type_.of_type, place) for _ in range(random.randrange(most))])
        if isinstance(type_, GraphQLEnumType):
            return literals.Enum(random.choice(list(type_.values)))
        if isinstance(type_, GraphQLInputObjectType) and type_.is_one_of:
            return literal(type_, Draw(random, self.records).condition())
        if isinstance(type_, GraphQLInputObjectType):
            wanted = 0.15 if len(type_.fields) > 5 else 0.6
            wanted_fields = {
                key: field.type
                for key, field in type_.fields.items()
                if is_required_input_field(field) or random.random() < wanted
            }
            return literals.Object([
                ObjectFieldNode(name=NameNode(value=key), value=self.value(random, part, (place[0], place[1], key)))
                for key, part in wanted_fields.items()
            ])  # fmt: skip
        return self.scalar(random, type_.name, place, asked or {})

    def scalar(self, random: Random, type_: str, place: Place, asked: dict[str, Any]) -> ValueNode:
        bad = random.random() < self.bad
        if type_ == "Boolean":
            return literals.Boolean(random.random() < 0.5)
        if type_ == "Int":
            return literals.Int(random.choice(BAD_SIZES if bad else SIZES))
        if type_ == "Decimal":
            number = random.choice(BAD_DECIMALS if bad else DECIMALS)
            # Whole numbers may also be written as integers.
            return (
                literals.Int(int(number))
                if number.isascii() and number.isdigit() and len(number) < 9
                else literals.String(number)
            )
        if type_ == "Date":
            return literals.String(random.choice(BAD_DATES if bad else DATES))
        if type_ == "DateTime":
            return literals.String(random.choice(BAD_INSTANTS if bad else INSTANTS))
        if type_ == "ID":
            return literals.String(self.id(random, place, bad))
        if type_ == "Cursor":
            return literals.String(self.cursor(random, place, bad, asked))
        return literals.String(self.text(random, place, bad))

    def id(self, random: Random, place: Place, bad: bool) -> str:
        """An id of the right type, of either organisation; or of another type, or unknown."""
        if bad and random.random() < 0.5:
            return random.choice(NO_IDS)
        _, field, argument = place
        prefix = PREFIXES.get(argument) or (argument[:-3] if argument.endswith("Ids") else field)
        if prefix not in NODES or bad:
            prefix = random.choice(NODES)
        merged = prefix in ("lead", "contact", "customer") and random.random() < 0.1
        return public_id(prefix, random.choice(self.records["merged_record" if merged else prefix]).row["id"])

    def cursor(self, random: Random, place: Place, bad: bool, asked: dict[str, Any]) -> str:
        """A cursor of a row that could be in the list, in its order; or of another list, or none."""
        orders, name, _ = ORDERS[place[0], place[1]]
        given = asked.get("orderBy")
        for part in getattr(given, "fields", ()):
            if part.name.value == "field":
                name = part.value.value
        if bad:
            if random.random() < 0.4:
                return random.choice(NO_CURSORS)
            content = [name, random.choice([None, 5, *NO_PLACES]), str(self.records["lead"][0].row["id"])]
            return base64.b64encode(json.dumps(content).encode()).decode()
        if random.random() < 0.05:
            name = random.choice(list(orders))
        table = {
            "matchingLeads": "lead",
            "stageHistory": "stage_change",
            "forecastSubmissions": "forecast_submission",
            "blocks": "task",
            "timeline": "event",
            "changeLog": "event",
            "activities": "activity",
        }.get(place[1], place[1].rstrip("s"))
        return write_cursor(name, orders[name], Record(table, random.choice(self.records[table]).row))

    def text(self, random: Random, place: Place, bad: bool) -> str:
        """Text to search for: a piece of an existing text, in any case; or a currency."""
        if place[2] in ("currency", "in"):
            return random.choice(NO_CURRENCIES if bad else CURRENCIES)
        if place[2] == "period":
            return random.choice(NO_PERIODS if bad else PERIODS)
        if place[2] == "timeZone":
            return random.choice(NO_ZONES if bad else ZONES)
        if bad:
            return random.choice(["a\0b", "x" * 201, "x" * 200])
        text = random.choice([*TEXTS, "_x@example", "+1 555%", "https://", "%", "_", "\\", "'"])
        start = random.randrange(len(text) + 1)
        piece = text[start : start + random.randrange(1, 6)]
        piece = random.choice([piece, piece.upper(), piece.lower()])
        return piece if random.random() < 0.7 else f"{random.choice(TEXTS)[:4]} {piece}"
