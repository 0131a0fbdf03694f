"""mergeContacts, mergeCustomers, mergeLeads: one stays, whatever named the other names it, and so does its id."""

import asyncio
import json
from typing import Any

from models.rules.ids import parse_id
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.names import Import
from resolvers.changes.imports.rows import Deal
from tests.support.consistency import expect_consistent
from tests.support.world import World

CONTACT = "query($id: ID!) { contact(id: $id) { id name email phone } node(id: $id) { id } }"


async def test_a_contact_takes_over(world: World) -> None:
    """Its empty fields are filled, leads and tasks name it, and the other's id finds it."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    await world.change("updateContact", {"contactId": rita, "phone": "12"})
    await world.change("createTask", {"title": "Call", "contactId": rita})
    head = await world.head()
    given = {"winnerId": mia, "loserId": rita}
    shown = "contact { id name email phone } mergedId filledFields movedLeads movedTasks movedActivities"
    made = await world.change("mergeContacts", given, shown)
    assert made["contact"] == {"id": mia, "name": "Contact of mia", "email": "mia@example.com", "phone": "12"}
    assert (made["mergedId"], made["filledFields"]) == (rita, ["phone"])
    assert (made["movedLeads"], made["movedTasks"], made["movedActivities"]) == (1, 1, 0)
    found = await world.ask(CONTACT, {"id": rita})
    assert found["contact"] == made["contact"]
    assert found["node"] == {"id": mia}
    assert (await world.lead("Dan", "contact { id }"))["contact"] == {"id": mia}
    listed = await world.ask("{ contacts(first: 100) { nodes { id } } }")
    assert rita not in [node["id"] for node in listed["contacts"]["nodes"]]
    events = await world.events(head)
    assert [event["type"] for event in events] == ["lead.updated", "task.updated", "contact.merged", "contact.updated"]
    assert [json.loads(event["data"])["changes"] for event in events[:2]] == [{"contactId": [rita, mia]}] * 2
    await expect_consistent(world.database)


async def test_chains_lead_to_the_last(world: World) -> None:
    """Whoever was merged into one that is merged itself is found where that went."""
    ids = [(await world.change("createContact", {"name": name}, "contact { id }"))["contact"]["id"] for name in "abc"]
    await world.change("mergeContacts", {"winnerId": ids[1], "loserId": ids[0]})
    await world.change("mergeContacts", {"winnerId": ids[2], "loserId": ids[1]})
    for id in ids:
        assert (await world.ask(CONTACT, {"id": id}))["contact"]["id"] == ids[2]
    nodes = await world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert [node["id"] for node in nodes["nodes"]] == [ids[2]] * 3


async def test_a_dry_run_tells_and_changes_nothing(world: World) -> None:
    """What would be filled and moved."""
    head = await world.head()
    given = {"winnerId": world["contact of mia"], "loserId": world["contact of rita"], "dryRun": True}
    told = await world.change("mergeContacts", given, "movedLeads filledFields")
    assert told["movedLeads"] == 1
    assert await world.events(head) == []
    assert (await world.ask(CONTACT, {"id": world["contact of rita"]}))["contact"]["id"] == world["contact of rita"]


async def test_a_customer_takes_over(world: World) -> None:
    """Leads, tasks and people of the other are its own."""
    await world.change("updateContact", {"contactId": world["contact of rita"], "customerId": world["Acme"]})
    made = await world.change("createCustomer", {"name": "A.C.M.E.", "website": "acme.example"}, "customer { id }")
    winner = made["customer"]["id"]
    shown = "customer { name totals { count wonCount values { currency value } } contacts { nodes { name } } }"
    merged = await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"]}, shown)
    assert merged["customer"]["totals"] == {
        "count": 1, "wonCount": 1, "values": [{"currency": "USD", "value": "500.00"}]
    }  # fmt: skip
    assert merged["customer"]["contacts"]["nodes"] == [{"name": "Contact of rita"}]
    assert (await world.lead("Eve", "customer { id }"))["customer"] == {"id": winner}


async def test_a_lead_takes_over(world: World) -> None:
    """Tasks and activities go along; the other leaves board and totals; a value comes with its currency."""
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


async def test_what_has_a_value_keeps_its_own(world: World) -> None:
    """Amounts are never mixed with another one's currency."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    assert await world.lead("Bob", "value currency") == {"value": "250.50", "currency": "USD"}
    await expect_consistent(world.database)


async def test_refusals(world: World) -> None:
    """Both the same, also by an earlier merge; a lead that became an opportunity, or was made from one."""
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


