"""scheduleFollowUp: the next step of a lead, due at an instant or all day, for whoever works on it."""

from models import Role
from tests.changes.consistency import expect_consistent
from tests.changes.world import World

SHOW = (
    "task { title notes status priority dueAt dueOn overdue version assignee { id } lead { title } }"
    " lead { title nextTask { title } version }"
)


async def test_makes_an_open_task_on_the_lead(world: World) -> None:
    """Everything is kept as given; the lead itself does not change; one event tells it."""
    head = await world.head()
    given = {"leadId": world["Ada"], "dueAt": "2031-05-01T09:00:00+02:00", "title": " Call  back ", "notes": "Ask"}
    made = await world.change("scheduleFollowUp", {**given, "priority": "HIGH"}, SHOW, subject="rita", role=Role.REP)
    assert made["task"] == {
        "title": "Call back",
        "notes": "Ask",
        "status": "OPEN",
        "priority": "HIGH",
        "dueAt": "2031-05-01T07:00:00+00:00",
        "dueOn": None,
        "overdue": False,
        "version": 1,
        "assignee": {"id": world["rita"]},
        "lead": {"title": "Ada"},
    }
    assert made["lead"] == {"title": "Ada", "nextTask": {"title": "Call back"}, "version": 1}
    events = await world.events(head)
    assert [(event["type"], event["mutation"]) for event in events] == [("task.scheduled", "schedule_follow_up")]
    await expect_consistent(world.database)
