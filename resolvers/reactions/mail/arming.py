"""When the next mail of a member is due, as notifications are made: in the same transaction, so none is forgotten.

It is written whether this process sends mail or not, because another one may; where none does, it costs a row a member.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.rules.clock.mail_times import MailTimes
from models.tables.notification import MAILED_BY_DEFAULT, MailChannel
from resolvers.reactions.reasons import Noted

DEFAULT_CHANNELS = " ".join(f"WHEN '{reason}' THEN '{channel}'" for reason, channel in MAILED_BY_DEFAULT.items())


def channel_of(reason: str, chosen: str) -> str:
    """The SQL of when a member gets mail about notifications of a reason: as chosen, or as by default."""
    return f"coalesce({chosen}, CASE {reason} {DEFAULT_CHANNELS} END)"


TIMES = "chosen.digest_times, chosen.digest_weekdays, chosen.quiet_from, chosen.quiet_until, member.time_zone"
"""What `MailTimes` reads, of a member and what the member has chosen, if anything."""

WANTED_MAIL = Statement(
    text(
        f"""
        SELECT news.member_id, news.channel, news.number, statement_timestamp() AS now, {TIMES}
        FROM (
            SELECT noted.member_id, {channel_of("noted.reason", "setting.mail")} AS channel, max(noted.number) AS number
            FROM unnest(
                CAST(:members AS uuid[]), CAST(:reasons AS text[]), CAST(:numbers AS bigint[])
            ) AS noted (member_id, reason, number)
            LEFT JOIN notification_setting AS setting ON setting.org_id = :org_id
                AND setting.member_id = noted.member_id AND setting.reason = noted.reason
            GROUP BY 1, 2
        ) AS news
        JOIN member ON member.org_id = :org_id AND member.id = news.member_id AND member.email IS NOT NULL
        LEFT JOIN mail_setting AS chosen ON chosen.org_id = :org_id AND chosen.member_id = news.member_id
        WHERE news.channel <> '{MailChannel.OFF}'
        ORDER BY news.member_id, news.channel
        """
    ).bindparams(ORG)
)
"""Which mails the new notifications belong to, and when their members want them."""

ARM = Statement(
    text(
        f"""
        INSERT INTO mail_due (org_id, member_id, channel, number, due_at)
        SELECT own.id, news.member_id, news.channel, news.number, news.due_at
        FROM {OWN}, unnest(
            CAST(:members AS uuid[]), CAST(:channels AS text[]), CAST(:numbers AS bigint[]),
            CAST(:times AS timestamptz[])
        ) AS news (member_id, channel, number, due_at)
        WHERE own.id = :org_id
        ON CONFLICT (org_id, member_id, channel)
            DO UPDATE SET number = excluded.number, due_at = coalesce(mail_due.due_at, excluded.due_at)
        """
    ).bindparams(ORG)
)
"""The row is written even if a mail is due already, so that a process that is just sending one sees that it does not
name everything. Rows come in one order, in which all processes lock them."""


async def arm(connection: Connection, org_id: UUID, news: Sequence[Noted]) -> None:
    """Note when the mails are due that are to name these notifications, which are not made yet: the rows of mail are
    locked before those of notifications."""
    found = await WANTED_MAIL.all(
        connection,
        org_id=org_id,
        members=[one.member_id for one in news],
        reasons=[one.reason.value for one in news],
        numbers=[one.number for one in news],
    )
    if not found:
        return
    known: dict[tuple[str, MailTimes], datetime] = {}
    times = []
    for row in found:
        key = row["channel"], MailTimes.of(row)
        if key not in known:
            known[key] = next_mail(*key, row["now"])
        times.append(known[key])
    await ARM.run(
        connection,
        org_id=org_id,
        members=[row["member_id"] for row in found],
        channels=[row["channel"] for row in found],
        numbers=[row["number"] for row in found],
        times=times,
    )


def next_mail(channel: str, times: MailTimes, now: datetime) -> datetime:
    """When the next mail of this channel is due for what happens now."""
    return times.next_digest(now) if channel == MailChannel.DIGEST else times.next_immediate(now)
