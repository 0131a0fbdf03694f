"""When the next mail of a member comes, after the member has chosen other times, or lives in another time zone."""

from uuid import UUID

from sqlalchemy import DateTime, bindparam, text

from engine.change.shards import CLOCK, OWN
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.clock.mail_times import MailTimes

TIMES_NOW = Statement(
    text(
        """
        SELECT member.time_zone, chosen.digest_times, chosen.digest_weekdays, chosen.quiet_from, chosen.quiet_until,
            statement_timestamp() AS now
        FROM member LEFT JOIN mail_setting AS chosen ON chosen.org_id = :org_id AND chosen.member_id = member.id
        WHERE member.org_id = :org_id AND member.id = :member_id
        """
    ).bindparams(ORG)
)

MOVE_MAIL_DUE = Statement(
    text(
        f"""
        UPDATE mail_due SET due_at = CASE mail_due.channel WHEN 'DIGEST' THEN :digest ELSE :immediate END
        FROM {CLOCK}
        WHERE mail_due.org_id = :org_id AND mail_due.member_id = :member_id AND mail_due.due_at > clock.now
        """
    ).bindparams(ORG, *(bindparam(name, type_=DateTime(timezone=True)) for name in ("digest", "immediate")))
)
"""What is late already stays due."""


ARM_ALL = Statement(
    text(
        f"""
        INSERT INTO mail_due (org_id, member_id, channel, number, due_at)
        SELECT own.id, CAST(:member_id AS uuid), mail.channel, 0, mail.due_at
        FROM {OWN}, (VALUES ('DIGEST', :digest), ('IMMEDIATE', :immediate)) AS mail (channel, due_at)
        WHERE own.id = :org_id AND EXISTS (
            SELECT FROM notification WHERE notification.org_id = :org_id
                AND notification.member_id = CAST(:member_id AS uuid) AND read_at IS NULL AND number > mailed
        )
        ON CONFLICT (org_id, member_id, channel) DO UPDATE SET due_at = coalesce(mail_due.due_at, excluded.due_at)
        """
    ).bindparams(ORG, *(bindparam(name, type_=DateTime(timezone=True)) for name in ("digest", "immediate")))
)
"""What is new and was to come in one mail may come in the other one now."""


async def rearm(change: Change, member_id: UUID, *, channels: bool = False) -> None:
    """Have the mails of a member that are to come at the times, and by the `channels`, that are chosen now."""
    row = await change.first(TIMES_NOW, member_id=member_id)
    assert row is not None
    times, now = MailTimes.of(row), row["now"]
    due = {"digest": times.next_digest(now), "immediate": times.next_immediate(now)}
    await change.run(MOVE_MAIL_DUE, member_id=member_id, **due)
    if channels:
        await change.run(ARM_ALL, member_id=member_id, **due)
