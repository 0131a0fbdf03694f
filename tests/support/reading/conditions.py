"""Conditions in plain Python: random ones, and which leads they match."""

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from models.rules.ids import parse_id
from tests.support.forecasts.reading import category
from tests.support.reading.pages import BadArgument
from tests.support.reading.records import Record, World, lower, public_id, resolved, snake
from tests.support.reading.transitions import rotten_since

TEXTS = ("title", "description", "source", "externalId", "lostReason", "currency", "contactName", "contactEmail",
         "contactPhone", "contactJobTitle", "customerName", "customerWebsite", "customerIndustry", "customerPhone",
         "customerExternalId")  # fmt: skip
NUMBERS = ("score", "probability")
DATES = ("expectedCloseDate",)
INSTANTS = ("createdAt", "updatedAt", "stageEnteredAt", "lastActivityAt", "qualifiedAt", "closedAt")
BOOLEANS = ("qualified", "closed", "converted", "hasNextTask", "ownerInactive", "isRotten")
CHOICES = {"kind": ("LEAD", "OPPORTUNITY"), "stageKind": ("OPEN", "WON", "LOST"),
           "forecastCategory": ("OMITTED", "PIPELINE", "BEST_CASE", "COMMIT", "CLOSED")}  # fmt: skip
IDS = {"pipelineId": "pipeline", "stageId": "stage", "ownerId": "member", "contactId": "contact",
       "customerId": "customer"}  # fmt: skip
FIELDS = (*TEXTS, *NUMBERS, "value", *DATES, *INSTANTS, *BOOLEANS, *CHOICES, *IDS)

SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": operator.eq, "lessThan": operator.lt, "atMost": operator.le, "moreThan": operator.gt,
    "atLeast": operator.ge, "before": operator.lt, "after": operator.gt, "is": operator.eq,
}  # fmt: skip


class Draw:
    """Draws conditions whose values mostly occur in these rows."""

    def __init__(self, random: Random, rows: Mapping[str, list[Record]]) -> None:
        self.random = random
        self.rows = rows

    def condition(self, depth: int = 4) -> dict[str, Any]:
        """A random tree of at most so many levels."""
        chance = self.random.random()
        if depth > 1 and chance < 0.2:
            return {"not": self.condition(depth - 1)}
        if depth > 1 and chance < 0.5:
            parts = [self.condition(depth - 1) for _ in range(self.random.randrange(1, 4))]
            return {"and" if chance < 0.35 else "or": parts}
        field = self.random.choice(FIELDS)
        return {field: self.check(field)}

    def check(self, field: str) -> dict[str, Any]:
        """A test of this field."""
        random = self.random
        if field in BOOLEANS:
            return {"is": random.random() < 0.5}
        if field not in CHOICES and random.random() < 0.15:
            return {"isSet": random.random() < 0.5}
        if field in TEXTS:
            name = random.choice(("equals", "contains", "startsWith", "endsWith", "in"))
            if name == "in":
                return {"in": [self.text(field, whole=True) for _ in range(random.randrange(1, 4))]}
            return {name: self.text(field, whole=name == "equals")}
        if field in CHOICES or field in IDS:
            draw = (lambda: random.choice(CHOICES[field])) if field in CHOICES else (lambda: self.id(IDS[field]))
            return {"is": draw()} if random.random() < 0.5 else {"in": [draw() for _ in range(random.randrange(1, 4))]}
        return self.measured(field)

    def measured(self, field: str) -> dict[str, Any]:
        """A test of a number, an amount, a day or an instant."""
        random = self.random
        if field in (*DATES, *INSTANTS):
            draw = self.day if field in DATES else self.instant
            if random.random() < 0.2:
                return {"withinLastDays": random.choice((0, 30, 3650))}
            if field in DATES and random.random() < 0.2:
                return {"withinNextDays": random.choice((0, 30, 3650))}
            if random.random() < 0.5:
                return {random.choice(("before", "after")): draw()}
            low, high = sorted((draw(), draw()))
            return {"within": random.choice(({"from": low, "to": high}, {"from": low}, {"to": high}))}
        if field == "value":
            currency, (low, high) = random.choice(("USD", "EUR")), sorted(random.choices(("0", "10", "500.5"), k=2))
            if random.random() < 0.3:
                return {"between": {"min": low, "max": high, "currency": currency}}
            return {random.choice(list(SIGNS)[:5]): {"amount": low, "currency": currency}}
        low, high = sorted(random.choices((-1, 0, 1, 2, 33, 42, 100), k=2))
        return (
            {"between": {"min": low, "max": high}} if random.random() < 0.3 else {random.choice(list(SIGNS)[:5]): low}
        )

    def text(self, field: str, whole: bool) -> str:
        """A text that the field has in some row, or a piece of one, in any case."""
        random = self.random
        table, column = place(field)
        found = [record.row.get(column) for record in self.rows[table]]
        text = random.choice([text for text in found if text] or ["x"])
        if not whole:
            start = random.randrange(len(text))
            text = text[start : start + random.randrange(1, 6)]
        return str(random.choice([text, text.upper(), text.lower()]))

    def id(self, table: str) -> str:
        merged = table in ("contact", "customer") and self.random.random() < 0.2
        return public_id(table, self.random.choice(self.rows["merged_record" if merged else table]).row["id"])

    def day(self) -> str:
        return (date(2026, 1, 29) + timedelta(days=self.random.randrange(6))).isoformat()

    def instant(self) -> str:
        found = self.random.choice(self.rows["lead"]).row["created_at"].astimezone(UTC)
        return str(found.isoformat())


