"""What mails are to say: to whom, the notifications that are new and unread, and for a digest the tasks of today."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.rules.clock.mail_times import MailTimes
from models.rules.time_zone import end_of_day
from models.tables.notification import MailChannel, NotificationReason
from resolvers.reactions.mail.arming import TIMES, channel_of
from resolvers.reactions.mail.claims import ClaimedMail

LATEST = timedelta(days=8)
"""How old what a mail names can be. It only counts where no mail was sent for days, or for the first time."""

LOOKED_AT = 500
"""The newest unread notifications of a member among which a mail looks for what is new."""

MOST_TASKS = 20
"""Tasks of today, and late ones, that a digest names; it names the first ones."""

OF_OPEN_TASKS = f"'{NotificationReason.TASK_OVERDUE}', '{NotificationReason.REMINDER}'"
"""Reasons that are none any more when the task is done."""

RECIPIENTS = Statement(
    text(
        f"""
        SELECT member.id, member.name, member.email, member.active, own.name AS organisation, {TIMES}
        FROM member JOIN organisation AS own ON own.id = :org_id
        LEFT JOIN mail_setting AS chosen ON chosen.org_id = :org_id AND chosen.member_id = member.id
        WHERE member.org_id = :org_id AND member.id = ANY(:ids)
        """
    ).bindparams(ORG, IDS)
)

MAIL_NEWS = Statement(
    text(
        f"""
        SELECT mail.member_id, mail.channel, news.id, news.number, news.reason, news.count, news.lead_id, news.task_id,
            lead.title AS lead, task.title AS task, actor.name AS actor
        FROM unnest(CAST(:members AS uuid[]), CAST(:channels AS text[])) AS mail (member_id, channel)
        CROSS JOIN LATERAL (
            SELECT * FROM notification
            WHERE notification.org_id = :org_id AND notification.member_id = mail.member_id
                AND notification.read_at IS NULL
            ORDER BY notification.number DESC, notification.id DESC LIMIT {LOOKED_AT}
        ) AS news
        LEFT JOIN notification_setting AS setting ON setting.org_id = :org_id
            AND setting.member_id = mail.member_id AND setting.reason = news.reason
        LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = news.lead_id
        LEFT JOIN task ON task.org_id = :org_id AND task.id = news.task_id
        LEFT JOIN member AS actor ON actor.org_id = :org_id AND actor.id = news.actor_id
        WHERE news.number > news.mailed AND news.updated_at > :since
            AND {channel_of("news.reason", "setting.mail")} = mail.channel AND coalesce(setting.in_app, true)
            AND NOT (
                news.reason IN ({OF_OPEN_TASKS}) AND news.task_id IS NOT NULL AND task.status IS DISTINCT FROM 'OPEN'
            )
        ORDER BY news.number DESC, news.id DESC
        """
    ).bindparams(ORG, bindparam("since", type_=DateTime(timezone=True)))
)

TASKS_OF_TODAY = Statement(
    text(
        f"""
        SELECT mail.member_id, due.id, due.title, due.deadline, due.due_at, due.lead_id, lead.title AS lead
        FROM unnest(CAST(:members AS uuid[]), CAST(:ends AS timestamptz[])) AS mail (member_id, ends)
        CROSS JOIN LATERAL (
            SELECT task.id, task.title, task.deadline, task.due_at, task.lead_id FROM task
            WHERE task.org_id = :org_id AND task.assignee_id = mail.member_id AND task.status = 'OPEN'
                AND task.deadline <= mail.ends
            ORDER BY task.deadline, task.id LIMIT {MOST_TASKS}
        ) AS due
        LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = due.lead_id
        ORDER BY due.deadline, due.id
        """
    ).bindparams(ORG)
)
"""The first open tasks of members that are late, or due by the end of their today."""


@dataclass(frozen=True)
class MailContent:
    """What one mail says. `times` say when its member wants the next one."""

    mail: ClaimedMail
    name: str
    email: str | None
    active: bool
    organisation: str
    times: MailTimes
    news: Sequence[Row] = ()
    tasks: Sequence[Row] = ()

    @property
    def is_digest(self) -> bool:
        """Whether it is a digest."""
        return self.mail.channel == MailChannel.DIGEST


async def mail_contents(connection: Connection, org_id: UUID, mails: Sequence[ClaimedMail]) -> list[MailContent]:
    """What these mails of an organisation say, in their order."""
    members = [mail.member_id for mail in mails]
    people = {row["id"]: row for row in await RECIPIENTS.all(connection, org_id=org_id, ids=members)}
    found = await MAIL_NEWS.all(
        connection,
        org_id=org_id,
        members=members,
        channels=[mail.channel for mail in mails],
        since=mails[0].now - LATEST,
    )
    news: Mapping[tuple[UUID, str], list[Row]] = defaultdict(list)
    for row in found:
        news[row["member_id"], row["channel"]].append(row)
    contents = [_content(mail, people[mail.member_id], news[mail.member_id, mail.channel]) for mail in mails]
    tasks = await _tasks_of_today(connection, org_id, [one for one in contents if one.is_digest and one.news])
    return [replace(one, tasks=tasks[one.mail.member_id]) if one.is_digest else one for one in contents]


def _content(mail: ClaimedMail, person: Row, news: Sequence[Row]) -> MailContent:
    known = (person["name"], person["email"], person["active"], person["organisation"])
    return MailContent(mail, *known, MailTimes.of(person), news)


async def _tasks_of_today(
    connection: Connection, org_id: UUID, digests: Sequence[MailContent]
) -> Mapping[UUID, Sequence[Row]]:
    tasks: Mapping[UUID, list[Row]] = defaultdict(list)
    if digests:
        found = await TASKS_OF_TODAY.all(
            connection,
            org_id=org_id,
            members=[one.mail.member_id for one in digests],
            ends=[_end_of_today(one.mail.now, one.times) for one in digests],
        )
        for row in found:
            tasks[row["member_id"]].append(row)
    return tasks


def _end_of_today(now: datetime, times: MailTimes) -> datetime:
    return end_of_day(now.astimezone(times.zone).date(), times.zone)
