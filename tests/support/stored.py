"""The input fields that are stored: which they are, where they are read, and values to send, from the schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLInputField,
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_object_type,
    is_required_input_field,
)

from engine.publish.fields import IDS, REF
from engine.read.arguments import DEFINITION
from schema.api import graphql_schema
from tests.support.recipes import HOOK, contact, opportunities, pool, task, webhook
from tests.support.world import World

assert graphql_schema.mutation_type is not None
MUTATIONS = graphql_schema.mutation_type.fields

MUTED = [(mutation, id) for mutation in ("muteRecord", "unmuteRecord") for id in ("leadId", "taskId")]
NOTIFICATION_SETTINGS = (
    *("settings.reason", "settings.inApp", "settings.mail", "digestTimes", "digestWeekdays"),
    *("quietFrom", "quietUntil", "allDayReminderAt"),
)
WEBHOOKS = ("rotateWebhookSecret", "retryDelivery", "skipDelivery")
SCORING = (
    *("groups.name", "groups.min", "groups.max", "groups.rules.name", "groups.rules.points", "groups.rules.condition"),
    *(f"groups.rules.activities.{name}" for name in ("types", "cap", "halfLifeDays")),
    *("bands.name", "bands.from", "bands.leaveBelow"),
)

NOT_STORED: Mapping[str, str] = {
    "idempotencyKey": "kept with the outcome of the change, not with the record",
    "expectedVersion": "a condition of the change",
    "dryRun": "how it is done",
    "force": "how it is done",
    "allOrNone": "how it is done",
    "includeClosed": "how it is done",
    "evenIfSimilar": "how it is done",
    "winnerId": "names the record that the change is of",
    "loserId": "names a record that ends",
    "leadIds": "names the records that the change is of",
    "taskIds": "names the records that the change is of",
    "fromMemberId": "names whose leads the change is of",
    "toMemberId": "the owner of leads that no field of the input names",
    "toPoolId": "shares leads out, and is not kept with them",
    "afterLeadId": "a place among others, kept as a rank",
    "beforeLeadId": "a place among others, kept as a rank",
    "moveLeadsTo": "the stage of leads that no field of the input names",
    "addTaskDependency.taskId": "names the record that the change is of",
    "removeTaskDependency.taskId": "names the record that the change is of",
    "removeTaskDependency.blockedById": "names what ends",
    "reorderStages.pipelineId": "names the record that the change is of",
    "routeUnassigned.pipelineId": "names where the leads are that the change is of",
    "routeUnassigned.inactiveOwners": "chooses the leads that the change is of",
    "routeUnassigned.stageId": "names where the leads are that the change is of",
    "setForecastCategory.leadId": "names the record that the change is of",
    "setRoutingRules.pipelineId": "names the record that the change is of",
    "setRoutingRules.rules.condition": "a tree, not a scalar",
    **dict.fromkeys(("createWebhook.condition", "updateWebhook.condition"), "a tree; test_update_webhook.py"),
    "disqualifyLead.notes": "kept in the event alone",
    "createLead.lostReason": "required in a lost stage, and not allowed in others",
    "deleteStage.lostReason": "kept in the leads that move to a lost stage",
    "notificationIds": "names the notifications that the change is of",
    "upTo": "names the notifications that the change is of",
    "importExchangeRates.from": "chooses the rates that the change is of",
    "importExchangeRates.to": "chooses the rates that the change is of",
    "importExchangeRates.currencies": "chooses the rates that the change is of",
    **{
        f"setNotificationSettings.{name}": "kept for the caller alone, of whom the payload shows no record"
        for name in NOTIFICATION_SETTINGS
    },
    **{f"{mutation}.{id}": "kept for the caller alone, of whom the payload shows no record" for mutation, id in MUTED},
    "fromCursor": "a place of the log",
    "secret": "shown once",
    "keepOldForHours": "how it is done",
    "startFrom": "how it is done",
    "url": "events hold its host alone; test_update_webhook.py",
    "retryDelivery.eventId": "names what the change is of",
    "skipDelivery.eventId": "names what ends",
    **dict.fromkeys(("pinScore.leadId", "unpinScore.leadId"), "names the record that the change is of"),
    **dict.fromkeys(("setScoringRules.pipelineId", "scoreLeads.pipelineId"), "names whose leads the change is of"),
    "setScoringRules.publish": "how it is done",
    **{f"setScoringRules.{path}": "kept in a version of the rules; test_set_scoring_rules.py" for path in SCORING},
    **{f"{name}.webhookId": "names the record that the change is of" for name in WEBHOOKS},
}
"""Fields that are not stored in a record, by name or by path from the mutation, and why."""

RECORDS = {
    "convertLead": "opportunity",
    "setExchangeRates": "rates",
    "setQuotas": "quotas",
    "updateOrganisation": "organisation",
}
"""The payload's field that holds the new record, where it is not the payload's first record."""

ELSEWHERE: Mapping[str, str] = {
    "assignLead.memberId": "lead owner id",
    "assignLeads.memberId": "leads owner id",
    "cancelTask.reason": "task outcome",
    "convertLead.createCustomer.name": "customer name",
    "createPool.memberIds": "pool members member id",
    "disqualifyLead.reason": "lead lostReason",
    "setForecastCategory.category": "lead ownForecastCategory",
    "setLostReasons.reasons": "lostReasons name",
    "setRoutingRules.rules.memberId": "pipeline routingRules member id",
    "setRoutingRules.rules.name": "pipeline routingRules name",
    "setRoutingRules.rules.poolId": "pipeline routingRules pool id",
    "setRoutingRules.rules.stageId": "pipeline routingRules stage id",
    "updatePool.memberIds": "pool members member id",
}
"""Where a payload shows a field under another name than the input's."""

