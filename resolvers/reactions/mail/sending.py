"""The sending of mail by one process: it looks for what is due, and has a few lanes send it.

look   which organisations have mails that are due; they come into the line, and each turn is some mails of one
lane   a connection to the mail server, that takes the next organisation of the line

Any number of processes do the same; claims decide. When the server cannot be reached, all lanes wait, longer each time;
nothing is lost, and only mail waits for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

from engine.outgoing.mail import MailLine, MailServer, MailUnreachable
from models.database import UNREACHABLE, Database
from resolvers.reactions.mail import claims
from resolvers.reactions.mail.composing import MailSender
from resolvers.reactions.mail.lane import BATCH, MailLane, MailWatch, Unwatched

log = logging.getLogger("dealboard.mail")

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds without a try after the server could not be reached; doubled each time."""

AGAIN = 1.0
"""Seconds before the next turn after an unexpected failure."""

LAST = 5.0
"""Seconds that the mails at hand have at the end."""


class MailDispatcher:
    """The line of organisations with mail that is due, and how long to wait for the server."""

    def __init__(self, database: Database, seconds: float, lanes: int, watch: MailWatch) -> None:
        self.database = database
        self.seconds = seconds
        self.lanes = lanes
        self.watch = watch
        self.line: asyncio.Queue[UUID] = asyncio.Queue()
        self.pause = 0.0
        self.resume_at = 0.0

    async def look(self) -> None:
        """Look for what is due every so many seconds, when all that was found has had its turns."""
        while True:
            try:
                if monotonic() >= self.resume_at:
                    await self._look_once()
                    await self.line.join()
            except UNREACHABLE as failure:
                log.warning("mail that is due could not be looked for, trying again: %s", failure)
            except Exception:
                log.exception("looking for mail that is due failed, trying again")
            await asyncio.sleep(self.seconds)

    async def _look_once(self) -> None:
        async with self.database.acquire() as connection:
            due = await claims.DUE_MAIL.all(connection)
        self.watch.waiting(sum(row["mails"] for row in due), max((row["seconds"] for row in due), default=0.0))
        for turn in range(self.lanes):
            for row in due:
                if row["mails"] > turn * BATCH:
                    self.line.put_nowait(row["org_id"])

    async def take_turns(self, lane: MailLane) -> None:
        """Send what is in the line; without anything in it, the connection is closed."""
        while not lane.stopping:
            if self.line.empty():
                await lane.line.close()
            org_id = await self.line.get()
            try:
                # While the server cannot be reached, the line is only emptied.
                if monotonic() >= self.resume_at and await lane.serve(org_id):
                    self.line.put_nowait(org_id)
            except MailUnreachable as failure:
                self._wait(failure)
            except UNREACHABLE as failure:
                log.warning("mail could not be sent, trying again: %s", failure)
                await asyncio.sleep(AGAIN)
            except Exception:
                log.exception("sending mail of the organisation %s failed, trying again", org_id)
                await asyncio.sleep(AGAIN)
            else:
                self.pause = 0.0 if monotonic() >= self.resume_at else self.pause
            finally:
                self.line.task_done()

    def _wait(self, failure: MailUnreachable) -> None:
        """Wait for the server. Lanes that fail at the same time count once."""
        if monotonic() >= self.resume_at:
            self.pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self.pause))
            self.resume_at = monotonic() + self.pause
            self.watch.unreachable()
            log.warning("the mail server cannot be reached, trying again in %.0f s: %s", self.pause, failure)


@asynccontextmanager
async def sending_mail(
    database: Database,
    server: MailServer,
    sender: MailSender,
    seconds: float,
    connections: int,
    watch: MailWatch | None = None,
) -> AsyncIterator[None]:
    """Send mail in the background, over so many connections, after a look every so many seconds. At the end no mail is
    begun; those at hand have `LAST` seconds."""
    watch = watch or Unwatched()
    dispatcher = MailDispatcher(database, seconds, connections, watch)
    lanes = [MailLane(database, MailLine(server), sender, watch) for _ in range(connections)]
    looking = asyncio.create_task(dispatcher.look())
    sending = [asyncio.create_task(dispatcher.take_turns(lane)) for lane in lanes]
    try:
        yield
    finally:
        looking.cancel()
        for lane, task in zip(lanes, sending, strict=True):
            lane.stopping = True
            if not lane.busy:
                task.cancel()
        await asyncio.wait(sending, timeout=LAST)
        for task in sending:
            task.cancel()
        await asyncio.gather(looking, *sending, return_exceptions=True)
        for lane in lanes:
            await lane.line.close()
