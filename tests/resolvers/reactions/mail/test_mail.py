"""Mail about notifications: who gets it, when, what it says, and that no mail is sent twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.background import consumers
from engine.outgoing.mail import MailLine, mail_server
from models import organisation_id
from resolvers.reactions.mail.lane import MailLane
from resolvers.reactions.notify import NOTIFICATIONS
from tests.support.mail.mailing import SENDER, Outcomes, all_due, due, nothing_new, said, send_due
from tests.support.mail.smtp import Mailbox, mailbox
from tests.support.recipes import make_notifications, nobody, task
from tests.support.world import MIA, RITA, World


@pytest.fixture
async def quiet(world: World) -> World:
    """The world, without anything to mail."""
    return await nothing_new(world)


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """A mail server."""
    async with mailbox() as found:
        yield found


async def give(world: World, *names: str) -> None:
    """Mia gives Rita leads, each by a change of its own."""
    for name in names:
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]}, **MIA)


async def test_what_is_given_to_you_comes_at_once(quiet: World, box: Mailbox) -> None:
    """One mail with both; the next one names only what is new."""
    await give(quiet, "Ada", "Cleo")
    assert await send_due(quiet, box) == [("IMMEDIATE", "sent")]
    ((recipient, _),), (mail,) = box.texts, box.mails
    assert recipient == "rita@acme.test"
    assert (mail["From"], mail["To"]) == ("Dealboard <crm@dealboard.test>", "rita <rita@acme.test>")
    assert mail["Subject"].endswith(": 2 new notifications")
    assert mail["List-Unsubscribe"] == "<https://app.test/settings/notifications>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert said(mail).splitlines() == [
        "New",
        "- mia gave you the lead “Cleo”.",
        f"  https://app.test/leads/{quiet['Cleo']}",
        "- mia gave you the lead “Ada”.",
        f"  https://app.test/leads/{quiet['Ada']}",
        "",
        "Choose what mail you get: https://app.test/settings/notifications",
    ]
    assert await send_due(quiet, box) == []
    await give(quiet, "Dan")
    assert await send_due(quiet, box) == [("IMMEDIATE", "sent")]
    assert box.mails[1]["Subject"].endswith(": mia gave you the lead “Dan”.")
    assert "Ada" not in said(box.mails[1])


async def test_each_reason_has_its_channel(quiet: World, box: Mailbox) -> None:
    """What is given to you comes at once, and moves come with the digest, unless you choose otherwise."""
    await give(quiet, "Ada")
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    assert sorted(await send_due(quiet, box)) == [("DIGEST", "sent"), ("IMMEDIATE", "sent")]
    digest = next(mail for mail in box.mails if "digest" in mail["Subject"])
    assert digest["Subject"].endswith(": Your digest: 1 new notification")
    assert "- mia moved the lead “Bob” to another stage." in said(digest)
    chosen = [{"reason": "ASSIGNED", "mail": "OFF"}, {"reason": "STAGE_CHANGED_OF_YOURS", "mail": "IMMEDIATE"}]
    await quiet.change("setNotificationSettings", {"settings": chosen}, **RITA)
    await give(quiet, "Cleo")
    await quiet.change("moveLead", {"leadId": quiet["Ada"], "stageId": quiet["Offer"]}, **MIA)
    assert await send_due(quiet, box) == [("IMMEDIATE", "sent")]
    assert "Ada" in said(box.mails[2])
    assert "Cleo" not in said(box.mails[2])
    off = [{"reason": "ASSIGNED", "inApp": False, "mail": "IMMEDIATE"}]
    await quiet.change("setNotificationSettings", {"settings": off}, **RITA)
    await give(quiet, "Dan")
    assert sorted(await send_due(quiet, box)) == [("DIGEST", "nothing_new"), ("IMMEDIATE", "nothing_new")]


async def test_a_digest_has_the_tasks_of_today(quiet: World, box: Mailbox) -> None:
    """What is late, then what is due today in the member's time zone; nothing of tomorrow, of others, or done."""
    rita = quiet["rita"]
    await task(quiet, "Late", assigneeId=rita, dueAt="2020-05-01T09:00:00Z", leadId=quiet["Ada"])
    for name, days in (("Today", 0), ("Tomorrow", 1)):
        made = await task(quiet, name, assigneeId=rita, dueOn="2020-05-01")
        await quiet.sql(
            "UPDATE task SET deadline = ((now() AT TIME ZONE 'UTC')::date + 1 + $2::int)::timestamp AT TIME ZONE 'UTC'"
            " WHERE id = $1",
            *(made.removeprefix("task_"), days),
        )
    done = await task(quiet, "Done", assigneeId=rita, dueAt="2020-05-01T09:00:00Z")
    await quiet.change("completeTask", {"taskId": done}, **RITA)
    await task(quiet, "Of Mia", assigneeId=quiet["mia"], dueAt="2020-05-01T09:00:00Z")
    await quiet.change("setNotificationSettings", {"settings": [{"reason": "ASSIGNED", "mail": "OFF"}]}, **RITA)
    await quiet.change("setNotificationSettings", {"settings": [{"reason": "ASSIGNED", "mail": "OFF"}]}, **MIA)
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    assert await send_due(quiet, box) == [("DIGEST", "sent")]
    assert [line for line in said(box.mails[0]).splitlines() if line and "https" not in line] == [
        "Overdue",
        "- “Late”, lead “Ada” (01 May 2020, 09:00)",
        "Today",
        "- “Today”",
        "New",
        "- mia moved the lead “Bob” to another stage.",
    ]


