"""mergeLeads: one lead stays with the tasks and activities of both; the other leaves the board and the totals."""

import pytest

from models.rules.ids import parse_id
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import Formats, read_deal
from tests.support.consistency import expect_consistent
from tests.support.recipes import logged, task
from tests.support.world import MIA, RITA, World

SHOW = """
lead { id title value currency probability owner { id } externalId lastActivityAt version }
mergedId filledFields movedTasks movedActivities
"""
TOTALS = "name totals { count values { currency value weightedValue } }"


async def test_a_lead_takes_over(world: World) -> None:
    """Tasks and activities move, the loser leaves board and totals, and a value comes with its currency."""
    for name in ("Cleo", "Ada"):
        await world.change("scheduleFollowUp", {"leadId": world[name], "title": f"Call {name}", "dueOn": "2031-01-01"})
    await world.change("logActivity", {"leadId": world["Ada"], "type": "CALL", "subject": "Hello"})
    shown = (
        "lead { title value currency lastActivityAt tasks { nodes { title } } } movedTasks movedActivities filledFields"
    )
    made = await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]}, shown)
    assert (made["lead"]["title"], made["lead"]["value"], made["lead"]["currency"]) == ("Cleo", "1000.00", "EUR")
    assert made["lead"]["lastActivityAt"] is not None
    assert {task["title"] for task in made["lead"]["tasks"]["nodes"]} == {"Call Cleo", "Call Ada"}
    assert (made["movedTasks"], made["movedActivities"]) == (1, 1)
    assert "externalId" not in made["filledFields"]
    assert await world.cards("New") == ["Bob", "Cleo"]
    assert (await world.lead("Ada", "id"))["id"] == world["Cleo"]
    await expect_consistent(world.database)


async def test_only_empty_fields_are_filled(world: World) -> None:
    """The external id is not filled, because other systems know it as the loser's; the events keep all its fields."""
    cleo, ada = world["Cleo"], world["Ada"]
    fields = {"description": "Tall", "source": "web", "score": 3, "contactId": world["contact of mia"]}
    await world.change("updateLead", {"leadId": ada, **fields})
    await world.change("updateLead", {"leadId": cleo, "source": "Fair"})
    head = await world.head()
    made = await world.change("mergeLeads", {"winnerId": cleo, "loserId": ada, "expectedVersion": 2}, SHOW, **MIA)
    filled = {**fields, "value": "1000.00", "currency": "EUR", "probability": 50}
    del filled["source"]
    assert set(made["filledFields"]) == set(filled)
    assert (made["mergedId"], made["lead"]["externalId"], made["lead"]["version"]) == (ada, None, 3)
    merged, updated = await world.recorded(head)
    was = {
        **fields, "title": "Ada", "customerId": None, "ownerId": None, "value": "1000.00", "currency": "EUR",
        "probability": 50, "expectedCloseDate": None, "externalId": "crm-1", "into": cleo,
    }  # fmt: skip
    assert merged == ("lead.merged", "merge_leads", was)
    description = "Tall\n\nMerged from “Ada”\nSource: web\nExternal id: crm-1"
    changes = {name: [None, value] for name, value in {**filled, "description": description}.items()}
    assert updated == ("lead.updated", "merge_leads", {"changes": changes})
    ids = [event["lead_id"] for event in await world.events(head)]
    assert ids == [parse_id("lead", ada), parse_id("lead", cleo)]
    await expect_consistent(world.database)


async def test_a_currency_that_is_the_same_is_not_filled(world: World) -> None:
    """A winner with a currency and no value takes the value; the event holds only fields that changed."""
    await world.change("updateLead", {"leadId": world["Cleo"], "currency": "EUR"})
    head = await world.head()
    made = await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]}, SHOW)
    assert made["filledFields"] == ["value", "probability"]
    assert (made["lead"]["value"], made["lead"]["currency"]) == ("1000.00", "EUR")
    description = "Merged from “Ada”\nExternal id: crm-1"
    changes = {"value": [None, "1000.00"], "probability": [None, 50], "description": [None, description]}
    assert (await world.recorded(head))[1] == ("lead.updated", "merge_leads", {"changes": changes})
    await expect_consistent(world.database)


async def test_a_value_brings_its_currency(world: World) -> None:
    """A currency without a value is replaced by that of the value."""
    await world.change("updateLead", {"leadId": world["Cleo"], "currency": "JPY"})
    made = await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]}, SHOW)
    assert made["filledFields"] == ["value", "probability", "currency"]
    assert (made["lead"]["value"], made["lead"]["currency"]) == ("1000.00", "EUR")
    await expect_consistent(world.database)


