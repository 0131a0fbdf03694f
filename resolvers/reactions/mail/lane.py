"""Sending mails one after the other over one connection: claimed, composed, settled right before the text goes out."""

import logging
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from engine.outgoing.mail import (
    ADDRESS,
    MailDelayed,
    MailFailed,
    MailLine,
    MailRefused,
    MailUncertain,
    MailUnreachable,
)
from models.database import UNREACHABLE, Database
from resolvers.reactions.mail.arming import next_mail
from resolvers.reactions.mail.claims import (
    MOST_FAILURES,
    ClaimedMail,
    ClaimLost,
    claim_mails,
    return_mail,
    settle_mail,
)
from resolvers.reactions.mail.composing import MailSender, compose
from resolvers.reactions.mail.contents import MailContent, mail_contents

log = logging.getLogger("dealboard.mail")

BATCH = 50
"""Mails that are claimed at once."""


class MailOutcome(StrEnum):
    """What became of a mail that was due."""

    SENT = "sent"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"
    DELAYED = "delayed"
    GIVEN_UP = "given_up"
    NOTHING_NEW = "nothing_new"
    NO_ADDRESS = "no_address"
    TAKEN_OVER = "taken_over"
    FAILED = "failed"


class MailWatch(Protocol):
    """What looks at the sending of mail, such as metrics."""

    def mailed(self, outcome: MailOutcome, channel: str, late: float) -> None:
        """A mail has this outcome; it was claimed so many seconds after it was due."""

    def waiting(self, mails: int, seconds: float) -> None:
        """So many mails are due, the first of them for so many seconds."""

    def unreachable(self) -> None:
        """The mail server could not be reached."""


class Unwatched:
    """Nobody looks."""

    def mailed(self, outcome: MailOutcome, channel: str, late: float) -> None:
        """Nothing."""

    def waiting(self, mails: int, seconds: float) -> None:
        """Nothing."""

    def unreachable(self) -> None:
        """Nothing."""


class MailLane:
    """Sends over one connection. `stopping` ends it after the mail at hand."""

    def __init__(self, database: Database, line: MailLine, sender: MailSender, watch: MailWatch) -> None:
        self.database = database
        self.line = line
        self.sender = sender
        self.watch = watch
        self.stopping = False
        self.busy = False

    async def serve(self, org_id: UUID) -> bool:
        """Send some mails of an organisation; returns whether there may be more.

        Raises `MailUnreachable`; what is not sent by then is due again, as it is after any other failure.
        """
        self.busy = True
        try:
            return await self._serve(org_id)
        finally:
            self.busy = False

    async def _serve(self, org_id: UUID) -> bool:
        mails = await claim_mails(self.database, org_id, BATCH)
        left: set[ClaimedMail] = set(mails)
        try:
            async with self.database.acquire() as connection:
                contents = await mail_contents(connection, org_id, mails) if mails else []
            for content in contents:
                if self.stopping:
                    break
                outcome = await self._outcome(content)
                left.discard(content.mail)
                late = content.mail.now - content.mail.due_at
                self.watch.mailed(outcome, content.mail.channel, late.total_seconds())
        finally:
            for mail in left:
                await return_mail(self.database, mail, failed=False)
        return len(mails) == BATCH

    async def _outcome(self, content: MailContent) -> MailOutcome:
        try:
            return await self._send(content)
        except ClaimLost:
            return MailOutcome.TAKEN_OVER
        except (MailUnreachable, *UNREACHABLE):
            raise
        except Exception:
            log.exception("a mail to the member %s could not be made", content.mail.member_id)
            await return_mail(self.database, content.mail, failed=True)
            return MailOutcome.FAILED

    async def _send(self, content: MailContent) -> MailOutcome:
        if not content.active or not ADDRESS.fullmatch(content.email or ""):
            return await self._end(content, MailOutcome.NO_ADDRESS)
        if not content.news:
            return await self._end(content, MailOutcome.NOTHING_NEW)
        message = compose(content, self.sender)
        try:
            await self.line.begin(self.sender.address, content.email or "")
        except MailDelayed as failure:
            return await self._again(content, failure)
        except MailRefused as failure:
            log.warning("the mail server refuses the address of the member %s: %s", content.mail.member_id, failure)
            return await self._end(content, MailOutcome.REFUSED)
        try:
            await self._settle(content)
        except BaseException:
            await self.line.abandon()
            raise
        return await self._finish(content, message)

    async def _finish(self, content: MailContent, message: bytes) -> MailOutcome:
        try:
            await self.line.finish(message)
        except MailUncertain as failure:
            log.warning("whether the member %s got a mail is not known: %s", content.mail.member_id, failure)
            return MailOutcome.UNCERTAIN
        except MailRefused as failure:
            log.warning("the mail server refuses a mail to the member %s: %s", content.mail.member_id, failure)
            return MailOutcome.REFUSED
        except (MailDelayed, MailUnreachable) as failure:
            return await self._again(content, failure, settled=True)
        return MailOutcome.SENT

    async def _again(self, content: MailContent, failure: MailFailed, *, settled: bool = False) -> MailOutcome:
        """The server does not take the mail now: it is due again after a pause, or no more after too many."""
        mail = content.mail
        if mail.failures >= MOST_FAILURES:
            log.warning("a mail to the member %s is given up: %s", mail.member_id, failure)
            return MailOutcome.GIVEN_UP if settled else await self._end(content, MailOutcome.GIVEN_UP)
        log.info("the mail server does not take a mail to the member %s now: %s", mail.member_id, failure)
        await return_mail(self.database, mail, content.news if settled else (), failed=True)
        return MailOutcome.DELAYED

    async def _end(self, content: MailContent, outcome: MailOutcome) -> MailOutcome:
        """Nothing is sent, and what the mail was to name is no longer new."""
        await self._settle(content, sending=False)
        return outcome

    async def _settle(self, content: MailContent, *, sending: bool = True) -> None:
        next_at = next_mail(content.mail.channel, content.times, content.mail.now)
        await settle_mail(self.database, content.mail, content.news, next_at, sending=sending)