Path = tuple[str, ...]


def input_type(mutation: str) -> GraphQLInputObjectType:
    """The type of a mutation's input."""
    type_ = get_named_type(MUTATIONS[mutation].args["input"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    return type_


def leaves(type_: GraphQLInputObjectType) -> Iterator[tuple[Path, GraphQLInputField]]:
    """Each field of an input that is no input itself; a condition, which contains conditions, counts as one field."""
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        if is_input_object_type(inner) and inner.name != "Condition":
            yield from (((name, *path), leaf) for path, leaf in leaves(inner))
        else:
            yield (name,), field


def excepted(mutation: str, path: Path, field: GraphQLInputField) -> bool:
    """Whether a field is not stored: it is listed, or it is the id of the record that the mutation changes."""
    prefix = field.extensions[DEFINITION].metadata.get(IDS)
    own = prefix is not None and is_required_input_field(field) and path == (f"{prefix}Id",)
    return (own and mutation.lower().endswith(prefix)) or bool({path[-1], key(mutation, path)} & NOT_STORED.keys())


def key(mutation: str, path: Path) -> str:
    """The key of an input field in the tables here."""
    return ".".join((mutation, *path))


FIELDS = {key(mutation, path): field for mutation in MUTATIONS for path, field in leaves(input_type(mutation))}
"""Every scalar field of every input, by its path from the mutation."""

STORED = [
    (mutation, path)
    for mutation in MUTATIONS
    for path, field in leaves(input_type(mutation))
    if not excepted(mutation, path, field)
]
"""Every scalar field of an input that is stored."""


def where(mutation: str, path: Path) -> list[str]:
    """The fields of the payload, from the outermost, that lead to where a field of the input is read.

    By default it has the same name in the record that the payload shows first; `contactId` is the id of `contact`, and
    a nested input is the field of the payload, or else of the record, of its name.
    """
    if found := ELSEWHERE.get(key(mutation, path)):
        return found.split()
    payload: Any = get_named_type(MUTATIONS[mutation].type)
    first = (name for name, field in payload.fields.items() if REF in field.extensions[DEFINITION].metadata)
    way = [RECORDS.get(mutation) or next(first)]
    if len(path) > 1:
        way = [*([] if path[0] in payload.fields else way), path[0]]
    type_ = payload
    for name in way:
        type_ = get_named_type(type_.fields[name].type)
    last = path[-1]
    named = last.removesuffix("s").removesuffix("Id") + ("s" if last.endswith("Ids") else "")
    name = last if last in type_.fields else named
    assert name in type_.fields, f"{type_.name} shows no {name}: publish what {key(mutation, path)} stores, or list it"
    return [*way, name, *(["id"] if is_object_type(get_named_type(type_.fields[name].type)) else [])]


def selection(way: list[str]) -> str:
    """The selection of the field that `where` names."""
    return " { ".join(way) + " }" * (len(way) - 1)


def shown(payload: Any, way: list[str], *, listed: bool) -> Any:
    """The value of that field: of several records all values, else that of the first one."""
    if not way or payload is None:
        return payload
    if isinstance(payload, list):
        found = [shown(item, way, listed=False) for item in payload]
        return found if listed else next(iter(found), None)
    return shown(payload[way[0]], way[1:], listed=listed)


DAY, NEXT_DAY = "2031-03-04", "2032-05-06"

BY_TYPE: Mapping[str, tuple[Any, Any]] = {
    "Boolean": (True, False),
    "Date": (DAY, NEXT_DAY),
    "DateTime": ("2031-03-04T05:06:07Z", "2032-05-06T07:08:09Z"),
    "Decimal": ("1234.50", "99.00"),
    "Int": (35, 36),
}

IDS_OF: Mapping[str, tuple[str, str]] = {
    "contact": ("contact of mia", "Zoe"),
    "customer": ("Acme", "Bolt"),
    "lead": ("Bob", "Cleo"),
    "member": ("mia", "tester"),
    "pipeline": ("Renewals", "Empty"),
    "pool": ("Inbound", "Inbound"),
    "stage": ("Talking", "Offer"),
    "task": ("Prepare", "Plan"),
}
"""The names of two records in the world of `prepared`, by the prefix of their ids."""

VALUES: Mapping[str, tuple[Any, ...]] = {
    "currency": ("CHF", "SEK"),
    "category": ("COMMIT", "BEST_CASE"),
    "fiscalYearStart": (4, 10),
    "forecastCategory": ("COMMIT", "BEST_CASE"),
    "month": ("2026-11", "2026-12"),
    "period": ("FY2026-Q1", "2026-11"),
    "email": ("new@example.com", "newer@example.com"),
    "occurredAt": ("2024-03-04T05:06:07Z", "2025-05-06T07:08:09Z"),
    "participants": (["Ida", "Jo"], ["Jo"]),
    "position": (0,),
    "reasons": (["Price", "Timing"],),
    "recurrence": ("FREQ=WEEKLY;BYDAY=MO", "FREQ=DAILY;COUNT=3"),
    "requiredFields": (["SCORE", "SOURCE"], ["SOURCE"]),
    "timeZone": ("Asia/Tokyo", "Europe/Paris"),
    "selection": ("{ id }", "{ type }"),
    "types": (["LEAD_CREATED", "TASK_DELETED"], ["LEAD_MOVED"]),
    "updateMember.active": (False, True),
    "updatePipeline.isDefault": (True,),
}
"""Two values to send, or one where another would be refused, by the field's name or its path from the mutation."""

NAMED: Mapping[str, tuple[Any, ...]] = {
    "convertLead.pipelineId": ("Partners",),
    "convertLead.stageId": ("Introduced",),
    "createPool.memberIds": (["mia", "rita"],),
    "reorderStages.stageIds": (["Done", "Due"],),
    "setRoutingRules.rules.stageId": ("Due",),
    "updatePool.memberIds": (["mia"], ["rita", "mia"]),
}
"""The same, by the names of records in the world of `prepared`."""

OWN = {
    "activity": "First call",
    "contact": "contact of rita",
    "customer": "Acme",
    "lead": "Ada",
    "member": "rita",
    "pipeline": "Renewals",
    "pool": "Inbound",
    "stage": "Talking",
    "task": "Call",
    "webhook": "Hook",
}
"""The record that a mutation changes, by the prefix of its id."""


def values(world: World, mutation: str, path: Path) -> list[Any]:
    """Two different values for a field of an input, or one where another would be refused."""
    name, field = key(mutation, path), FIELDS[key(mutation, path)]
    type_: Any = get_named_type(field.type)
    if name in NAMED:
        return [[world[one] for one in of] if isinstance(of, list) else world[of] for of in NAMED[name]]
    if found := VALUES.get(name) or VALUES.get(path[-1]):
        return list(found)
    if prefix := field.extensions[DEFINITION].metadata.get(IDS):
        return [world[one] for one in IDS_OF[prefix]]
    if is_enum_type(type_):
        return list(type_.values)[:0:-1][:2]
    return list(BY_TYPE.get(type_.name) or (f"{path[-1]}, one", f"{path[-1]}, two"))


def listed(mutation: str, path: Path) -> bool:
    """Whether a field of an input takes a list."""
    return is_list_type(get_nullable_type(FIELDS[key(mutation, path)].type))


def base(world: World, mutation: str, path: Path) -> dict[str, Any]:
    """A valid input without a field: the required fields, and those that the field needs beside it."""
    given: dict[str, Any] = {}
    for name, field in input_type(mutation).fields.items():
        if is_required_input_field(field) and not is_input_object_type(get_named_type(field.type)):
            own = None if listed(mutation, (name,)) else OWN.get(field.extensions[DEFINITION].metadata.get(IDS, ""))
            given[name] = values(world, mutation, (name,))[0] if own is None else world[own]
    for names, beside in BESIDE.items():
        if not {mutation, key(mutation, path)}.isdisjoint(names.split()):
            given |= {name: world.ids.get(str(value), value) for name, value in beside.items()}
    return given


BESIDE: Mapping[str, Mapping[str, Any]] = {
    "scheduleFollowUp createTask.recurrence updateTask.recurrence": {"dueOn": NEXT_DAY},
    "createPipeline": {"stages": [{"name": "Open"}]},
    "convertLead": {"leadId": "Dan"},
    "moveLead.lostReason": {"stageId": "Lost"},
    "createWebhook": {"url": HOOK},
}

ITEMS: Mapping[str, Mapping[str, Any]] = {
    "completeTask.followUp": {"dueOn": NEXT_DAY},
    "convertLead.createCustomer": {},
    "createPipeline.stages": {"name": "First"},
    "setExchangeRates.rates": {"currency": "USD", "validFrom": DAY, "rate": "1.1"},
    "setQuotas.quotas": {"memberId": "rita", "month": "2026-10", "value": "7.00"},
    "setRoutingRules.rules": {"name": "All", "memberId": "rita"},
}
"""The fields that a nested input requires."""

INSTEAD = {"dueAt": "dueOn", "poolId": "memberId"}
"""Fields that another one replaces."""


def with_value(world: World, mutation: str, path: Path, *value: Any) -> dict[str, Any]:
    """The input of `base` with a value for the field, or without any."""
    given = base(world, mutation, path)
    into = given
    if len(path) > 1:
        into = {name: world.ids.get(one, one) for name, one in ITEMS[".".join((mutation, path[0]))].items()}
        several = is_list_type(get_nullable_type(input_type(mutation).fields[path[0]].type))
        given[path[0]] = [into, *given.get(path[0], ())] if several else into
    if value:
        into.pop(INSTEAD.get(path[-1], ""), None)
        into[path[-1]] = value[0]
    return given


async def prepare(world: World) -> None:
    """Add the records that the tables here name and that mutations need: deals, tasks, an activity, a pool, a qualified
    lead."""
    await opportunities(world)
    stages = [{"name": "Introduced"}, {"name": "Met"}]
    partners = {"name": "Partners", "type": "OPPORTUNITY", "stages": [{"name": "Begun"}, *stages]}
    made = await world.change("createPipeline", partners, "pipeline { id stages { id name } }")
    world.ids |= {"Partners": made["pipeline"]["id"]}
    world.ids |= {stage["name"]: stage["id"] for stage in made["pipeline"]["stages"]}
    for name in ("Call", "Prepare", "Plan"):
        await task(world, name)
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "First call"}
    made = await world.change("logActivity", given, "activity { id }")
    world.ids["First call"] = made["activity"]["id"]
    world.ids["Inbound"] = await pool(world)
    world.ids["Hook"] = await webhook(world)
    await contact(world, "Zoe")
    made = await world.change("createCustomer", {"name": "Bolt"}, "customer { id }")
    world.ids["Bolt"] = made["customer"]["id"]
    await world.change("qualifyLead", {"leadId": world["Dan"]})