async def test_an_amount_is_kept_with_its_currency(world: World) -> None:
    """The winner keeps its own amount; the loser's is in the description, with the descriptions of both."""
    await world.change("updateLead", {"leadId": world["Ada"], "description": "Tall", "ownerId": world["mia"]})
    await world.change("updateLead", {"leadId": world["Bob"], "description": "Wide"})
    given = {"winnerId": world["Bob"], "loserId": world["Ada"]}
    dropped = ["title", "ownerId", "value", "currency", "externalId"]
    show = "droppedFields lead { value description }"
    assert (await world.change("mergeLeads", {**given, "dryRun": True}, show))["droppedFields"] == dropped
    made = await world.change("mergeLeads", given, show)
    assert (made["droppedFields"], made["lead"]["value"]) == (dropped, "250.50")
    assert made["lead"]["description"] == (
        f"Wide\n\nTall\n\nMerged from “Ada”\nOwner id: {world['mia']}\nValue: 1000.00\nCurrency: EUR\n"
        "External id: crm-1"
    )
    await expect_consistent(world.database)


@pytest.mark.parametrize("end", ["won", "lost", "disqualified"])
async def test_what_is_won_or_lost_does_not_disappear(world: World, end: str) -> None:
    """A closed lead is not merged into one that did not end in the same way; the other way round, it stays closed."""
    loser = "Eve" if end == "won" else "Bob"
    if end == "lost":
        await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Lost"], "lostReason": "Price"})
    elif end == "disqualified":
        await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "Gone"})
    given = {"winnerId": world["Ada"], "loserId": world[loser]}
    for dry_run in (False, True):
        shown = await world.refused(
            "mergeLeads", {**given, "dryRun": dry_run}, "LEAD_CLOSED", "loserId", show="lead { id }"
        )
        assert shown["lead"] == {"id": world["Ada"]}
    assert shown["userErrors"][0]["message"] == (
        f"The merged lead is {'won' if end == 'won' else 'lost'}, the one that stays is not: the merge would undo that."
        " Swap winner and loser, or reopen the merged lead first."
    )
    closed = (await world.lead(loser, "closedAt"))["closedAt"]
    await world.change("mergeLeads", {"winnerId": world[loser], "loserId": world["Ada"]})
    assert await world.lead(loser, "closedAt") == {"closedAt": closed}
    await expect_consistent(world.database)


async def test_of_two_that_are_won_one_stays(world: World) -> None:
    """Two that ended in the same way are merged."""
    await world.change("moveLead", {"leadId": world["Fay"], "stageId": world["Done"]})
    await world.change("mergeLeads", {"winnerId": world["Eve"], "loserId": world["Fay"]})
    assert (await world.lead("Eve", "closedAt"))["closedAt"] is not None
    await expect_consistent(world.database)


