"""Lead.timeline and Lead.activities: everything that happened to a lead, page by page, the newest first."""

from typing import Any

import pytest

from tests.support.world import MIA, RITA, World

TIMELINE = """query($id: ID!, $first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: EventFilter) {
    lead(id: $id) { page: timeline(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        nodes { __typename eventId type mutation actor { id } recordId } pageInfo { endCursor hasNextPage startCursor }
        totalCount
    } }
}"""

ACTIVITIES = """query($id: ID!, $first: Int, $after: Cursor, $filter: ActivityFilter) {
    lead(id: $id) { page: activities(first: $first, after: $after, filter: $filter) {
        nodes { subject } pageInfo { endCursor hasNextPage } totalCount
    } }
}"""


async def page(world: World, query: str, **variables: Any) -> Any:
    """A page of Ada's timeline."""
    return (await world.ask(query, {"id": world["Ada"], **variables}))["lead"]["page"]


async def types(world: World, **variables: Any) -> list[str]:
    """The types of Ada's events, by name."""
    found = await page(world, TIMELINE, **{"first": None if "last" in variables else 100, **variables})
    return [node["__typename"] for node in found["nodes"]]


async def note(world: World, subject: str, **given: Any) -> str:
    """An activity on Ada, logged by Rita."""
    given = {"leadId": world["Ada"], "type": "NOTE", "subject": subject, **given}
    made = await world.change("logActivity", given, "activity { id }", **RITA)
    return made["activity"]["id"]  # type: ignore[no-any-return]


async def a_day(world: World) -> None:
    """Ada is called, planned, changed, assigned, qualified and reordered, and a task of hers is completed."""
    ada = {"leadId": world["Ada"]}
    await note(world, "Called")
    made = await world.change("scheduleFollowUp", {**ada, "dueOn": "2031-01-01", "title": "Again"}, "task { id }")
    await world.change("updateLead", {**ada, "title": "Ada Abel", "value": "1200.00"}, **RITA)
    await world.change("assignLead", {**ada, "memberId": world["rita"]}, **MIA)
    await world.change("qualifyLead", ada, **RITA)
    await world.change("moveLead", {**ada, "stageId": world["Talking"], "afterLeadId": world["Dan"]})
    await world.change("completeTask", {"taskId": made["task"]["id"]}, **RITA)
    world.ids["Again"] = made["task"]["id"]


async def test_a_timeline_shows_all_of_a_day(world: World) -> None:
    """The events are listed from the newest; reorders within a stage are left out."""
    await a_day(world)
    found = await page(world, TIMELINE, first=100)
    mutations = [(node["__typename"], node["mutation"], node["actor"]) for node in found["nodes"]]
    rita, mia = {"id": world["rita"]}, {"id": world["mia"]}
    me = mutations[-1][2]
    assert me not in (None, rita, mia)
    assert mutations == [
        ("TaskCompleted", "completeTask", rita),
        ("StageChanged", "qualifyLead", rita),
        ("LeadQualified", "qualifyLead", rita),
        ("LeadAssigned", "assignLead", mia),
        ("LeadUpdated", "updateLead", rita),
        ("TaskScheduled", "scheduleFollowUp", me),
        ("ActivityLogged", "logActivity", rita),
        ("LeadCreated", "createLead", me),
    ]
    assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (8, False)


async def test_each_type_shows_its_own(world: World) -> None:
    """Stages, owners, tasks, activities and changed fields are on the events of their types."""
    await a_day(world)
    query = """query($id: ID!) { lead(id: $id) { timeline(first: 100) { nodes {
        changes { field before after }
        ... on TaskEvent { task { title } }
        ... on StageChanged { fromStage { name } toStage { name } }
        ... on LeadAssigned { fromOwner { id } toOwner { id } }
        ... on ActivityEvent { activity { subject } }
    } } } }"""
    nodes = (await world.ask(query, {"id": world["Ada"]}))["lead"]["timeline"]["nodes"]
    ada, me = world["Ada"], (await world.ask("{ viewer { member { id } } }"))["viewer"]["member"]["id"]
    called = next(change["after"] for change in nodes[6]["changes"] if change["field"] == "occurredAt")

    def made(**fields: str) -> list[dict[str, str | None]]:
        """The fields of a new record."""
        return [{"field": field, "before": None, "after": value} for field, value in fields.items()]

    assert nodes == [
        {"changes": [{"field": "status", "before": "OPEN", "after": "DONE"}], "task": {"title": "Again"}},
        {"changes": [], "fromStage": {"name": "New"}, "toStage": {"name": "Talking"}},
        {"changes": []},
        {"changes": [], "fromOwner": None, "toOwner": {"id": world["rita"]}},
        {
            "changes": [
                {"field": "title", "before": "Ada", "after": "Ada Abel"},
                {"field": "value", "before": "1000.00", "after": "1200.00"},
            ]
        },
        {"changes": made(dueOn="2031-01-01", title="Again", leadId=ada, priority="NORMAL", assigneeId=me)}
        | {"task": {"title": "Again"}},
        {
            "changes": made(type="NOTE", subject="Called", occurredAt=called, participants="[]"),
            "activity": {"subject": "Called"},
        },
        {"changes": made(title="Ada", value="1000.00", currency="EUR", externalId="crm-1", probability="50")},
    ]