def place(field: str) -> tuple[str, str]:
    """The table that a field is kept in, and its column."""
    for table in ("contact", "customer"):
        if field.startswith(table) and field not in IDS:
            return table, snake(field[len(table) :])[1:]
    return "lead", snake(field)


def checked(condition: Mapping[str, Any], depth: int = 1) -> int:
    """The number of parts of a condition. Raises `BadArgument` for an invalid one."""
    if depth > 10:
        raise BadArgument("too deep")
    ((key, value),) = condition.items()
    if key == "not":
        return 1 + checked(value, depth + 1)
    if key in ("and", "or"):
        if not value:
            raise BadArgument("a group of nothing")
        size = 1 + sum(checked(part, depth + 1) for part in value)
        if size > 100:
            raise BadArgument("too large")
        return size
    ((name, operand),) = value.items()
    for item in operand if isinstance(operand, list) else [operand]:
        if key in TEXTS and isinstance(item, str) and (not 1 <= len(item) <= 200 or "\0" in item):
            raise BadArgument(item)
    if isinstance(operand, list) and not 1 <= len(operand) <= 100:
        raise BadArgument("too many, or none")
    if name.endswith("Days") and not 0 <= operand <= 3650:
        raise BadArgument("too far")
    return 1


def meets(world: World, lead: Record, condition: Mapping[str, Any], odds: Callable[..., int]) -> bool:
    """Whether a condition matches a lead; `odds` returns its chance of being won."""
    ((key, value),) = condition.items()
    if key == "not":
        return not meets(world, lead, value, odds)
    if key in ("and", "or"):
        return (all if key == "and" else any)(meets(world, lead, part, odds) for part in value)
    ((name, wanted),) = value.items()
    found = odds(world, lead, {}) if key == "probability" else field_of(world, lead, key)
    if name == "isSet":
        return (found is not None) == wanted
    if found is None:
        return False
    if key in TEXTS:
        return text_passes(lower(found), name, wanted)
    if key == "value":
        return lead.row["currency"] == wanted["currency"] and passes(
            found, name, wanted if name == "between" else Decimal(wanted["amount"])
        )
    if key in IDS:
        ids = [parse_id(IDS[key], text) for text in (wanted if name == "in" else [wanted])]
        return found in [resolved(world, IDS[key], id) for id in ids]
    return passes(found, name, wanted, world)


def field_of(world: World, lead: Record, field: str) -> Any:
    """The value of a lead's field."""
    row = lead.row
    if field in ("qualified", "closed", "converted"):
        return row[f"{field}_at"] is not None
    if field == "hasNextTask":
        return bool(world.all("task", lead_id=row["id"], status="OPEN"))
    if field == "isRotten":
        return rotten_since(world, lead, {}) is not None
    if field == "ownerInactive":
        owner = world.one("member", row["owner_id"])
        return owner is not None and not owner.row["active"]
    if field == "forecastCategory":
        return category(world, lead, {})
    if field in CHOICES:
        table, column = ("pipeline", "type") if field == "kind" else ("stage", "kind")
        named = world.one(table, row[f"{table}_id"])
        return named and named.row[column]
    table, column = place(field)
    record = lead if table == "lead" else world.one(table, row[f"{table}_id"])
    return record and record.row[column]


def text_passes(text: str, name: str, wanted: Any) -> bool:
    if name == "in":
        return text in {lower(item) for item in wanted}
    tests: Mapping[str, Callable[[str], bool]] = {
        "equals": text.__eq__, "contains": text.__contains__, "startsWith": text.startswith, "endsWith": text.endswith,
    }  # fmt: skip
    return tests[name](lower(wanted))


def passes(found: Any, name: str, wanted: Any, world: World | None = None) -> bool:
    if name in ("between", "within"):
        low, high = (wanted.get(key) for key in (("min", "max") if name == "between" else ("from", "to")))
        return (low is None or found >= low) and (high is None or found <= high)
    if name == "in":
        return found in wanted
    if name.endswith("Days"):
        days = timedelta(days=wanted if name == "withinNextDays" else -wanted)
        if isinstance(found, datetime):
            return datetime.now(UTC) + days <= found <= datetime.now(UTC)
        own = next(iter(world.tables["organisation"]), None) if world else None
        today = datetime.now(ZoneInfo(own.row["time_zone"] if own else "UTC")).date()
        return min(today, today + days) <= found <= max(today, today + days)
    return SIGNS[name](found, wanted)
