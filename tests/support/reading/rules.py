"""The rules of reading, field by field, and of arguments: the reference executor's answers."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from hashlib import md5
from typing import Any
from uuid import UUID

from models import Role
from tests.support.forecasts.reading import MONEY_RULES, category
from tests.support.forecasts.summing import FORECAST_RULES
from tests.support.forecasts.summing import checked as checked_forecast
from tests.support.reading.conditions import checked, meets
from tests.support.reading.dataset import CURRENCIES
from tests.support.reading.histories import HISTORY_RULES
from tests.support.reading.pages import ORDERS, BadArgument, Page, sorting
from tests.support.reading.records import NODES, Record, World, lower, resolved, shown
from tests.support.reading.rights import RIGHTS_RULES
from tests.support.reading.routing import ROUTING_RULES
from tests.support.reading.search import fields_of, finds
from tests.support.reading.tasks import TASK_RULES, has_next, parse_zone
from tests.support.reading.transitions import TRANSITION_RULES, rotten_since
from tests.support.scoring.reading import SCORING_RULES

LONGEST_SEARCH = 200
REFERRED = ("pipeline", "stage", "owner", "contact", "customer")


def split_id(text: str) -> tuple[str, UUID]:
    """The parts of a public id, which must be written exactly as the API writes it."""
    prefix, _, rest = text.partition("_")
    try:
        id = UUID(rest)
    except ValueError as error:
        raise BadArgument(text) from error
    if prefix not in NODES or str(id) != rest:
        raise BadArgument(text)
    return prefix, id


def parse_id(prefix: str, text: str) -> UUID:
    found, id = split_id(text)
    if found != prefix:
        raise BadArgument(text)
    return id


def parse_text(text: str) -> str:
    if "\0" in text:
        raise BadArgument(text)
    return text


def parse_search(text: str) -> str:
    if len(text) > LONGEST_SEARCH:
        raise BadArgument(text)
    return parse_text(text)


NOUNS = {
    **dict.fromkeys(("ownerId", "authorId", "actorId", "assigneeId"), "member"),
    "parentId": "task",
    "recordId": None,
}
"""The type of the ids in parts of filters, where it is not in their names; None for any."""


def parse_filter(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a filter that are not null."""
    parsed = {name: value for name, value in given.items() if value is not None}
    for name, value in parsed.items():
        if name.endswith("Ids"):
            prefix = NOUNS.get(name[:-1], name[:-3])
            parsed[name] = [split_id(text)[1] if prefix is None else parse_id(prefix, text) for text in value]
        elif name == "concerns":
            parsed[name] = parse_id("member", value)
        elif name == "recordId":
            parsed[name] = split_id(value)[1]
        elif name.endswith("Id"):
            parsed[name] = parse_id(NOUNS.get(name) or name[:-2], value)
        elif name == "timeZone":
            parsed[name] = parse_zone(parse_text(value))
        elif name == "search":
            parsed[name] = parse_search(value)
        elif name == "currency" and value not in CURRENCIES:
            raise BadArgument("no currency")
    return parsed


def viewer_id(organisation: str, subject: str) -> str:
    """The id of a caller."""
    return f"viewer_{UUID(md5(f'{organisation} {subject}'.encode()).hexdigest())}"