async def test_nothing_new_is_no_mail(quiet: World, box: Mailbox) -> None:
    """What was read before, or is about a task that is done by then, is not worth a mail."""
    await give(quiet, "Ada")
    await make_notifications(quiet)
    cursor = (await quiet.ask("{ viewer { notificationCursor } }", **RITA))["viewer"]["notificationCursor"]
    await quiet.change("markNotificationsRead", {"upTo": cursor}, **RITA)
    assert await send_due(quiet, box) == [("IMMEDIATE", "nothing_new")]
    assert (await due(quiet, "rita"))["IMMEDIATE"] is None
    assert box.texts == []


async def test_what_is_joined_later_is_new(quiet: World, box: Mailbox) -> None:
    """A notification that a mail named, and that counts more since, is in the next mail."""
    await quiet.change("setNotificationSettings", {"settings": [{"reason": "ASSIGNED", "mail": "DIGEST"}]}, **RITA)
    given = {"leadIds": [quiet["Ada"], quiet["Cleo"]], "memberId": quiet["rita"]}
    for nth, count in enumerate((2, 4)):
        await quiet.change("assignLeads", given, **MIA)
        assert await send_due(quiet, box) == [("DIGEST", "sent")]
        assert f"- mia gave you {count} leads or tasks." in said(box.mails[nth])
        await quiet.change("assignLeads", {**given, "memberId": quiet["tester"]})


async def test_who_left_gets_nothing(quiet: World, box: Mailbox) -> None:
    """Nor somebody without an address, or with one that could be a command."""
    await give(quiet, "Ada")
    await make_notifications(quiet)
    await quiet.change("updateMember", {"memberId": quiet["rita"], "active": False})
    assert await send_due(quiet, box) == [("IMMEDIATE", "no_address")]
    await quiet.change("updateMember", {"memberId": quiet["rita"], "active": True})
    for address in (
        None,
        "rita@acme.test>\r\nDATA",
        "two@a.test, three@a.test",
        "",
        "rita",
        "ri ta@acme.test",
        "ü@a.de",
    ):
        await quiet.sql("UPDATE member SET email = 'rita@acme.test' WHERE subject = 'rita'")
        await give(quiet, "Cleo")
        await make_notifications(quiet)
        await quiet.sql("UPDATE member SET email = $1 WHERE subject = 'rita'", address)
        assert await send_due(quiet, box) == [("IMMEDIATE", "no_address")], address
        await quiet.change("assignLead", {"leadId": quiet["Cleo"], "memberId": quiet["mia"]}, **MIA)
    assert box.texts == []


HOSTILE = "Ada\r\nBcc: all@acme.test\r\n\r\n<script>alert('“1”')</script>\u202e\u2028 & " + "x" * 200


