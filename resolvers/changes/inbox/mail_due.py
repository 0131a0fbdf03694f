"""When the next mail of a member comes, after the member has chosen other times, or lives in another time zone."""

from uuid import UUID

from sqlalchemy import DateTime, bindparam, text

from engine.change.shards import CLOCK
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


async def rearm(change: Change, member_id: UUID) -> None:
    """Have the mails of a member that are to come at the times that are chosen now."""
    row = await change.first(TIMES_NOW, member_id=member_id)
    assert row is not None
    times, now = MailTimes.of(row), row["now"]
    await change.run(
        MOVE_MAIL_DUE, member_id=member_id, digest=times.next_digest(now), immediate=times.next_immediate(now)
    )