def parse_paging(key: tuple[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The order of a connection, and the requested page."""
    asked = {name for name in ("first", "after", "last", "before") if given.get(name) is not None}
    if asked >= {"first", "last"}:
        raise BadArgument("both ends")
    backward = "last" in asked or asked == {"before"}
    size = given.get("last" if backward else "first")
    if size is not None and not 0 <= size <= 100:
        raise BadArgument(f"a page of {size}")
    return {"backward": backward, "size": 20 if size is None else size, "sorting": sorting(*ORDERS[key], given)}


def arguments(type_: str, field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a field's arguments; null counts as omitted. Raises `BadArgument`."""
    found = {name: value for name, value in given.items() if value is not None}
    parsed = dict(found)
    if "id" in found:
        parsed["id"] = split_id(found["id"]) if field == "node" else parse_id(field, found["id"])
    if "pipelineId" in found:
        parsed["pipelineId"] = parse_id("pipeline", found["pipelineId"])
    if "ids" in found:
        if len(found["ids"]) > 100:
            raise BadArgument("too many")
        parsed["ids"] = [split_id(text) for text in found["ids"]]
        if len(set(parsed["ids"])) < len(parsed["ids"]):
            raise BadArgument("the same id twice")
    parsed |= checked_forecast(field, found)
    for noun in ("member", "pool"):
        if (type_, field) == ("Query", "forecastSubmissions") and f"{noun}Id" in found:
            parsed[f"{noun}Id"] = parse_id(noun, found[f"{noun}Id"])
    if "timeZone" in found:
        parsed["timeZone"] = parse_zone(parse_text(found["timeZone"]))
    if "search" in found:
        parsed["search"] = parse_search(found["search"])
    if "filter" in found:
        parsed["filter"] = parse_filter(found["filter"])
    if "condition" in found:
        checked(found["condition"])
    if type_.endswith("Connection") and not 1 <= found.get("limit", 1) <= 100_000:
        raise BadArgument("a limit out of range")
    if (type_, field) in ORDERS:
        parsed |= parse_paging((type_, field), found)
    return parsed


def node(world: World, prefix: str, id: UUID) -> Record | None:
    record = world.one(prefix, resolved(world, prefix, id))
    if prefix == "webhook" and world.caller.role is not Role.ADMIN:
        return None
    return None if record is None or (prefix == "pipeline" and record.row["deleted_at"]) else record


def contains(world: World, noun: str, id: UUID | None, ids: list[UUID]) -> bool:
    return id in [resolved(world, noun, one) for one in ids]


def holds(text: str, *values: str | None) -> bool:
    return any(value is not None and text in lower(value) for value in values)


def between(value: Any, limits: Mapping[str, Any], low: str, high: str) -> bool:
    least, most = limits.get(low), limits.get(high)
    if value is None:
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value <= most)


def passes(world: World, lead: Record, wanted: Mapping[str, Any]) -> bool:
    """Whether a lead matches every part of a filter."""
    row = lead.row
    contact, customer = world.one("contact", row["contact_id"]), world.one("customer", row["customer_id"])
    named = {"lead": lead, "contact": contact, "customer": customer}
    searched = [fields_of(noun, record.row) for noun, record in named.items() if record]
    texts, numbers = ([text for fields in searched for text in fields[at]] for at in (0, 1))
    tests: dict[str, Callable[[Any], bool]] = {
        "kind": lambda kind: kind_of(world, lead, {}) == kind,
        "unowned": lambda unowned: (row["owner_id"] is None) == unowned,
        "ownerInactive": lambda wanted: owner_inactive(world, lead) == wanted,
        "closed": lambda closed: (row["closed_at"] is not None) == closed,
        "hasNextTask": lambda wanted: has_next(world, lead) == wanted,
        "isRotten": lambda wanted: (rotten_since(world, lead, {}) is not None) == wanted,
        "forecastCategories": lambda wanted: category(world, lead, {}) in wanted,
        "currency": lambda code: row["currency"] == code,
        "value": lambda limits: between(row["value"], limits, "min", "max"),
        "expectedCloseDate": lambda limits: between(row["expected_close_date"], limits, "from", "to"),
        "createdAt": lambda limits: between(row["created_at"], limits, "from", "to"),
        "search": lambda text: finds(text, texts, numbers),
    }
    for noun in REFERRED:
        tests[f"{noun}Ids"] = partial(contains, world, noun, row[f"{noun}_id"])
    return all(tests[name](value) for name, value in wanted.items())


def owner_inactive(world: World, lead: Record) -> bool:
    owner = world.one("member", lead.row["owner_id"])
    return owner is not None and not owner.row["active"]


def leads(world: World, given: Mapping[str, Any], kept: bool = False, **columns: Any) -> Page:
    """Leads that match a filter. Where their number is `kept`, it is so for the leads of any stages."""
    wanted = given.get("filter", {})
    found = [lead for lead in world.all("lead", **columns) if passes(world, lead, wanted)]
    return Page(found, given, kept and wanted.keys() <= {"pipelineIds", "stageIds", "kind"})


def matching_leads(world: World, source: Any, given: Mapping[str, Any]) -> Page:
    found = world.all("lead")
    return Page([lead for lead in found if meets(world, lead, given["condition"], chance)], given)


def is_wanted(world: World, record: Record, wanted: Mapping[str, Any]) -> bool:
    """Whether a contact or a customer matches every part of a filter."""
    row = record.row
    tests: dict[str, Callable[[Any], bool]] = {
        "customerId": lambda id: row["customer_id"] == resolved(world, "customer", id),
        "customerIds": lambda ids: row["customer_id"] in [resolved(world, "customer", id) for id in ids],
        "hasContacts": lambda has: bool(world.all("contact", customer_id=row["id"], archived_at=None)) == has,
    }
    columns = {"hasCustomer": "customer_id", "hasEmail": "email", "hasPhone": "phone", "hasWebsite": "website"}
    for name, column in columns.items():
        tests[name] = lambda has, column=column: (row[column] is not None) == has  # type: ignore[misc]
    return all(tests[name](value) for name, value in wanted.items())


def is_found(table: str, row: Mapping[str, Any], text: str) -> bool:
    if table == "member":
        return holds(lower(text), row["name"], row["email"])
    return finds(text, *fields_of(table, row))


def searched(table: str) -> Any:
    def rule(world: World, source: Any, given: Mapping[str, Any], **wanted: Any) -> Page:
        text = given.get("search")
        archived = given.get("archived", False)
        kept = [r for r in world.all(table, **wanted) if (r.row.get("archived_at") is not None) == archived]
        kept = [r for r in kept if is_wanted(world, r, given.get("filter", {}))]
        return Page([r for r in kept if text is None or is_found(table, r.row, text)], given)

    return rule


CONTACTS = searched("contact")


def members(world: World, source: Any, given: Mapping[str, Any]) -> Page:
    columns = {name: given[name] for name in ("active", "role") if name in given}
    return searched("member")(world, source, given, **columns)


def pipelines(world: World, source: Any, given: Mapping[str, Any]) -> list[Record]:
    found = world.all("pipeline", deleted_at=None, **({"type": given["type"]} if "type" in given else {}))
    return sorted(found, key=lambda pipeline: pipeline.row["id"])


def stages(world: World, pipeline: Record, given: Mapping[str, Any]) -> list[Record]:
    found = world.all("stage", pipeline_id=pipeline.row["id"], deleted_at=None)
    return sorted(found, key=lambda stage: (stage.row["position"], stage.row["id"]))


def next_task(world: World, lead: Record, given: Mapping[str, Any]) -> Record | None:
    never = datetime.max.replace(tzinfo=UTC)
    found = world.all("task", lead_id=lead.row["id"], status="OPEN")
    return min(found, key=lambda task: (task.row["deadline"] or never, task.row["id"]), default=None)


def kind_of(world: World, lead: Record, given: Mapping[str, Any]) -> Any:
    pipeline = world.one("pipeline", lead.row["pipeline_id"])
    assert pipeline is not None
    return pipeline["type"]


def chance(world: World, lead: Record, given: Mapping[str, Any]) -> int:
    """The lead's own while it is open, or its stage's; none after a disqualification."""
    stage = world.one("stage", lead.row["stage_id"])
    assert stage is not None
    if stage["kind"] != "OPEN":
        return int(stage["probability"])
    if lead.row["closed_at"] is not None:
        return 0
    return int(stage["probability"] if lead.row["probability"] is None else lead.row["probability"])


def rounded(weighted: Decimal, like: Decimal) -> str:
    """A hundredth of it, rounded half up to the digits after the point that `like` has."""
    places = Decimal(1).scaleb(int(like.as_tuple().exponent))
    return format((weighted.scaleb(-2)).quantize(places, ROUND_HALF_UP), "f")


def weighted_value(world: World, lead: Record, given: Mapping[str, Any]) -> str | None:
    value = lead.row["value"]
    return None if value is None else rounded(value * chance(world, lead, {}), value)


def totals(world: World, stage: Record, given: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of the leads in a stage that match the filter, counted lead by lead."""
    wanted = given.get("filter") or {}
    here = [lead for lead in world.all("lead", stage_id=stage.row["id"]) if passes(world, lead, wanted)]
    idle = [lead for lead in here if lead.row["closed_at"] is None and not has_next(world, lead)]
    return {"count": len(here), "values": worth(world, here), "withoutNextTask": len(idle)}


def deals(column: str) -> Any:
    """The number and value of the leads of a contact or a customer."""

    def rule(world: World, record: Record, given: Mapping[str, Any]) -> dict[str, Any]:
        found = world.all("lead", **{column: record.row["id"]}, converted_at=None)

        def ended(lead: Record) -> str:
            stage = world.one("stage", lead.row["stage_id"])
            assert stage is not None
            if stage.row["kind"] == "WON":
                return "won"
            return "lost" if lead.row["closed_at"] else "other"

        ends = [ended(lead) for lead in found]
        return {
            "count": len(found), "openCount": sum(lead.row["closed_at"] is None for lead in found),
            "wonCount": ends.count("won"), "lostCount": ends.count("lost"), "values": worth(world, found),
        }  # fmt: skip

    return rule


def worth(world: World, leads: list[Record]) -> list[dict[str, Any]]:
    """The value of leads, by currency."""
    by_currency: dict[str, list[Record]] = {}
    for lead in leads:
        if lead.row["value"] is not None:
            by_currency.setdefault(lead["currency"], []).append(lead)
    values = []
    for currency, found in sorted(by_currency.items()):
        total = sum((lead.row["value"] for lead in found), Decimal(0))
        weighted = sum((lead.row["value"] * chance(world, lead, {}) for lead in found), Decimal(0))
        values.append({"currency": currency, "count": len(found), "value": shown(total),
                       "weightedValue": rounded(weighted, total)})  # fmt: skip
    return values


def head(world: World, source: Any, given: Mapping[str, Any]) -> str:
    number = sum(record["head"] for record in world.tables["event_log"])
    return base64.b64encode(world.caller.org_id.bytes + number.to_bytes(8)).decode()


def to_one(table: str, column: str) -> Any:
    return lambda world, record, given: world.one(table, record.row[column])


def by_id(table: str) -> Any:
    return lambda world, source, given: node(world, table, given["id"])


RULES: Mapping[tuple[str, str], Callable[[World, Any, Mapping[str, Any]], Any]] = {
    ("Query", "viewer"): lambda world, source, given: {},
    ("Organisation", "id"): lambda world, source, given: f"organisation_{source.row['id']}",
    ("Viewer", "id"): lambda world, source, given: viewer_id(world.caller.organisation, world.caller.subject),
    ("Viewer", "organisationKey"): lambda world, source, given: world.caller.organisation,
    ("Viewer", "role"): lambda world, source, given: world.caller.role.value,
    ("Viewer", "organisation"): lambda world, source, given: next(iter(world.tables["organisation"]), None),
    ("Viewer", "member"): lambda world, s, given: next(iter(world.all("member", subject=world.caller.subject)), None),
    ("Query", "cursor"): head,
    ("Query", "node"): lambda world, source, given: node(world, *given["id"]),
    ("Query", "nodes"): lambda world, source, given: [node(world, *id) for id in given["ids"]],
    **{("Query", table): by_id(table) for table in ("pipeline", "lead", "task", "contact", "customer", "run")},
    ("Query", "pipelines"): pipelines,
    ("Query", "leads"): lambda world, source, given: leads(world, given, kept=True),
    ("Query", "matchingLeads"): matching_leads,
    ("Contact", "totals"): deals("contact_id"),
    ("Customer", "totals"): deals("customer_id"),
    ("Contact", "archived"): lambda world, contact, given: contact.row["archived_at"] is not None,
    ("Customer", "archived"): lambda world, customer, given: customer.row["archived_at"] is not None,
    ("Query", "contacts"): CONTACTS,
    ("Query", "customers"): searched("customer"),
    ("Query", "members"): members,
    ("Pipeline", "stages"): stages,
    ("Member", "openLeads"): lambda world, r, given: len(world.all("lead", owner_id=r.row["id"], closed_at=None)),
    **ROUTING_RULES,
    ("Stage", "pipeline"): to_one("pipeline", "pipeline_id"),
    ("Stage", "terminal"): lambda world, stage, given: stage["kind"] != "OPEN",
    ("Stage", "deletingRun"): to_one("run", "deleting_run_id"),
    ("Run", "startedBy"): to_one("member", "made_by_id"),
    ("Run", "work"): lambda world, run, given: run.row["kind"] if run.row["owner"] else None,
    ("Run", "dueAt"): lambda world, run, given: shown(run.row["due_at"]) if run.row["state"] == "WAITING" else None,
    ("Run", "mutation"): lambda world, run, given: {"delete_stage": "deleteStage", "reassign_all": "reassignAll"}.get(
        run.row["kind"]
    ),
    ("Stage", "deleted"): lambda world, stage, given: stage["deleted_at"] is not None,
    ("Stage", "leads"): lambda world, stage, given: leads(world, given, kept=True, stage_id=stage.row["id"]),
    ("Stage", "totals"): totals,
    ("Lead", "kind"): kind_of,
    ("Lead", "pipeline"): to_one("pipeline", "pipeline_id"),
    ("Lead", "stage"): to_one("stage", "stage_id"),
    ("Lead", "contact"): to_one("contact", "contact_id"),
    ("Lead", "customer"): to_one("customer", "customer_id"),
    ("Lead", "owner"): to_one("member", "owner_id"),
    ("Lead", "probability"): chance,
    ("Lead", "weightedValue"): weighted_value,
    ("Lead", "convertedTo"): to_one("lead", "converted_to_id"),
    ("Lead", "convertedFrom"): to_one("lead", "converted_from_id"),
    ("Lead", "nextTask"): next_task,
    ("Lead", "stageHistory"): lambda world, r, given: Page(world.all("stage_change", lead_id=r.row["id"]), given),
    ("StageChange", "actor"): to_one("member", "actor_id"),
    ("StageChange", "fromStage"): to_one("stage", "from_stage_id"),
    ("StageChange", "fromPipeline"): to_one("pipeline", "from_pipeline_id"),
    ("StageChange", "toStage"): to_one("stage", "to_stage_id"),
    ("StageChange", "toPipeline"): to_one("pipeline", "to_pipeline_id"),
    ("Contact", "customer"): to_one("customer", "customer_id"),
    ("Contact", "leads"): lambda world, contact, given: leads(world, given, contact_id=contact.row["id"]),
    ("Customer", "leads"): lambda world, customer, given: leads(world, given, customer_id=customer.row["id"]),
    ("Customer", "contacts"): lambda world, r, given: CONTACTS(world, r, given, customer_id=r.row["id"]),
    **RIGHTS_RULES,
    **TASK_RULES,
    **HISTORY_RULES,
    **MONEY_RULES,
    **FORECAST_RULES,
    **SCORING_RULES,
    **TRANSITION_RULES,
    ("Task", "assignee"): to_one("member", "assignee_id"),
    ("Task", "lead"): to_one("lead", "lead_id"),
    ("Task", "contact"): to_one("contact", "contact_id"),
    ("Task", "customer"): to_one("customer", "customer_id"),
    ("Task", "parent"): to_one("task", "parent_id"),
    ("Task", "creator"): to_one("member", "creator_id"),
}
"""The value of each field that is not simply a column of its record."""
