"""A valid input for every mutation, in the organisation of `world.build`: where the tests of all mutations start.

A recipe prepares what its mutation needs and returns the input. It names every id that the input can hold, so that each
can be replaced by another organisation's; fields that exclude each other have recipes of their own.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from engine.background.consumers import Progress, consume, start
from models import new_id, organisation_id
from models.rules.ids import parse_id
from resolvers.changes import run_sizes
from resolvers.reactions.notify import NOTIFICATIONS
from tests.support.world import MIA, RITA, World

Recipe = Callable[[World], Awaitable[dict[str, Any]]]

RECIPES: dict[str, Recipe] = {}
"""Each recipe by the name of its mutation, followed by a space and its variant if there are several."""


def recipe(name: str) -> Callable[[Recipe], Recipe]:
    """Register the recipe of a mutation."""

    def register(function: Recipe) -> Recipe:
        RECIPES[name] = function
        return function

    return register


async def task(world: World, name: str, **given: Any) -> str:
    """A task with this title, for others to refer to."""
    made = await world.change("createTask", {"title": name, **given}, "task { id }")
    world.ids[name] = made["task"]["id"]
    return world[name]


async def notified(world: World) -> None:
    """The caller is notified of a lead that Mia gives them."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["tester"]}, **MIA)
    await make_notifications(world)


async def make_notifications(world: World) -> None:
    """Make the notifications that follow from all events until now."""
    org_id = organisation_id(world.organisation)
    await start(world.database, org_id, NOTIFICATIONS.name)
    while await consume(world.database, NOTIFICATIONS, org_id, nobody) is Progress.MORE:
        pass


async def nobody(_: UUID) -> None:
    """Wake nobody."""


async def contact(world: World, name: str) -> str:
    """A contact with this name."""
    made = await world.change("createContact", {"name": name}, "contact { id }")
    world.ids[name] = made["contact"]["id"]
    return world[name]


