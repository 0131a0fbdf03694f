"""`setNotificationSettings`: for which reasons one is notified."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.mail.mailing import all_due, due, nothing_new
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


TIMES = "mailSettings { sent digestTimes digestWeekdays quietFrom quietUntil allDayReminderAt }"

BY_DEFAULT = {
    "sent": False,
    "digestTimes": ["08:00"],
    "digestWeekdays": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
    "quietFrom": None,
    "quietUntil": None,
    "allDayReminderAt": "09:00",
}


async def test_when_mail_comes(world: World) -> None:
    """What is omitted stays as it is; only you see it, and that this server sends no mail."""
    show = f"settings {{ reason inApp mail }} {TIMES}"
    given = {"settings": [{"reason": "ASSIGNED", "mail": "DIGEST"}], "digestTimes": ["16:30", "08:15"]}
    payload = await world.change("setNotificationSettings", given, show, **RITA)
    assert payload["settings"] == [{"reason": "ASSIGNED", "inApp": True, "mail": "DIGEST"}]
    assert payload["mailSettings"] == {**BY_DEFAULT, "digestTimes": ["08:15", "16:30"]}
    quiet = {"quietFrom": "19:00", "quietUntil": "07:00", "digestWeekdays": ["SUNDAY"], "allDayReminderAt": "10:00"}
    now = {**BY_DEFAULT, "digestTimes": ["08:15", "16:30"], **quiet}
    payload = await world.change("setNotificationSettings", quiet, show, **RITA)
    assert payload["mailSettings"] == now
    assert (await world.ask(f"{{ viewer {{ {TIMES} }} }}", **RITA))["viewer"]["mailSettings"] == now
    payload = await world.change("setNotificationSettings", chosen(ASSIGNED=False), show, **RITA)
    assert payload["settings"] == [{"reason": "ASSIGNED", "inApp": False, "mail": "DIGEST"}]
    payload = await world.change("setNotificationSettings", {"quietFrom": None, "quietUntil": None}, show, **RITA)
    assert payload["mailSettings"] == {**now, "quietFrom": None, "quietUntil": None}
    for who in (MIA, {"subject": "nobody yet"}):
        assert (await world.ask(f"{{ viewer {{ {TIMES} }} }}", **who))["viewer"]["mailSettings"] == BY_DEFAULT


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (
            {
                "settings": [{"reason": "ASSIGNED"}, {"reason": "ASSIGNED"}],
                "digestTimes": ["8:00", "24:00", "09:00", "09:00"],
                "digestWeekdays": [],
                "quietFrom": "22",
                "quietUntil": None,
                "allDayReminderAt": None,
            },
            [
                *("settings.1.reason", "digestTimes.0", "digestTimes.1", "digestTimes.3", "digestWeekdays"),
                *("quietFrom", "allDayReminderAt"),
            ],
        ),
        ({"digestTimes": []}, ["digestTimes"]),
        ({"digestTimes": None}, ["digestTimes"]),
        ({"digestTimes": [f"0{hour}:00" for hour in range(7)]}, ["digestTimes"]),
        ({"digestWeekdays": ["MONDAY", "FRIDAY", "MONDAY"]}, ["digestWeekdays.2"]),
        ({"quietFrom": "22:00"}, ["quietUntil"]),
        ({"quietUntil": "07:00"}, ["quietFrom"]),
        ({"quietFrom": "22:00", "quietUntil": None}, ["quietUntil"]),
        ({"quietFrom": "22:00", "quietUntil": "22:00"}, ["quietUntil"]),
        ({"quietFrom": "22:00", "quietUntil": "08:30"}, ["quietFrom"]),
        ({"digestTimes": ["09:00", "23:00"], "quietFrom": "22:00", "quietUntil": "08:30"}, ["digestTimes"]),
    ],
)
async def test_times_that_cannot_be(world: World, given: dict[str, object], paths: list[str]) -> None:
    """All that is wrong is said at once, and nothing has changed: also a digest that would come in quiet hours."""
    await world.change("setNotificationSettings", {"digestWeekdays": ["MONDAY"]})
    before = (await world.ask(f"{{ viewer {{ {TIMES} }} }}"))["viewer"]
    body = await world.attempt("setNotificationSettings", given)
    errors = body["data"]["result"]["userErrors"]
    assert {error["code"] for error in errors} == {"INVALID"}
    assert [".".join(error["field"]) for error in errors] == paths
    assert (await world.ask(f"{{ viewer {{ {TIMES} }} }}"))["viewer"] == before


async def test_a_digest_that_waits_comes_at_the_new_time(world: World) -> None:
    """After the times, or the time zone, have changed; what is late already stays due."""
    await nothing_new(world)
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Offer"]}, **MIA)
    await make_notifications(world)
    for zone, given in (("UTC", {"digestTimes": ["13:45"]}), ("Asia/Kolkata", {"digestWeekdays": ["SUNDAY"]})):
        await world.change("updateMember", {"memberId": world["rita"], "timeZone": zone})
        await world.change("setNotificationSettings", given, **RITA)
        at = (await due(world, "rita"))["DIGEST"]
        assert at is not None
        assert f"{at.astimezone(ZoneInfo(zone)):%H:%M}" == "13:45"
    assert at.astimezone(ZoneInfo("Asia/Kolkata")).weekday() == 6
    await world.change("updateMember", {"memberId": world["rita"], "timeZone": "America/New_York"})
    moved = (await due(world, "rita"))["DIGEST"]
    assert moved is not None
    assert f"{moved.astimezone(ZoneInfo('America/New_York')):%a %H:%M}" == "Sun 13:45"
    await all_due(world)
    late = await due(world, "rita")
    await world.change("setNotificationSettings", {"digestTimes": ["09:00"]}, **RITA)
    assert await due(world, "rita") == late


async def test_what_happens_in_quiet_hours_comes_when_they_end(world: World) -> None:
    """Not at once, as it does else."""
    await nothing_new(world)
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo'")
    now = datetime.now(ZoneInfo("Asia/Tokyo"))
    start, end = now - timedelta(hours=2), now + timedelta(hours=2)
    given = {"quietFrom": f"{start:%H:%M}", "quietUntil": f"{end:%H:%M}", "digestTimes": [f"{end:%H:%M}"]}
    await world.change("setNotificationSettings", given, **RITA)
    for name, member in (("Ada", "rita"), ("Cleo", "tester")):
        await world.change("assignLead", {"leadId": world[name], "memberId": world[member]}, **MIA)
    await make_notifications(world)
    ritas, others = (await due(world, "rita"))["IMMEDIATE"], (await due(world, "tester"))["IMMEDIATE"]
    assert ritas == end.replace(second=0, microsecond=0)
    assert others is not None
    assert timedelta(0) < others - now < timedelta(minutes=2)


async def test_a_reason_is_named_once(world: World) -> None:
    """And one that there is not is no input at all."""
    twice = {"settings": [{"reason": "ASSIGNED", "inApp": True}, {"reason": "ASSIGNED", "inApp": False}]}
    await world.refused("setNotificationSettings", twice, "INVALID", "settings", "1", "reason")
    body = await world.attempt("setNotificationSettings", chosen(LUNCH=True))
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await world.change("setNotificationSettings", {"settings": []}, SHOW))["settings"] == []