async def test_what_people_type_is_only_text(quiet: World, box: Mailbox) -> None:
    """No header, no markup, no direction, and not too long, whatever somebody is called."""
    for table, column in (("lead", "title"), ("member", "name"), ("organisation", "name")):
        await quiet.sql(f"UPDATE {table} SET {column} = $1", HOSTILE)
    await give(quiet, "Ada")
    assert await send_due(quiet, box) == [("IMMEDIATE", "sent")]
    ((recipient, raw),), (mail,) = box.texts, box.mails
    assert recipient == "rita@acme.test"
    named = "From To Subject Date Message-ID Auto-Submitted List-Unsubscribe MIME-Version Content-Type"
    assert sorted(mail.keys()) == sorted(named.split())
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "&lt;script&gt;alert(&#x27;“1”" in html.get_content()
    assert "\u202e" not in said(mail) + mail["Subject"]
    assert len(raw) < 5_000
    assert max(map(len, raw.split(b"\r\n"))) <= 998


async def test_a_mail_is_bounded(quiet: World, box: Mailbox) -> None:
    """Of hundreds of notifications it names the newest, and counts the rest; the next one does not repeat them."""
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    await make_notifications(quiet)
    await quiet.sql(
        "INSERT INTO notification (org_id, id, member_id, number, reason, lead_id, count, happened_at, updated_at)"
        " SELECT member.org_id, gen_random_uuid(), member.id, nth, 'STAGE_CHANGED_OF_YOURS', lead.id, 1, now(), now()"
        " FROM member, lead, generate_series(1, 400) AS nth WHERE subject = 'rita' AND title = 'Bob'"
    )
    assert await send_due(quiet, box) == [("DIGEST", "sent")]
    assert said(box.mails[0]).count("Bob") == 50
    assert "- And 351 more." in said(box.mails[0])
    assert len(box.texts[0][1]) < 50_000
    await quiet.sql("UPDATE mail_due SET due_at = now()")
    assert await send_due(quiet, box) == [("DIGEST", "nothing_new")]


async def test_a_mention_comes_at_once(quiet: World, box: Mailbox) -> None:
    """With the record in whose text it is."""
    note = {"leadId": quiet["Ada"], "type": "NOTE", "subject": "Seen", "body": f"For @{quiet['rita']}"}
    await quiet.change("logActivity", note, **MIA)
    assert await send_due(quiet, box) == [("IMMEDIATE", "sent")]
    assert box.mails[0]["Subject"].endswith(": mia mentioned you on the lead “Ada”.")


async def test_a_chosen_channel_counts_for_what_is_new_already(quiet: World, box: Mailbox) -> None:
    """What was to come with the digest comes at once, and the other way round."""
    await give(quiet, "Ada")
    await make_notifications(quiet)
    for channel, name in (("DIGEST", "Ada"), ("IMMEDIATE", "Cleo")):
        chosen = {"settings": [{"reason": "ASSIGNED", "mail": channel}]}
        await quiet.change("setNotificationSettings", chosen, **RITA)
        assert (channel, "sent") in await send_due(quiet, box)
        assert name in said(box.mails[-1])
        await give(quiet, "Cleo")
        await make_notifications(quiet)


async def test_nothing_is_left_out_and_nothing_comes_twice(
    quiet: World, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While notifications are made one by one, mails are claimed, made and sent: each notification is in one mail."""
    monkeypatch.setattr(consumers, "BATCH", 1)
    for nth in range(30):
        given = {"title": f"Lead {nth}", "stageId": quiet["New"], "ownerId": quiet["rita"]}
        await quiet.change("createLead", given, **MIA)
    org_id, watch, progress = organisation_id(quiet.organisation), Outcomes(), consumers.Progress.MORE
    async with MailLine(mail_server(box.url)) as line:
        lane = MailLane(quiet.database, line, SENDER, watch)
        while progress is consumers.Progress.MORE:
            progress, *_ = await asyncio.gather(
                consumers.consume(quiet.database, NOTIFICATIONS, org_id, nobody), lane.serve(org_id), all_due(quiet)
            )
        await all_due(quiet)
        await lane.serve(org_id)
    text = "\n".join(map(said, box.mails))
    assert [nth for nth in range(30) if text.count(f"“Lead {nth}”") != 1] == []
    assert watch.seen.count(("IMMEDIATE", "sent")) == len(box.mails) > 1
