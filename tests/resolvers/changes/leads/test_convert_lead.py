"""convertLead: a qualified lead becomes one opportunity, with its customer, contact and open tasks."""

import asyncio
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities, pool
from tests.support.world import World

SHOW = """
    alreadyConverted tasksCarriedOver createsCustomer customer { id name website phone } similarCustomers { name }
    lead { convertedAt closedAt convertedTo { id } stage { name } customer { id } }
    opportunity {
        id title kind stage { name } value currency contact { id } customer { id } owner { id }
        convertedFrom { id } tasks { nodes { title } }
    }
"""


@pytest.fixture
async def qualified(world: World) -> World:
    """Ada is qualified, with a contact, an owner, an open and a completed task; there is a pipeline for deals."""
    await opportunities(world)
    ada = {"leadId": world["Ada"]}
    await world.change("qualifyLead", ada)
    await world.change("updateLead", {**ada, "contactId": world["contact of mia"], "ownerId": world["mia"]})
    await world.change("scheduleFollowUp", {**ada, "title": "Call", "dueOn": "2031-01-01"})
    done = await world.change("createTask", {**ada, "title": "Wrote"}, "task { id }")
    await world.change("completeTask", {"taskId": done["task"]["id"]})
    return world


async def test_makes_an_opportunity(qualified: World) -> None:
    """The opportunity is in the first open stage of the default pipeline, linked both ways, with contact, owner, value
    and open tasks."""
    world = qualified
    head = await world.head()
    made = await world.change("convertLead", {"leadId": world["Ada"]}, SHOW)
    opportunity = made["opportunity"]
    assert (made["alreadyConverted"], made["tasksCarriedOver"], made["createsCustomer"]) == (False, 1, False)
    assert made["lead"]["convertedTo"] == {"id": opportunity["id"]}
    assert made["lead"]["closedAt"] is not None
    assert made["lead"]["stage"]["name"] == "Talking"
    assert opportunity["convertedFrom"] == {"id": world["Ada"]}
    assert (opportunity["title"], opportunity["kind"], opportunity["stage"]["name"]) == ("Ada", "OPPORTUNITY", "Opened")
    assert (opportunity["value"], opportunity["currency"]) == ("1000.00", "EUR")
    assert (opportunity["contact"]["id"], opportunity["owner"]["id"]) == (world["contact of mia"], world["mia"])
    assert [task["title"] for task in opportunity["tasks"]["nodes"]] == ["Call"]
    assert {event["type"] for event in await world.events(head)} >= {"lead.converted", "lead.created"}
    await expect_consistent(world.database)


async def test_a_value_is_in_the_currency_of_the_lead_or_the_organisation(qualified: World) -> None:
    """The rule is the same as for a lead that is given a value."""
    world = qualified
    made = await world.change("convertLead", {"leadId": world["Ada"], "value": "7"}, SHOW)
    assert (made["opportunity"]["value"], made["opportunity"]["currency"]) == ("7.00", "EUR")
    await world.sql("UPDATE organisation SET currency = 'JPY'")
    await world.change("qualifyLead", {"leadId": world["Cleo"]})
    cleo = {"leadId": world["Cleo"]}
    await world.refused("convertLead", {**cleo, "value": "7.5"}, "INVALID", "value")
    made = await world.change("convertLead", {**cleo, "value": "7"}, SHOW)
    assert (made["opportunity"]["value"], made["opportunity"]["currency"]) == ("7", "JPY")
    await expect_consistent(world.database)


async def test_a_second_convert_shows_the_first(qualified: World) -> None:
    """The answer says so and nothing is created, whatever else is sent and wherever the opportunity is now."""
    world = qualified
    show = SHOW + " pipeline { id stages { id } } stage { id } title"
    first = await world.change("convertLead", {"leadId": world["Ada"], "createCustomer": {"name": "Ada Ltd"}}, show)
    last = first["pipeline"]["stages"][-1]["id"]
    await world.change("moveLead", {"leadId": first["opportunity"]["id"], "stageId": last})
    head = await world.head()
    again = {"leadId": world["Ada"], "title": "Other", "createCustomer": {"name": "New one"}}
    second = await world.change("convertLead", again, show)
    assert second["alreadyConverted"] is True
    assert second["opportunity"]["id"] == first["opportunity"]["id"]
    for same in ("pipeline", "stage", "title", "customer"):
        assert second[same] == first[same] is not None, same
    assert (second["tasksCarriedOver"], second["createsCustomer"]) == (0, False)
    assert await world.events(head) == []


