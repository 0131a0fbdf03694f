"""`setNotificationSettings`: for which reasons one is notified."""

from tests.support.recipes import make_notifications
from tests.support.world import MIA, RITA, World

SHOW = "settings { reason inApp }"


def chosen(**reasons: bool) -> dict[str, object]:
    """The input that chooses these."""
    return {"settings": [{"reason": reason, "inApp": wanted} for reason, wanted in reasons.items()]}


async def test_a_reason_is_switched_off_and_on(world: World) -> None:
    """Only for oneself, and for what happens from then on; other reasons stay as they are."""
    await make_notifications(world)
    await world.sql("DELETE FROM notification")
    for wanted, count in ((False, 0), (True, 1)):
        payload = await world.change("setNotificationSettings", chosen(ASSIGNED=wanted), SHOW, **RITA)
        assert payload["settings"] == [{"reason": "ASSIGNED", "inApp": wanted}]
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]}, **MIA)
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]})
        await make_notifications(world)
        found = await world.ask("{ notifications { totalCount } viewer { notificationSettings { inApp } } }", **RITA)
        assert found["notifications"]["totalCount"] == count
        assert found["viewer"]["notificationSettings"] == [{"inApp": wanted}]
    payload = await world.change("setNotificationSettings", chosen(TASK_OVERDUE=False), SHOW, **RITA)
    assert payload["settings"] == [{"reason": "ASSIGNED", "inApp": True}, {"reason": "TASK_OVERDUE", "inApp": False}]
    mias = await world.ask("{ notifications { nodes { count } } viewer { notificationSettings { reason } } }", **MIA)
    assert mias == {"notifications": {"nodes": [{"count": 2}]}, "viewer": {"notificationSettings": []}}


async def test_a_reason_is_named_once(world: World) -> None:
    """And one that there is not is no input at all."""
    twice = {"settings": [{"reason": "ASSIGNED", "inApp": True}, {"reason": "ASSIGNED", "inApp": False}]}
    await world.refused("setNotificationSettings", twice, "INVALID", "settings", "1", "reason")
    body = await world.attempt("setNotificationSettings", chosen(LUNCH=True))
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await world.change("setNotificationSettings", {"settings": []}, SHOW))["settings"] == []