async def opportunities(world: World) -> str:
    """A pipeline to convert leads into; returns its first stage."""
    given = {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Opened"}, {"name": "Signed", "kind": "WON"}]}
    made = await world.change("createPipeline", given, "pipeline { id stages { id } }")
    world.ids |= {"Deals": made["pipeline"]["id"], "Opened": made["pipeline"]["stages"][0]["id"]}
    return world["Opened"]


async def pool(world: World, *members: str, name: str = "Inbound", strategy: str = "ROUND_ROBIN") -> str:
    """A pool of these members, or of rita and mia; returns its id."""
    named = [world[member] for member in members or ("rita", "mia")]
    given = {"name": name, "strategy": strategy, "memberIds": named}
    made = await world.change("createPool", given, "pool { id }")
    id: str = made["pool"]["id"]
    return id


def simple(name: str, given: Callable[[World], Mapping[str, Any]]) -> None:
    """Register a recipe that needs no preparation."""

    async def function(world: World) -> dict[str, Any]:
        return dict(given(world))

    RECIPES[name] = function


simple(
    "createPipeline", lambda world: {"name": "Partners", "stages": [{"name": "Met"}, {"name": "Yes", "kind": "WON"}]}
)
simple("updatePipeline", lambda world: {"pipelineId": world["Sales"], "name": "Selling", "description": "All of it"})
simple("deletePipeline", lambda world: {"pipelineId": world["Empty"]})
simple("addStage", lambda world: {"pipelineId": world["Sales"], "name": "Trial", "probability": 40, "position": 2})
simple("updateStage", lambda world: {"stageId": world["Talking"], "name": "In talks", "probability": 35})
simple("deleteStage", lambda world: {"stageId": world["New"], "moveLeadsTo": world["Talking"]})
simple(
    "reorderStages",
    lambda world: {
        "pipelineId": world["Sales"],
        "stageIds": [world[name] for name in ("Talking", "New", "Offer", "Won", "Lost")],
    },
)
simple(
    "createLead",
    lambda world: {
        "title": "Gil",
        "pipelineId": world["Sales"],
        "stageId": world["Talking"],
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
        "ownerId": world["mia"],
        "value": "12.50",
        "currency": "EUR",
    },
)
simple(
    "updateLead",
    lambda world: {
        "leadId": world["Ada"],
        "title": "Ada & sons",
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
        "ownerId": world["mia"],
        "value": "99",
    },
)
simple("deleteLead", lambda world: {"leadId": world["Ada"]})
simple(
    "moveLead", lambda world: {"leadId": world["Dan"], "stageId": world["New"], "afterLeadId": world["Ada"],
                               "beforeLeadId": world["Bob"]}
)  # fmt: skip
simple("qualifyLead", lambda world: {"leadId": world["Ada"]})
simple("disqualifyLead", lambda world: {"leadId": world["Ada"], "reason": "No budget", "notes": "Perhaps next year"})
simple("createContact", lambda world: {"name": "Gwen", "email": "gwen@acme.example", "customerId": world["Acme"]})
simple(
    "updateContact",
    lambda world: {"contactId": world["contact of rita"], "name": "Rita's own", "customerId": world["Acme"]},
)
simple("createCustomer", lambda world: {"name": "Bolt", "website": "bolt.example"})
simple("updateCustomer", lambda world: {"customerId": world["Acme"], "name": "Acme & co"})
simple("assignLead", lambda world: {"leadId": world["Ada"], "memberId": world["mia"]})
simple("assignLeads", lambda world: {"leadIds": [world["Ada"], world["Dan"]], "memberId": world["mia"]})
simple("reassignAll", lambda world: {"fromMemberId": world["rita"], "toMemberId": world["mia"]})
simple("updateMember", lambda world: {"memberId": world["rita"], "name": "Rita", "active": False, "capacity": 2})
simple(
    "scheduleFollowUp",
    lambda world: {"leadId": world["Ada"], "dueAt": "2031-05-01T09:00:00Z", "assigneeId": world["rita"]},
)


simple("createPool", lambda world: {"name": "Inbound", "memberIds": [world["rita"], world["mia"]]})


@recipe("updatePool")
async def _(world: World) -> dict[str, Any]:
    return {"poolId": await pool(world), "name": "Outbound", "memberIds": [world["mia"]]}


@recipe("deletePool")
async def _(world: World) -> dict[str, Any]:
    return {"poolId": await pool(world)}


@recipe("setRoutingRules")
async def _(world: World) -> dict[str, Any]:
    condition = {"not": {"title": {"contains": "x"}}}
    rules = [{"name": "All", "condition": condition, "poolId": await pool(world), "stageId": world["New"]}]
    return {"pipelineId": world["Sales"], "rules": rules}


simple(
    "setRoutingRules, to a member",
    lambda world: {"pipelineId": world["Sales"], "rules": [{"name": "All", "memberId": world["mia"]}]},
)


@recipe("routeUnassigned")
async def _(world: World) -> dict[str, Any]:
    rules = [{"name": "All", "poolId": await pool(world)}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    for title in ("Hal", "Ida"):
        await world.change("createLead", {"title": title, "stageId": world["New"]})
    return {"pipelineId": world["Sales"], "stageId": world["New"], "afterLeadId": world["Cleo"]}


@recipe("reassignAll, to a pool")
async def _(world: World) -> dict[str, Any]:
    return {"fromMemberId": world["rita"], "toPoolId": await pool(world)}


@recipe("reopenLead")
async def _(world: World) -> dict[str, Any]:
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    return {"leadId": world["Ada"]}


@recipe("convertLead")
async def _(world: World) -> dict[str, Any]:
    stage_id = await opportunities(world)
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    return {
        "leadId": world["Ada"],
        "pipelineId": world["Deals"],
        "stageId": stage_id,
        "customerId": world["Acme"],
        "title": "Ada's deal",
    }


@recipe("convertLead, making a customer")
async def _(world: World) -> dict[str, Any]:
    await opportunities(world)
    await task(world, "Call", leadId=world["Ada"])
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    return {"leadId": world["Ada"], "createCustomer": {"name": "Ada's"}}


@recipe("createTask")
async def _(world: World) -> dict[str, Any]:
    return {
        "title": "Send the offer",
        "leadId": world["Ada"],
        "contactId": world["contact of rita"],
        "customerId": world["Acme"],
        "assigneeId": world["rita"],
        "parentId": await task(world, "Prepare"),
        "dueOn": "2031-05-01",
    }


@recipe("updateTask")
async def _(world: World) -> dict[str, Any]:
    return {
        "taskId": await task(world, "Call"),
        "title": "Call again",
        "leadId": world["Dan"],
        "contactId": world["contact of rita"],
        "customerId": world["Acme"],
        "assigneeId": world["rita"],
        "parentId": await task(world, "Prepare"),
    }


@recipe("deleteTask")
async def _(world: World) -> dict[str, Any]:
    return {"taskId": await task(world, "Call", leadId=world["Ada"])}


@recipe("completeTask")
async def _(world: World) -> dict[str, Any]:
    return {
        "taskId": await task(world, "Call", leadId=world["Ada"]),
        "outcome": "Interested",
        "followUp": {"dueOn": "2031-05-01", "assigneeId": world["rita"]},
    }


@recipe("completeTasks")
async def _(world: World) -> dict[str, Any]:
    return {"taskIds": [await task(world, "Call", leadId=world["Ada"]), await task(world, "Write")], "outcome": "Done"}


@recipe("reopenTask")
async def _(world: World) -> dict[str, Any]:
    await world.change("completeTask", {"taskId": await task(world, "Call")})
    return {"taskId": world["Call"]}


@recipe("cancelTask")
async def _(world: World) -> dict[str, Any]:
    return {"taskId": await task(world, "Call", leadId=world["Ada"]), "reason": "Not needed"}


@recipe("addTaskDependency")
async def _(world: World) -> dict[str, Any]:
    return {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}


@recipe("removeTaskDependency")
async def _(world: World) -> dict[str, Any]:
    given = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("addTaskDependency", given)
    return given


async def logged(world: World, subject: str, title: str = "Ada", **given: Any) -> str:
    """An activity on a lead, logged by Rita; its id is stored under its subject."""
    given = {"leadId": world[title], "type": "CALL", "subject": subject, **given}
    made = await world.change("logActivity", given, "activity { id }", **RITA)
    world.ids[subject] = made["activity"]["id"]
    return world[subject]


async def activity(world: World) -> str:
    """An activity on Ada, logged by the tester."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "First call"}
    return (await world.change("logActivity", given, "activity { id }"))["activity"]["id"]  # type: ignore[no-any-return]


simple(
    "logActivity",
    lambda world: {
        "leadId": world["Ada"],
        "type": "MEETING",
        "subject": "Kick-off",
        "contactId": world["contact of rita"],
        "participants": ["Rita"],
        "duration": 3600,
    },
)


@recipe("updateActivity")
async def _(world: World) -> dict[str, Any]:
    return {"activityId": await activity(world), "outcome": "Interested", "contactId": world["contact of rita"]}


@recipe("deleteActivity")
async def _(world: World) -> dict[str, Any]:
    return {"activityId": await activity(world)}


simple("setLostReasons", lambda world: {"reasons": ["Price", "Timing"]})


@recipe("cancelRun")
async def _(world: World) -> dict[str, Any]:
    at_once, run_sizes.AT_ONCE = run_sizes.AT_ONCE, 0
    try:
        given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
        return {"runId": (await world.change("deleteStage", given, "run { id }"))["run"]["id"]}
    finally:
        run_sizes.AT_ONCE = at_once


@recipe("retryRun")
async def _(world: World) -> dict[str, Any]:
    return {"runId": await failed_work(world)}


@recipe("moveLead, losing it")
async def _(world: World) -> dict[str, Any]:
    return {"leadId": world["Ada"], "stageId": world["Lost"], "lostReason": "Too dear"}


simple("disqualifyLead, where it stands", lambda world: {"leadId": world["Fay"], "reason": "No budget"})


@recipe("reopenLead, where it stands")
async def _(world: World) -> dict[str, Any]:
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})
    return {"leadId": world["Fay"]}


HOOK = "https://127.0.0.1:9/hook"
"""Where webhooks of tests are: nobody answers there."""


async def webhook(world: World, **given: Any) -> str:
    """A webhook; returns its id."""
    made = await world.change("createWebhook", {"url": HOOK, **given}, "webhook { id }")
    id: str = made["webhook"]["id"]
    return id


async def waiting(world: World) -> dict[str, Any]:
    """A webhook that an event waits for: their ids."""
    id = await webhook(world)
    event = new_id()
    await world.sql(
        "INSERT INTO webhook_delivery (org_id, webhook_id, id, number, type, record, body, attempts, due_at)"
        " VALUES ($1, $2, $3, 1, 'lead.created', 'lead_1', '', 3, now())",
        *(organisation_id(world.organisation), parse_id("webhook", id), event),
    )
    return {"webhookId": id, "eventId": f"event_{event}"}


async def failed_work(world: World, **given: Any) -> str:
    """Work that has failed for good, or is as it is given: its id."""
    id = new_id()
    held = {"state": "FAILED", "error": "Nobody answers.", "failures": 10, "due_at": None, **given}
    await world.sql(
        "INSERT INTO run (org_id, id, kind, input, total, owner, key, finished_at, state, error, failures, due_at)"
        " VALUES ($1, $2, 'greeting', '{}', 1, 'tests', $3, now(), $4, $5, $6, $7)",
        *(organisation_id(world.organisation), id, str(id), *held.values()),
    )
    return f"run_{id}"


simple(
    "createWebhook",
    lambda world: {"url": HOOK, "types": ["LEAD_CREATED"], "pipelineId": world["Sales"], "selection": "{ id }"},
)


@recipe("updateWebhook")
async def _(world: World) -> dict[str, Any]:
    return {"webhookId": await webhook(world), "pipelineId": world["Sales"], "ordering": "STRICT"}


@recipe("enableWebhook")
async def _(world: World) -> dict[str, Any]:
    id = await webhook(world)
    await world.change("pauseWebhook", {"webhookId": id})
    return {"webhookId": id}


for _name in ("deleteWebhook", "pauseWebhook", "testWebhook", "rotateWebhookSecret"):

    @recipe(_name)
    async def _(world: World) -> dict[str, Any]:
        return {"webhookId": await webhook(world)}


@recipe("replayWebhook")
async def _(world: World) -> dict[str, Any]:
    return {"webhookId": await webhook(world), "fromCursor": (await world.ask("{ cursor }"))["cursor"]}


@recipe("retryDelivery")
async def _(world: World) -> dict[str, Any]:
    return await waiting(world)


@recipe("skipDelivery")
async def _(world: World) -> dict[str, Any]:
    return await waiting(world)


simple("archiveContact", lambda world: {"contactId": world["contact of rita"]})
simple("archiveCustomer", lambda world: {"customerId": world["Acme"]})


@recipe("restoreContact")
async def _(world: World) -> dict[str, Any]:
    await world.change("archiveContact", {"contactId": world["contact of rita"]})
    return {"contactId": world["contact of rita"]}


@recipe("restoreCustomer")
async def _(world: World) -> dict[str, Any]:
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    return {"customerId": world["Acme"]}


simple("mergeContacts", lambda world: {"winnerId": world["contact of mia"], "loserId": world["contact of rita"]})
simple("mergeLeads", lambda world: {"winnerId": world["Ada"], "loserId": world["Dan"]})


@recipe("mergeCustomers")
async def _(world: World) -> dict[str, Any]:
    made = await world.change("createCustomer", {"name": "A.C.M.E."}, "customer { id }")
    return {"winnerId": made["customer"]["id"], "loserId": world["Acme"]}


@recipe("markNotificationsRead")
async def _(world: World) -> dict[str, Any]:
    await notified(world)
    found = await world.ask("{ notifications(first: 1) { nodes { id } } }")
    return {"notificationIds": [node["id"] for node in found["notifications"]["nodes"]]}


simple("setNotificationSettings", lambda world: {"settings": [{"reason": "ASSIGNED", "inApp": False}]})
simple("muteRecord", lambda world: {"leadId": world["Ada"]})
simple("unmuteRecord", lambda world: {"leadId": world["Ada"]})


@recipe("muteRecord, a task")
async def _(world: World) -> dict[str, Any]:
    return {"taskId": await task(world, "Call")}


@recipe("unmuteRecord, a task")
async def _(world: World) -> dict[str, Any]:
    return {"taskId": await task(world, "Call")}


simple("setForecastCategory", lambda world: {"leadId": world["Ada"], "category": "COMMIT"})


@recipe("setQuotas")
async def _(world: World) -> dict[str, Any]:
    quotas = [
        {"memberId": world["mia"], "month": "2026-11", "value": "5000"},
        {"poolId": await pool(world), "month": "2026-11", "currency": "EUR", "value": "9000.50"},
    ]
    return {"quotas": quotas}


@recipe("setQuotas, of a pool first")
async def _(world: World) -> dict[str, Any]:
    return {"quotas": [{"poolId": await pool(world), "month": "2026-11", "value": "5"}]}


simple(
    "submitForecast",
    lambda world: {"memberId": world["rita"], "period": "FY2026-Q4", "value": "700", "note": "Two will close"},
)


@recipe("submitForecast, of a pool")
async def _(world: World) -> dict[str, Any]:
    return {"poolId": await pool(world), "period": "2026-11", "value": "700", "currency": "EUR"}


simple("updateOrganisation", lambda world: {"name": "Acme sales", "timeZone": "Asia/Tokyo", "fiscalYearStart": 4})
simple(
    "setExchangeRates",
    lambda world: {
        "rates": [
            {"currency": "USD", "validFrom": "2026-01-01", "rate": "1.1"},
            {"currency": "JPY", "validFrom": "2026-01-01", "rate": "170"},
        ]
    },
)
simple("importExchangeRates", lambda world: {"from": "2026-01-05", "to": "2026-01-09", "currencies": ["USD", "CHF"]})


async def scoring_rules(world: World) -> None:
    """Rules of the pipeline Sales, which are published and have scored no lead yet."""
    rules = [{"name": "All", "points": 5, "condition": {"title": {"isSet": True}}}]
    await world.change("setScoringRules", {"pipelineId": world["Sales"], "groups": [{"name": "Fit", "rules": rules}]})


simple(
    "setScoringRules",
    lambda world: {
        "pipelineId": world["Sales"],
        "groups": [
            {
                "name": "Fit",
                "min": -5,
                "max": 50,
                "rules": [
                    {
                        "name": "Calls",
                        "points": 3,
                        "condition": {"stageId": {"is": world["New"]}},
                        "activities": {"types": ["CALL"], "cap": 30, "halfLifeDays": 7},
                    }
                ],
            }
        ],
        "bands": [{"name": "Warm", "from": 20, "leaveBelow": 10}],
    },
)


@recipe("scoreLeads")
async def _(world: World) -> dict[str, Any]:
    await scoring_rules(world)
    return {"leadIds": [world["Ada"], world["Dan"]]}


@recipe("scoreLeads, of a pipeline")
async def _(world: World) -> dict[str, Any]:
    await scoring_rules(world)
    return {"pipelineId": world["Sales"]}


simple("pinScore", lambda world: {"leadId": world["Ada"], "score": 42})


@recipe("unpinScore")
async def _(world: World) -> dict[str, Any]:
    await world.change("pinScore", {"leadId": world["Ada"], "score": 42})
    return {"leadId": world["Ada"]}


simple("createCalendarFeed", lambda world: {})


@recipe("rotateCalendarFeed")
async def _(world: World) -> dict[str, Any]:
    await world.change("createCalendarFeed", {})
    return {}


@recipe("deleteCalendarFeed")
async def _(world: World) -> dict[str, Any]:
    await world.change("createCalendarFeed", {})
    return {}
