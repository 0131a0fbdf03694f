"""Mail is sent once or not at all, whatever the mail server and the processes do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.outgoing.mail import MailLine, MailUnreachable, mail_server
from models import organisation_id
from resolvers.reactions.mail.claims import ClaimLost, claim_mails, return_mail, settle_mail
from resolvers.reactions.mail.contents import mail_contents
from resolvers.reactions.mail.lane import MailLane
from tests.support.mail.mailing import SENDER, Outcomes, all_due, due, nothing_new, said, send_due
from tests.support.mail.smtp import Mailbox, mailbox
from tests.support.recipes import make_notifications
from tests.support.world import MIA, World

SOON = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """A mail server."""
    async with mailbox() as found:
        yield found


@pytest.fixture
async def given(world: World) -> World:
    """Rita was given a lead, and a mail about it is due."""
    await nothing_new(world)
    await give(world, "Ada")
    await make_notifications(world)
    await all_due(world)
    return world


async def give(world: World, name: str) -> None:
    """Mia gives Rita a lead."""
    await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]}, **MIA)


async def paused(world: World) -> Any:
    """What is stored of the mail: failures, whether it is due, whether it waits."""
    row = await world.database.pool.fetchrow(
        "SELECT failures, due_at IS NOT NULL AS due, free_at > now() AS waits, claim FROM mail_due"
    )
    return tuple(row)


async def no_pause(world: World) -> None:
    """Have the pause after a failure end."""
    await world.sql("UPDATE mail_due SET free_at = now()")


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_what_is_not_taken_now_is_sent_later(given: World, box: Mailbox, step: str) -> None:
    """After a pause that grows; all that is new by then is in one mail."""
    getattr(box, step).extend(["451 Try again later", "452 Full"])
    for failures in (1, 2):
        assert await send_due(given, box) == [("IMMEDIATE", "delayed")]
        assert await paused(given) == (failures, True, True, None)
        assert await send_due(given, box) == []
        await no_pause(given)
    await give(given, "Cleo")
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]
    assert said(box.mails[0]).count("mia gave you") == 2
    assert await paused(given) == (0, False, None, None)
    assert len(box.texts) == 1


async def test_what_is_never_taken_is_given_up(given: World, box: Mailbox) -> None:
    """A day of failures is enough; what is new then comes with the next mail."""
    await given.sql("UPDATE mail_due SET failures = 24")
    box.rcpt.append("451 Try again later")
    assert await send_due(given, box) == [("IMMEDIATE", "given_up")]
    assert await paused(given) == (0, False, None, None)


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_what_is_refused_is_not_tried_again(given: World, box: Mailbox, step: str) -> None:
    """And the connection is good for the next mail."""
    getattr(box, step).append("550 No such user")
    assert await send_due(given, box) == [("IMMEDIATE", "refused")]
    assert await send_due(given, box) == []
    await give(given, "Cleo")
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]
    assert "Ada" not in said(box.mails[0])


async def test_an_answer_that_is_lost_counts_as_sent(given: World, box: Mailbox) -> None:
    """The server has the mail, or not: it is not sent again."""
    box.lost = 1
    assert await send_due(given, box) == [("IMMEDIATE", "uncertain")]
    assert await send_due(given, box) == []
    assert len(box.texts) == 1


async def test_a_server_that_hangs(given: World, box: Mailbox) -> None:
    """After it was given the text, the mail counts as sent; the next one goes over a new connection."""
    box.gate.clear()
    assert await send_due(given, box, seconds=0.2) == [("IMMEDIATE", "uncertain")]
    box.gate.set()
    await give(given, "Cleo")
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]
    assert box.connections == 2


async def test_a_server_that_cannot_be_reached(given: World, box: Mailbox) -> None:
    """Nothing is lost, and nothing waits because of it: no mail is at fault."""
    lane = MailLane(given.database, MailLine(mail_server("smtp://127.0.0.1:1"), 1), SENDER, Outcomes())
    with pytest.raises(MailUnreachable):
        await lane.serve(organisation_id(given.organisation))
    assert await paused(given) == (0, True, None, None)
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]


async def test_one_of_several_processes_sends(given: World, box: Mailbox) -> None:
    """Ten look at once."""
    watches = [Outcomes() for _ in range(10)]
    org_id = organisation_id(given.organisation)

    async def serve(watch: Outcomes) -> None:
        async with MailLine(mail_server(box.url)) as line:
            await MailLane(given.database, line, SENDER, watch).serve(org_id)

    await asyncio.gather(*map(serve, watches))
    assert [outcome for watch in watches for outcome in watch.seen] == [("IMMEDIATE", "sent")]
    assert len(box.texts) == 1


async def test_a_process_that_is_too_late_sends_nothing(given: World, box: Mailbox) -> None:
    """Its lease has ended, and another process has sent the mail: the claim does not hold any more."""
    org_id = organisation_id(given.organisation)
    (late,) = await claim_mails(given.database, org_id, 10)
    assert await claim_mails(given.database, org_id, 10) == []
    async with given.database.acquire() as connection:
        (content,) = await mail_contents(connection, org_id, [late])
    await no_pause(given)
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]
    with pytest.raises(ClaimLost):
        await settle_mail(given.database, late, content.news, SOON)
    assert await paused(given) == (0, False, None, None)


async def test_a_process_that_dies_before_it_sends_loses_nothing(given: World, box: Mailbox) -> None:
    """Its lease ends; what it had claimed is sent by another one."""
    await claim_mails(given.database, organisation_id(given.organisation), 10)
    assert await send_due(given, box) == []
    await no_pause(given)
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]


async def test_a_process_that_dies_after_it_settled_loses_the_mail(given: World, box: Mailbox) -> None:
    """It may have been sent: not again. The notification is in the app."""
    org_id = organisation_id(given.organisation)
    (mail,) = await claim_mails(given.database, org_id, 10)
    async with given.database.acquire() as connection:
        (content,) = await mail_contents(connection, org_id, [mail])
    await settle_mail(given.database, mail, content.news, SOON)
    assert await send_due(given, box) == []


async def test_who_is_deactivated_while_it_is_sent(given: World) -> None:
    """Nothing goes out, and what is new stays as it was."""
    org_id = organisation_id(given.organisation)
    (mail,) = await claim_mails(given.database, org_id, 10)
    async with given.database.acquire() as connection:
        (content,) = await mail_contents(connection, org_id, [mail])
    await given.change("updateMember", {"memberId": given["rita"], "active": False})
    with pytest.raises(ClaimLost):
        await settle_mail(given.database, mail, content.news, SOON)
    assert await given.database.pool.fetchval("SELECT sum(mailed) FROM notification") == 0


async def test_what_comes_while_a_mail_is_sent_is_in_the_next(given: World) -> None:
    """The mail was composed before it: another one is due."""
    org_id = organisation_id(given.organisation)
    (mail,) = await claim_mails(given.database, org_id, 10)
    async with given.database.acquire() as connection:
        (content,) = await mail_contents(connection, org_id, [mail])
    await give(given, "Cleo")
    await make_notifications(given)
    await settle_mail(given.database, mail, content.news, SOON)
    assert (await due(given, "rita"))["IMMEDIATE"] == SOON
    (row,) = await given.database.pool.fetch("SELECT lead_id FROM notification WHERE mailed < number")
    assert f"lead_{row['lead_id']}" == given["Cleo"]


async def test_a_suspended_organisation_gets_nothing(given: World, box: Mailbox) -> None:
    """Until it is resumed."""
    await given.sql("UPDATE organisation SET suspended_at = now()")
    assert await claim_mails(given.database, organisation_id(given.organisation), 10) == []
    await given.sql("UPDATE organisation SET suspended_at = NULL")
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]


async def test_who_has_a_mail_by_now_keeps_it(given: World, box: Mailbox) -> None:
    """A process that comes back late gives nothing back that another one has claimed, or has settled."""
    org_id = organisation_id(given.organisation)
    (late,) = await claim_mails(given.database, org_id, 10)
    await no_pause(given)
    (mail,) = await claim_mails(given.database, org_id, 10)
    await return_mail(given.database, late, failed=True)
    assert await paused(given) == (0, True, True, mail.claim)
    await settle_mail(given.database, mail, (), SOON)
    await return_mail(given.database, late, failed=True)
    assert await paused(given) == (0, False, None, None)


async def test_what_is_given_back_is_due_again(given: World, box: Mailbox) -> None:
    """At once: nothing has failed."""
    (mail,) = await claim_mails(given.database, organisation_id(given.organisation), 10)
    await return_mail(given.database, mail, failed=False)
    assert await send_due(given, box) == [("IMMEDIATE", "sent")]