async def test_the_one_that_stays_is_as_expected(world: World) -> None:
    """At another version the merge is refused, shows it as it is, and changes nothing; of all three kinds."""
    other = (await world.change("createCustomer", {"name": "Other"}, "customer { id }"))["customer"]["id"]
    for noun, winner, loser in (
        ("Contact", world["contact of mia"], world["contact of rita"]),
        ("Customer", world["Acme"], other),
        ("Lead", world["Ada"], world["Bob"]),
    ):
        show = f"{noun.lower()} {{ id version }}"
        given = {"winnerId": winner, "loserId": loser}
        made = await world.refused(
            f"merge{noun}s", {**given, "expectedVersion": 2}, "CONFLICT", "expectedVersion", show=show
        )
        assert made[noun.lower()] == {"id": winner, "version": 1}
        await world.change(f"merge{noun}s", {**given, "expectedVersion": 1})


async def test_opposite_merges_at_once(world: World) -> None:
    """One of them is done; for the others both ids have become the same, and nothing runs in a circle."""
    pair = (world["contact of mia"], world["contact of rita"])
    bodies = await asyncio.gather(
        *(
            world.attempt("mergeContacts", dict(zip(("winnerId", "loserId"), order, strict=True)))
            for order in (pair, pair[::-1]) * 10
        )
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["INVALID"]] * 19
    found = [(await world.ask(CONTACT, {"id": id}))["contact"]["id"] for id in pair]
    assert found[0] == found[1]
    await expect_consistent(world.database)


async def test_inputs_take_the_id_of_what_was_merged(world: World) -> None:
    """As the record itself, and as what another is to name; strangers do not learn of it."""
    await world.change("mergeContacts", {"winnerId": world["contact of mia"], "loserId": world["contact of rita"]})
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Dan"]})
    given = {"leadId": world["Dan"], "contactId": world["contact of rita"], "score": 3, "idempotencyKey": "once"}
    for _ in range(2):
        made = await world.change("updateLead", given, "lead { id score contact { id } }")
        assert made["lead"] == {"id": world["Bob"], "score": 3, "contact": {"id": world["contact of mia"]}}
    made = await world.change("updateContact", {"contactId": world["contact of rita"], "name": "Mia"}, "contact { id }")
    assert made["contact"]["id"] == world["contact of mia"]
    await expect_consistent(world.database)


async def test_what_was_merged_is_not_deleted_by_its_old_id(world: World) -> None:
    """Who deletes names what they have seen: the record that the other was joined into stays."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Dan"]})
    await world.refused("deleteLead", {"leadId": world["Dan"]}, "NOT_FOUND", "leadId")
    await world.change("deleteLead", {"leadId": world["Bob"]})
    await expect_consistent(world.database)


async def test_many_leads_take_the_ids_of_what_was_merged(world: World) -> None:
    """Each of them has its result under the id that was given; one that is named twice so is given once."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    head = await world.head()
    for ids, all_or_none in ((("Ada", "Dan", "Bob"), False), (("Ada", "Cleo"), True)):
        given = {"leadIds": [world[name] for name in ids], "memberId": world["mia"], "allOrNone": all_or_none}
        made = await world.change("assignLeads", given, "results { leadId assigned code } leads { title }")
        assert made["results"] == [{"leadId": world[name], "assigned": True, "code": None} for name in ids]
        assert {lead["title"] for lead in made["leads"]} == {"Bob", *ids} - {"Ada"}
    events = [event["lead_id"] for event in await world.events(head)]
    assert sorted(events) == sorted(parse_id("lead", world[name]) for name in ("Bob", "Dan", "Cleo"))
    await expect_consistent(world.database)


async def test_filters_take_the_ids_of_what_was_merged(world: World) -> None:
    """What was about a record that was merged is found by its id as by that of the one that stays."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    bolt = (await world.change("createCustomer", {"name": "Bolt"}, "customer { id }"))["customer"]["id"]
    about = {"leadId": world["Ada"], "contactId": rita, "customerId": world["Acme"]}
    await world.change("createTask", {"title": "Call", **about})
    await world.change("logActivity", {"leadId": world["Ada"], "contactId": rita, "type": "CALL", "subject": "Hello"})
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    await world.change("mergeContacts", {"winnerId": mia, "loserId": rita})
    await world.change("mergeCustomers", {"winnerId": bolt, "loserId": world["Acme"]})
    for lead, contact, customer in ((world["Ada"], rita, world["Acme"]), (world["Bob"], mia, bolt)):
        asked = """query($lead: ID!, $contact: ID!, $customer: ID!) {
            tasks(filter: { leadId: $lead, contactId: $contact, customerId: $customer }) { nodes { title } }
            activities(filter: { leadId: $lead, contactId: $contact }) { nodes { subject } }
            byContact: leads(filter: { contactIds: [$contact] }) { nodes { title } }
            byCustomer: leads(filter: { customerIds: [$customer] }) { nodes { title } }
        }"""
        assert await world.ask(asked, {"lead": lead, "contact": contact, "customer": customer}) == {
            "tasks": {"nodes": [{"title": "Call"}]},
            "activities": {"nodes": [{"subject": "Hello"}]},
            "byContact": {"nodes": [{"title": "Dan"}]},
            "byCustomer": {"nodes": [{"title": "Eve"}]},
        }


async def test_strangers_do_not_find_what_was_merged(world: World, strangers: World) -> None:
    """Another organisation's id is not found, whether or not the record is still there."""
    await strangers.change(
        "mergeContacts", {"winnerId": strangers["contact of mia"], "loserId": strangers["contact of rita"]}
    )
    for name in ("contact of mia", "contact of rita"):
        given = {"leadId": world["Ada"], "contactId": strangers[name]}
        await world.refused("updateLead", given, "NOT_FOUND", "contactId")
        given = {"winnerId": world["contact of mia"], "loserId": strangers[name]}
        await world.refused("mergeContacts", given, "NOT_FOUND", "loserId")


