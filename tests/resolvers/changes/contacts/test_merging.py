"""Ids of merged records: inputs, filters and conditions take them for the record that stays."""

import json

from tests.support.consistency import expect_consistent
from tests.support.world import World


async def test_inputs_take_the_id_of_what_was_merged(world: World) -> None:
    """An old id stands for the winner as the record itself and as a reference; strangers do not find it."""
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
    """A caller who deletes by the old id means what they have seen, so the winner stays."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Dan"]})
    await world.refused("deleteLead", {"leadId": world["Dan"]}, "NOT_FOUND", "leadId")
    await world.change("deleteLead", {"leadId": world["Bob"]})
    await expect_consistent(world.database)


async def test_filters_take_the_ids_of_what_was_merged(world: World) -> None:
    """Records about the loser are found by its id as by the winner's."""
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
    """Another organisation's id is not found, whether or not its record still exists."""
    await strangers.change(
        "mergeContacts", {"winnerId": strangers["contact of mia"], "loserId": strangers["contact of rita"]}
    )
    for name in ("contact of mia", "contact of rita"):
        given = {"leadId": world["Ada"], "contactId": strangers[name]}
        await world.refused("updateLead", given, "NOT_FOUND", "contactId")
        given = {"winnerId": world["contact of mia"], "loserId": strangers[name]}
        await world.refused("mergeContacts", given, "NOT_FOUND", "loserId")


async def test_conditions_take_the_ids_of_what_was_merged(world: World) -> None:
    """A condition sent or stored with the old id means the winner, and is stored with the winner's id."""
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
    path = ("rules", "0", "condition", "customerId", "is")
    await world.refused("setRoutingRules", {"pipelineId": gone, "rules": nonsense}, "WRONG_ID", *path)
