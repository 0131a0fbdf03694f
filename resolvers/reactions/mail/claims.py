"""Which mails are due, and who sends them: each is sent once or not at all.

claim     a process takes some that are due, each by a claim of its own and for the time of a lease
settle    right before the text goes to the server, in one statement: the mail is no longer due, and what it names is
          no longer new; only if the claim still holds
return    nothing was sent: it is due again, at once or after a pause

A process that dies before it settles loses nothing: the lease ends, and another one sends. One that dies after, while
the server reads the text, may lose the mail: it counts as sent, because sending it again might be once too often. A
process that comes back after its lease has ended settles nothing, so it sends nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, Text, Uuid, bindparam, text

from engine.change.records import IDS
from engine.change.shards import CLOCK
from engine.read.rows import ORG
from models.database import Database, Row, Statement
from models.tables.base import new_id
from models.timeouts import BACKGROUND

LEASE = 180
"""Seconds in which a process sends what it has claimed, or leaves it to others."""

MOST_FAILURES = 24
"""How often a mail is tried that the server does not take now: about a day. What it was to name is then in the next."""

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3_600.0
"""Seconds before it is tried again; doubled with each failure."""

CHANNEL, CLAIM = bindparam("channel", type_=Text()), bindparam("claim", type_=Uuid())
MEMBER, NUMBER = bindparam("member_id", type_=Uuid()), bindparam("number", type_=BigInteger())

_FREE = "(mail_due.free_at IS NULL OR mail_due.free_at <= statement_timestamp())"

DUE_MAIL = Statement(
    text(
        f"""
        SELECT mail_due.org_id, count(*) AS mails,
            extract(epoch FROM statement_timestamp() - min(mail_due.due_at))::float8 AS seconds
        FROM mail_due
        JOIN organisation ON organisation.id = mail_due.org_id AND organisation.suspended_at IS NULL
        WHERE mail_due.due_at <= statement_timestamp() AND {_FREE}
        GROUP BY mail_due.org_id ORDER BY seconds DESC
        """
    )
)
"""The organisations with mails that are due and that nobody sends: from an index that holds no others."""

LOCK_DUE_MAIL = Statement(
    text(
        f"""
        WITH due AS MATERIALIZED (
            SELECT member_id, channel FROM mail_due
            WHERE org_id = :org_id AND due_at <= statement_timestamp() AND {_FREE} AND NOT EXISTS (
                SELECT FROM organisation WHERE organisation.id = :org_id AND organisation.suspended_at IS NOT NULL
            )
            ORDER BY due_at, member_id, channel LIMIT :size
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE mail_due SET claim = :claim,
            free_at = (clock.now AT TIME ZONE 'UTC' + interval '{LEASE} seconds') AT TIME ZONE 'UTC'
        FROM due, {CLOCK}
        WHERE mail_due.org_id = :org_id AND mail_due.member_id = due.member_id AND mail_due.channel = due.channel
        RETURNING mail_due.member_id, mail_due.channel, mail_due.number, mail_due.due_at, mail_due.failures, clock.now
        """
    ).bindparams(ORG, CLAIM, bindparam("size", type_=Integer()))
)

LOCK_AND_SETTLE = Statement(
    text(
        """
        WITH mine AS MATERIALIZED (
            SELECT member_id, channel FROM mail_due
            WHERE org_id = :org_id AND member_id = :member_id AND channel = :channel AND claim = :claim AND (
                NOT :sending OR EXISTS (
                    SELECT FROM member WHERE member.org_id = :org_id AND member.id = :member_id AND member.active
                )
            )
            FOR NO KEY UPDATE OF mail_due
        ), held AS MATERIALIZED (
            SELECT notification.id, named.number
            FROM mine JOIN notification ON notification.org_id = :org_id AND notification.member_id = mine.member_id
            JOIN unnest(CAST(:ids AS uuid[]), CAST(:numbers AS bigint[])) AS named (id, number)
                ON named.id = notification.id
            ORDER BY notification.number, notification.id FOR NO KEY UPDATE OF notification
        ), named AS (
            UPDATE notification SET mailed = held.number FROM held
            WHERE notification.org_id = :org_id AND notification.id = held.id
        )
        UPDATE mail_due SET claim = NULL, free_at = NULL, failures = 0,
            due_at = CASE WHEN mail_due.number > :number THEN CAST(:next_at AS timestamptz) END
        FROM mine
        WHERE mail_due.org_id = :org_id AND mail_due.member_id = mine.member_id AND mail_due.channel = mine.channel
        RETURNING mail_due.member_id
        """
    ).bindparams(ORG, MEMBER, CHANNEL, CLAIM, IDS, NUMBER, bindparam("sending", type_=Boolean()))
)
"""The mail is sent, or there is nothing to send; it names these notifications, as they were then. What came since it
was claimed makes another one due. Rows are locked in the order in which the consumer of notifications locks them."""

RETURN = Statement(
    text(
        """
        UPDATE mail_due SET claim = NULL, free_at = CAST(:free_at AS timestamptz),
            due_at = CAST(:due_at AS timestamptz), failures = :failures
        WHERE org_id = :org_id AND member_id = :member_id AND channel = :channel
            AND claim IS NOT DISTINCT FROM :claim
        """
    ).bindparams(ORG, MEMBER, CHANNEL, CLAIM, bindparam("failures", type_=Integer()))
)
"""The mail was not sent: it is still claimed, or was settled, and nobody has claimed it since."""

NEW_AGAIN = Statement(
    text(
        "UPDATE notification SET mailed = 0 WHERE org_id = :org_id AND member_id = :member_id AND id = ANY(:ids)"
    ).bindparams(ORG, MEMBER, IDS)
)


@dataclass(frozen=True)
class ClaimedMail:
    """A mail that this process is to send, and for which notifications: those up to `number`."""

    org_id: UUID
    claim: UUID
    member_id: UUID
    channel: str
    number: int
    due_at: datetime
    failures: int
    now: datetime


class ClaimLost(Exception):
    """Another process has the mail, or the member is no longer active."""


async def claim_mails(database: Database, org_id: UUID, size: int) -> list[ClaimedMail]:
    """Claim up to so many mails of an organisation that are due."""
    claim = new_id()
    async with database.acquire() as connection:
        found = await LOCK_DUE_MAIL.all(connection, org_id=org_id, claim=claim, size=size)
    mails = [ClaimedMail(org_id, claim, **row) for row in found]
    return sorted(mails, key=lambda mail: (mail.due_at, mail.member_id, mail.channel))


async def settle_mail(
    database: Database, mail: ClaimedMail, news: Collection[Row], next_at: datetime, *, sending: bool = True
) -> None:
    """Write down that a mail that names these notifications is sent, or is not to be sent at all.

    What came since is due at `next_at`. Raises `ClaimLost`, also when it is `sending` to a member who has left; then
    nothing is written, and nothing may be sent.
    """
    async with database.acquire() as connection:
        settled = await LOCK_AND_SETTLE.first(
            connection,
            org_id=mail.org_id,
            member_id=mail.member_id,
            channel=mail.channel,
            claim=mail.claim,
            sending=sending,
            ids=[row["id"] for row in news],
            numbers=[row["number"] for row in news],
            number=mail.number,
            next_at=next_at,
        )
    if settled is None:
        raise ClaimLost


async def return_mail(database: Database, mail: ClaimedMail, news: Collection[Row] = (), *, failed: bool) -> None:
    """Make a mail due again that was not sent, after a pause if it has `failed` itself. The notifications are those
    that it was settled with, if it was. Where another process has it by now, nothing happens to it."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**mail.failures) if failed else None
    async with database.transaction(BACKGROUND) as connection:
        await RETURN.run(
            connection,
            org_id=mail.org_id,
            member_id=mail.member_id,
            channel=mail.channel,
            claim=None if news else mail.claim,
            free_at=pause and mail.now + timedelta(seconds=pause),
            due_at=mail.due_at,
            failures=mail.failures + failed,
        )
        if news:
            ids = [row["id"] for row in news]
            await NEW_AGAIN.run(connection, org_id=mail.org_id, member_id=mail.member_id, ids=ids)
