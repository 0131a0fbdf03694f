"""Mail in tests: a member who is notified, and a process that sends what is due."""

from datetime import datetime
from typing import Any

from engine.outgoing.mail import MailLine, mail_server
from models import organisation_id
from resolvers.reactions.mail.composing import MailSender
from resolvers.reactions.mail.lane import MailLane, MailOutcome, Unwatched
from tests.support.mail.smtp import Mailbox
from tests.support.recipes import make_notifications
from tests.support.world import World

SENDER = MailSender("Dealboard", "crm@dealboard.test", "https://app.test")


class Outcomes(Unwatched):
    """Remembers what became of each mail."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def mailed(self, outcome: MailOutcome, channel: str, late: float) -> None:
        """Remember it."""
        self.seen.append((channel, outcome.value))


async def all_due(world: World) -> None:
    """Have the time come for all mail that waits for it."""
    await world.sql("UPDATE mail_due SET due_at = now() - interval '1 minute' WHERE due_at IS NOT NULL")


async def send_due(world: World, box: Mailbox, seconds: float = 20) -> list[tuple[str, str]]:
    """Make the notifications, have the time come for their mail, and send it: channels and outcomes, in order."""
    await make_notifications(world)
    await all_due(world)
    watch = Outcomes()
    async with MailLine(mail_server(box.url), seconds) as line:
        lane = MailLane(world.database, line, SENDER, watch)
        while await lane.serve(organisation_id(world.organisation)):
            pass
    return watch.seen


async def due(world: World, who: str) -> dict[str, datetime | None]:
    """When the mails of a member are due, by channel."""
    rows = await world.database.pool.fetch(
        "SELECT channel, due_at FROM mail_due JOIN member ON member.id = member_id WHERE subject = $1", who
    )
    return {row["channel"]: row["due_at"] for row in rows}


async def nothing_new(world: World) -> World:
    """The world as if nothing had happened until now; its members have addresses."""
    await make_notifications(world)
    for table in ("mail_due", "notification"):
        await world.sql(f"DELETE FROM {table}")
    await world.sql("UPDATE member SET email = subject || '@acme.test'")
    return world


def said(mail: Any) -> str:
    """The plain text of a message."""
    part = mail.get_body(("plain",))
    return part.get_content()  # type: ignore[no-any-return]