TIMELINE = """query($id: ID!, $n: Int, $after: Cursor) { lead(id: $id) { timeline(first: $n, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { type lead { title } ... on LeadMerged { into { title } } }
} } }"""


async def test_the_timeline_tells_of_both(world: World) -> None:
    """What happened to either, in one list, page by page; the lead of an event is the one that stays."""
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


async def test_conditions_name_the_one_that_stays(world: World) -> None:
    """A routing rule about the other is about the winner from then on."""
    made = await world.change("createCustomer", {"name": "A.C.M.E."}, "customer { id }")
    winner = made["customer"]["id"]
    condition = {"or": [{"customerId": {"is": world["Acme"]}}, {"customerId": {"in": [world["Acme"]]}}]}
    rules = [{"name": "Ours", "condition": condition, "memberId": world["mia"]}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"]})
    kept = await world.database.pool.fetchval("SELECT condition FROM routing_rule")
    assert json.loads(kept) == {"or": [{"customerId": {"is": winner}}, {"customerId": {"in": [winner]}}]}


async def test_conditions_take_the_ids_of_what_was_merged(world: World) -> None:
    """Asked for or kept with the id of what is gone, one means what stays, and is kept with that one's id."""
    bolt = (await world.change("createCustomer", {"name": "Bolt"}, "customer { id }"))["customer"]["id"]
    await world.change("mergeCustomers", {"winnerId": bolt, "loserId": world["Acme"]})
    asked = "query($condition: Condition!) { matchingLeads(condition: $condition) { nodes { title } } }"
    for test in ({"is": world["Acme"]}, {"in": [world["Acme"]]}, {"is": bolt}):
        condition = {"and": [{"customerId": test}, {"title": {"startsWith": "E"}}]}
        found = await world.ask(asked, {"condition": condition})
        assert found["matchingLeads"]["nodes"] == [{"title": "Eve"}]
        rules = [{"name": "Ours", "condition": condition, "memberId": world["mia"]}]
        await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
        kept = json.loads(await world.database.pool.fetchval("SELECT condition FROM routing_rule"))
        assert kept["and"][0] == {"customerId": {"in": [bolt]} if "in" in test else {"is": bolt}}
    gone = world["Sales"].replace(world["Sales"][-4:], "0000")
    nonsense = [{"name": "No", "condition": {"customerId": {"is": "nonsense"}}, "memberId": world["mia"]}]
    await world.refused("setRoutingRules", {"pipelineId": gone, "rules": nonsense}, "NOT_FOUND", "pipelineId")


async def test_nothing_is_hidden_behind_what_was_put_away(world: World) -> None:
    """An archived winner is refused; an archived loser may go."""
    await world.change("archiveContact", {"contactId": world["contact of rita"]})
    pair = {"winnerId": world["contact of rita"], "loserId": world["contact of mia"]}
    await world.refused("mergeContacts", pair, "ARCHIVED", "winnerId")
    await world.change("mergeContacts", {"winnerId": pair["loserId"], "loserId": pair["winnerId"]})
    assert (await world.lead("Dan", "contact { name }"))["contact"] == {"name": "Contact of mia"}


async def test_only_who_is_active_takes_over(world: World) -> None:
    """An owner who no longer works here is not filled in; an active one is."""
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    made = await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Bob"]}, "filledFields")
    assert "ownerId" not in made["filledFields"]
    await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["mia"]})
    given = {"winnerId": world["Cleo"], "loserId": world["Dan"]}
    made = await world.change("mergeLeads", given, "filledFields lead { owner { id } }")
    assert made["lead"]["owner"] == {"id": world["mia"]}
    await expect_consistent(world.database)


async def test_an_import_does_not_bring_back_what_was_merged(world: World) -> None:
    """The same file again changes nothing, though the merged lead's external id stands on no lead any more."""
    fields: dict[str, Any] = dict.fromkeys(Deal.__dataclass_fields__)
    deals = [Deal(**fields | {"line": 2, "title": "Again", "stage": "New", "external_id": "crm-1"})]
    options = Import("demo", "Sales")
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    report = await import_deals(world.database, options, deals)
    assert (report.created, report.unchanged, report.rejected) == (0, 1, [])
    assert await world.cards("New") == ["Bob", "Cleo"]