async def test_a_timeline_is_filtered(world: World) -> None:
    """Types, actor, subject and period filter the timeline; a part that is null does not filter."""
    await a_day(world)
    assert await types(world, filter={"types": ["LEAD_UPDATED", "TASK_COMPLETED"]}) == ["TaskCompleted", "LeadUpdated"]
    assert await types(world, filter={"types": ["LEAD_MOVED"]}) == []
    assert await types(world, filter={"actorIds": [world["mia"]]}) == ["LeadAssigned"]
    assert await types(world, filter={"recordId": world["Again"]}) == ["TaskCompleted", "TaskScheduled"]
    assert await types(world, filter={"occurredAt": {"to": "2001-01-01T00:00:00Z"}}) == []
    assert len(await types(world, filter={"types": None, "occurredAt": {"from": "2001-01-01T00:00:00Z"}})) == 8


@pytest.mark.parametrize("size", [1, 3, 7, 8])
async def test_pages_hold_every_event_once_while_more_happens(world: World, size: int) -> None:
    """Events between two pages come before the first one, and are found from the other end."""
    await a_day(world)
    whole = [node["eventId"] for node in (await page(world, TIMELINE, first=100))["nodes"]]
    seen: list[str] = []
    after = None
    while True:
        found = await page(world, TIMELINE, first=size, after=after)
        seen += [node["eventId"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        await note(world, "Meanwhile")
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == whole
    newest = await page(world, TIMELINE, first=100)
    first = next(node["eventId"] for node in newest["nodes"] if node["__typename"] != "ActivityLogged")
    assert first == whole[0]
    back = await page(world, TIMELINE, last=3)
    assert [node["eventId"] for node in back["nodes"]] == whole[-3:]


async def test_activities_are_sorted_by_when_they_were_done(world: World) -> None:
    """Activities are in order of occurrence, not of logging, ties by age; each once over all pages, while more are
    logged."""
    await note(world, "March", occurredAt="2025-03-01T00:00:00Z")
    for subject in ("January", "January too", "January as well"):
        await note(world, subject, occurredAt="2025-01-01T00:00:00Z", type="CALL")
    await note(world, "February", occurredAt="2025-02-01T00:00:00Z")
    expected = ["March", "February", "January as well", "January too", "January"]
    seen: list[str] = []
    after = None
    for nth in range(5):
        found = await page(world, ACTIVITIES, first=1, after=after)
        seen += [node["subject"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        await note(world, f"Just now {nth}")
    assert seen == expected
    calls = await page(world, ACTIVITIES, first=2, filter={"types": ["CALL"]})
    assert [node["subject"] for node in calls["nodes"]] == ["January as well", "January too"]
    assert (calls["totalCount"], calls["pageInfo"]["hasNextPage"]) == (3, True)


async def test_activities_of_the_organisation(world: World, strangers: World) -> None:
    """Activities of all leads are filtered by author, kind, lead, contact and period, without other organisations'."""
    await note(world, "Old", occurredAt="2025-01-01T00:00:00Z", contactId=world["contact of rita"])
    await world.change("logActivity", {"leadId": world["Bob"], "type": "CALL", "subject": "New"}, **MIA)
    await note(strangers, "Theirs")

    async def subjects(**wanted: Any) -> list[str]:
        query = "query($filter: ActivityFilter) { activities(filter: $filter) { nodes { subject } } }"
        return [node["subject"] for node in (await world.ask(query, {"filter": wanted}))["activities"]["nodes"]]

    assert await subjects() == ["New", "Old"]
    assert await subjects(authorIds=[world["mia"]]) == ["New"]
    assert await subjects(types=["NOTE", "EMAIL"]) == ["Old"]
    assert await subjects(leadId=world["Bob"]) == ["New"]
    assert await subjects(contactId=world["contact of rita"]) == ["Old"]
    assert await subjects(leadIds=[world["Bob"], world["Ada"]]) == ["New", "Old"]
    assert await subjects(contactIds=[world["contact of rita"], world["contact of mia"]]) == ["Old"]
    assert await subjects(leadIds=[]) == await subjects(leadIds=[strangers["Ada"]]) == []
    assert await subjects(occurredAt={"from": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z"}) == ["Old"]
    assert await subjects(leadId=strangers["Ada"]) == []
    assert await subjects(authorIds=[strangers["rita"]]) == []