async def test_totals_follow_across_pipelines(world: World) -> None:
    """The loser no longer counts in its own pipeline, and the winner counts in its stage."""
    await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Fay"]})
    new, due = (await world.stages("Sales", TOTALS))[0], (await world.stages("Renewals", TOTALS))[0]
    assert due == {"name": "Due", "totals": {"count": 0, "values": []}}
    assert new["totals"] == {
        "count": 3,
        "values": [
            {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"},
            {"currency": "USD", "value": "290.50", "weightedValue": "29.05"},
        ],
    }
    await expect_consistent(world.database)


async def test_the_latest_activity_of_both_counts(world: World) -> None:
    """The later activity counts, whichever lead it was logged on."""
    old, later = "2025-03-01T10:00:00+00:00", "2025-03-02T10:00:00+00:00"
    await logged(world, "Old", "Ada", occurredAt=old)
    await logged(world, "Later", "Bob", occurredAt=later)
    made = await world.change("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]}, SHOW)
    assert (made["lead"]["lastActivityAt"], made["movedActivities"]) == (later, 1)
    await expect_consistent(world.database)


async def test_a_dry_run_changes_nothing(world: World) -> None:
    """A dry run answers what would be filled and moved."""
    await task(world, "Call", leadId=world["Ada"])
    await logged(world, "Rang", "Ada")
    head = await world.head()
    given = {"winnerId": world["Cleo"], "loserId": world["Ada"], "dryRun": True}
    made = await world.change("mergeLeads", given, SHOW)
    assert (made["movedTasks"], made["movedActivities"]) == (1, 1)
    assert made["filledFields"] == ["value", "currency", "probability"]
    assert (made["lead"]["value"], made["lead"]["version"], await world.head()) == (None, 1, head)
    assert await world.cards("New") == ["Ada", "Bob", "Cleo"]
    await expect_consistent(world.database)


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's lead is not found on either side, and an id of another type is refused."""
    for given, code, field in (
        ({"winnerId": strangers["Ada"], "loserId": world["Bob"]}, "NOT_FOUND", "winnerId"),
        ({"winnerId": world["Ada"], "loserId": strangers["Bob"]}, "NOT_FOUND", "loserId"),
        ({"winnerId": world["Ada"], "loserId": world["New"]}, "WRONG_ID", "loserId"),
    ):
        await world.refused("mergeLeads", given, code, field)


async def test_a_conflict_shows_the_one_that_stays(world: World) -> None:
    """Only the winner's version counts."""
    await world.change("updateLead", {"leadId": world["Bob"], "score": 1})
    given = {"winnerId": world["Ada"], "loserId": world["Bob"], "expectedVersion": 2}
    shown = await world.refused("mergeLeads", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["id"], shown["lead"]["version"], shown["mergedId"]) == (world["Ada"], 1, None)
    await world.change("mergeLeads", {**given, "expectedVersion": 1})


async def test_opposite_merges_at_once(world: World) -> None:
    """One of the merges is done; for the others both ids name the same lead."""
    pair = (world["Ada"], world["Fay"])
    inputs = [{"winnerId": a, "loserId": b} for a, b in (pair, pair[::-1]) * 10]
    assert await world.at_once("mergeLeads", *inputs) == {"done": 1, "INVALID": 19}
    await expect_consistent(world.database)


async def test_a_rep_merges_nothing(world: World) -> None:
    """A merge cannot be undone, so it requires the role manager."""
    body = await world.attempt("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]}, **RITA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.cards("New") == ["Ada", "Bob", "Cleo"]


async def test_what_has_a_value_keeps_its_own(world: World) -> None:
    """Amounts of two leads are never mixed with each other's currency."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    assert await world.lead("Bob", "value currency") == {"value": "250.50", "currency": "USD"}
    await expect_consistent(world.database)


async def test_refusals(world: World) -> None:
    """Twice the same lead, also through an earlier merge, is refused, and so are converted leads and their
    opportunities."""
    ada, bob = world["Ada"], world["Bob"]
    await world.refused("mergeLeads", {"winnerId": ada, "loserId": ada}, "INVALID", "loserId")
    deals = {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Open"}]}
    await world.change("createPipeline", deals)
    await world.change("qualifyLead", {"leadId": ada})
    made = await world.change("convertLead", {"leadId": ada}, "opportunity { id }")
    await world.refused("mergeLeads", {"winnerId": bob, "loserId": ada}, "LEAD_CONVERTED", "loserId")
    opportunity = made["opportunity"]["id"]
    await world.refused("mergeLeads", {"winnerId": opportunity, "loserId": bob}, "LEAD_CONVERTED", "winnerId")
    await world.change("mergeLeads", {"winnerId": bob, "loserId": world["Dan"]})
    await world.refused("mergeLeads", {"winnerId": bob, "loserId": world["Dan"]}, "INVALID", "loserId")


async def test_an_inactive_owner_is_not_filled_in(world: World) -> None:
    """A deactivated owner is not filled in; an active one is."""
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    made = await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Bob"]}, "filledFields")
    assert "ownerId" not in made["filledFields"]
    await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["mia"]})
    given = {"winnerId": world["Cleo"], "loserId": world["Dan"]}
    made = await world.change("mergeLeads", given, "filledFields lead { owner { id } }")
    assert made["lead"]["owner"] == {"id": world["mia"]}
    await expect_consistent(world.database)


TIMELINE = """query($id: ID!, $n: Int, $after: Cursor) { lead(id: $id) { timeline(first: $n, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { type lead { title } ... on LeadMerged { into { title } } }
} } }"""


async def test_the_timeline_holds_both(world: World) -> None:
    """The timeline lists the events of both leads, page by page, all with the lead that stays."""
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.change("updateLead", {"leadId": world["Cleo"], "score": 1})
    await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]})
    whole = (await world.ask(TIMELINE, {"id": world["Cleo"], "n": 100}))["lead"]["timeline"]
    types = [event["type"] for event in whole["nodes"]]
    assert {"LEAD_MERGED", "LEAD_QUALIFIED"} < set(types)
    assert types.count("LEAD_CREATED") == 2
    assert (whole["totalCount"], whole["pageInfo"]["hasNextPage"]) == (len(types), False)
    assert {event["lead"]["title"] for event in whole["nodes"]} == {"Cleo"}
    assert [event["into"] for event in whole["nodes"] if event["type"] == "LEAD_MERGED"] == [{"title": "Cleo"}]
    paged: list[str] = []
    after = None
    while len(paged) < len(types):
        page = (await world.ask(TIMELINE, {"id": world["Ada"], "n": 2, "after": after}))["lead"]["timeline"]
        paged += [event["type"] for event in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert paged == types


async def test_an_import_does_not_bring_back_what_was_merged(world: World) -> None:
    """The same file again changes nothing, though the merged lead's external id stands on no lead any more."""
    given = {"title": "Again", "stage": "New", "external_id": "crm-1"}
    deals = [read_deal(2, given, Formats("USD"))]
    options = Import("demo", "Sales")
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    report = await import_deals(world.database, options, deals)
    assert (report.created, report.unchanged, report.rejected) == (0, 1, [])
    assert await world.cards("New") == ["Bob", "Cleo"]