async def test_twenty_at_once_make_one_opportunity(qualified: World) -> None:
    """All answer the same opportunity; exactly one of them created it."""
    world = qualified
    bodies = await asyncio.gather(*(world.attempt("convertLead", {"leadId": world["Ada"]}, SHOW) for _ in range(20)))
    results = [body["data"]["result"] for body in bodies]
    assert len({result["opportunity"]["id"] for result in results}) == 1
    assert sorted(result["alreadyConverted"] for result in results) == [False] + [True] * 19
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"leadId": "Bob"}, "NOT_QUALIFIED", ["leadId"]),
        ({"leadId": "Ada", "pipelineId": "Sales"}, "INVALID", ["pipelineId"]),
        ({"leadId": "Ada", "customerId": "Acme", "createCustomer": {}}, "INVALID", ["createCustomer"]),
        ({"leadId": "Ada", "title": " "}, "INVALID", ["title"]),
        ({"leadId": "Ada", "value": "0.001"}, "INVALID", ["value"]),
        ({"leadId": "Ada", "expectedVersion": 1}, "CONFLICT", ["expectedVersion"]),
    ],
)
async def test_refusals(qualified: World, given: dict[str, Any], code: str, path: list[str]) -> None:
    """Each refusal has its code, and nothing is created."""
    known = qualified.ids
    asked = {name: known.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
    await qualified.refused("convertLead", asked, code, *path)


async def test_without_a_pipeline_for_opportunities(world: World) -> None:
    """Without a pipeline for opportunities the message says what is missing."""
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.refused("convertLead", {"leadId": world["Ada"]}, "NO_PIPELINE")


async def test_an_opportunity_is_not_converted(qualified: World) -> None:
    """Neither a qualified opportunity made from a lead, nor a lead that was moved among opportunities, is converted."""
    world = qualified
    await world.change("addStage", {"pipelineId": world["Deals"], "name": "Agreed"})
    made = await world.change("convertLead", {"leadId": world["Ada"]}, SHOW)
    opportunity = {"leadId": made["opportunity"]["id"]}
    await world.refused("convertLead", opportunity, "INVALID", "leadId")
    await world.change("qualifyLead", opportunity)
    await world.refused("convertLead", opportunity, "INVALID", "leadId")
    bob = {"leadId": world["Bob"]}
    await world.change("qualifyLead", bob)
    await world.change("moveLead", {**bob, "stageId": world["Opened"]})
    await world.refused("convertLead", bob, "INVALID", "leadId")


async def test_an_opportunity_is_routed_in_the_order_of_all_routing(qualified: World) -> None:
    """Pools are locked before leads: while a conversion waits for a pool, routing that has the pool can lock the
    lead."""
    world = qualified
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": None})
    await world.change("updatePipeline", {"pipelineId": world["Deals"], "routesNewLeads": True})
    rules = [{"name": "All", "poolId": await pool(world, "rita", "mia")}]
    await world.change("setRoutingRules", {"pipelineId": world["Deals"], "rules": rules})
    async with world.database.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM pool FOR NO KEY UPDATE")
        converting = asyncio.create_task(world.change("convertLead", {"leadId": world["Ada"]}, SHOW))
        while not await world.database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not converting.done()
        await holder.execute("SELECT FROM lead FOR NO KEY UPDATE NOWAIT")
    made = await converting
    assert made["opportunity"]["owner"] == {"id": world["rita"]}
    await expect_consistent(world.database)


async def test_a_closed_lead_is_not_converted(qualified: World) -> None:
    """A closed lead has to be reopened first."""
    world = qualified
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No"})
    await world.refused("convertLead", {"leadId": world["Ada"]}, "LEAD_CLOSED", "leadId")


async def test_a_dry_run_reports_and_changes_nothing(qualified: World) -> None:
    """The answer says what would be created, where, and with how many tasks; no row changes."""
    world = qualified
    head = await world.head()
    given = {"leadId": world["Ada"], "createCustomer": {"name": "Ada Ltd"}, "dryRun": True}
    preview = await world.change("convertLead", given, SHOW + " pipeline { name } stage { name } title")
    assert (preview["opportunity"], preview["createsCustomer"], preview["tasksCarriedOver"]) == (None, True, 1)
    assert (preview["pipeline"]["name"], preview["stage"]["name"], preview["title"]) == ("Deals", "Opened", "Ada")
    assert await world.events(head) == []
    assert (await world.lead("Ada", "convertedAt"))["convertedAt"] is None


@pytest.mark.parametrize("of", ["lead", "contact", "input", "lead and contact", "nothing", "lead, but one is made"])
async def test_a_dry_run_reports_the_customer(qualified: World, of: str) -> None:
    """The dry run names the customer that the opportunity would get, or that it would be created, as the real run
    does."""
    world = qualified
    other = (await world.change("createCustomer", {"name": "Other"}, "customer { id }"))["customer"]["id"]
    lead, contact = {"leadId": world["Ada"]}, {"contactId": world["contact of mia"]}
    if "lead" in of:
        await world.change("updateLead", {**lead, "customerId": world["Acme"]})
    if "contact" in of:
        await world.change("updateContact", {**contact, "customerId": other if "lead" in of else world["Acme"]})
    given = {**lead, **({"customerId": world["Acme"]} if of == "input" else {})}
    if "made" in of:
        given["createCustomer"] = {"name": "Ada Ltd"}
    preview = await world.change("convertLead", {**given, "dryRun": True}, SHOW)
    done = await world.change("convertLead", given, SHOW)
    assert preview["createsCustomer"] == done["createsCustomer"] == ("made" in of)
    preview_id, done_id = (made["customer"] and made["customer"]["id"] for made in (preview, done))
    assert preview_id == (None if "made" in of else done_id)
    assert done["opportunity"]["customer"] == (done_id and {"id": done_id})
    assert (done_id == world["Acme"]) == (of != "nothing" and "made" not in of)


async def test_the_customer_of_the_contact_is_enough_for_a_stage(qualified: World) -> None:
    """A stage's required fields are checked against what the opportunity would have."""
    world = qualified
    await world.change("updateStage", {"stageId": world["Opened"], "requiredFields": ["CUSTOMER"]})
    await world.refused("convertLead", {"leadId": world["Ada"]}, "FIELDS_REQUIRED", "stageId", show=SHOW)
    await world.change("updateContact", {"contactId": world["contact of mia"], "customerId": world["Acme"]})
    made = await world.change("convertLead", {"leadId": world["Ada"]}, SHOW)
    assert made["opportunity"]["customer"] == {"id": world["Acme"]}


async def test_a_customer_is_made_from_the_contact(qualified: World) -> None:
    """The domain of the contact's address is the website; lead, opportunity and contact all get the customer."""
    world = qualified
    await world.change(
        "updateContact", {"contactId": world["contact of mia"], "email": "mia@adaltd.test", "phone": "1"}
    )
    given = {"leadId": world["Ada"], "createCustomer": {"name": "Ada Ltd"}}
    made = await world.change("convertLead", given, SHOW)
    customer = made["customer"]
    assert (customer["name"], customer["website"], customer["phone"]) == ("Ada Ltd", "adaltd.test", "1")
    assert made["opportunity"]["customer"] == made["lead"]["customer"] == {"id": customer["id"]}
    contact = await world.ask(
        "query($id: ID!) { contact(id: $id) { customer { id } } }", {"id": world["contact of mia"]}
    )
    assert contact["contact"]["customer"] == {"id": customer["id"]}


@pytest.mark.parametrize("name", ["acme", " A c M e ", "ACME"])
async def test_a_duplicate_customer_is_offered(qualified: World, name: str) -> None:
    """A customer whose name differs only in case and spaces is offered instead, unless the caller asks for a new
    one."""
    world = qualified
    given = {"leadId": world["Ada"], "createCustomer": {"name": name}}
    shown = await world.refused("convertLead", given, "DUPLICATE_CUSTOMER", "createCustomer", show=SHOW)
    assert shown["similarCustomers"] == [{"name": "Acme"}]
    given["createCustomer"]["evenIfSimilar"] = True
    made = await world.change("convertLead", given, SHOW)
    assert made["customer"]["id"] != world["Acme"]


async def test_the_same_mail_domain_is_a_duplicate(qualified: World) -> None:
    """A contact of the customer with an address at that domain is enough."""
    world = qualified
    for who, customer in (("contact of rita", world["Acme"]), ("contact of mia", None)):
        given = {"contactId": world[who], "email": f"{who[-4:]}@acme.test", "customerId": customer}
        await world.change("updateContact", given)
    given = {"leadId": world["Ada"], "createCustomer": {"name": "Something else"}}
    shown = await world.refused("convertLead", given, "DUPLICATE_CUSTOMER", "createCustomer", show=SHOW)
    assert shown["similarCustomers"] == [{"name": "Acme"}]


@pytest.mark.parametrize("alike", ["name", "domain"])
async def test_leads_converted_at_once_make_one_customer(qualified: World, alike: str) -> None:
    """Of the same name or mail domain, one customer is created, and the other conversions are offered it."""
    world = qualified
    asked = []
    for nth in range(10):
        email = {"email": f"{nth}@gilltd.test"} if alike == "domain" else {}
        contact = await world.change("createContact", {"name": f"Gil {nth}", **email}, "contact { id }")
        given = {"title": f"Gil {nth}", "contactId": contact["contact"]["id"]}
        lead = (await world.change("createLead", given, "lead { id }"))["lead"]
        await world.change("qualifyLead", {"leadId": lead["id"]})
        name = f"Gil {nth}" if alike == "domain" else f"Gil {' ' * nth}Ltd"
        asked.append({"leadId": lead["id"], "createCustomer": {"name": name}})
    bodies = await asyncio.gather(*(world.attempt("convertLead", given) for given in asked))
    codes = sorted(str([error["code"] for error in body["data"]["result"]["userErrors"]]) for body in bodies)
    assert codes == ["['DUPLICATE_CUSTOMER']"] * 9 + ["[]"]
    found = await world.ask('{ customers(search: "gil") { totalCount } }')
    assert found["customers"]["totalCount"] == 1
    await expect_consistent(world.database)


async def test_an_existing_customer_only_gains(qualified: World) -> None:
    """The customer's fields stay; the empty ones are filled from the contact."""
    world = qualified
    await world.change("updateCustomer", {"customerId": world["Acme"], "website": "acme.example"})
    await world.change("updateContact", {"contactId": world["contact of mia"], "email": "m@other.test", "phone": "22"})
    made = await world.change("convertLead", {"leadId": world["Ada"], "customerId": world["Acme"]}, SHOW)
    assert made["customer"] == {"id": world["Acme"], "name": "Acme", "website": "acme.example", "phone": "22"}


async def test_commercial_fields_stay_as_they_were(qualified: World) -> None:
    """The opportunity holds the value from then on; the other fields of the lead can change, and the lead stays
    there."""
    world = qualified
    await world.change("convertLead", {"leadId": world["Ada"]})
    ada = {"leadId": world["Ada"]}
    await world.refused("updateLead", {**ada, "value": "5"}, "LEAD_CONVERTED", "value")
    await world.refused("moveLead", {**ada, "stageId": world["New"]}, "LEAD_CONVERTED", "leadId")
    await world.refused("reopenLead", ada, "LEAD_CONVERTED")
    await world.refused("deleteLead", ada, "LEAD_CONVERTED", "leadId")
    await world.change("updateLead", {**ada, "title": "Ada, converted"})
