"""The consumer that makes notifications from events: each member is notified of an event once for each reason.

It is the only one that makes them, and it handles an organisation's events in order, so notifications come in the order
of their numbers, and streams of them need no log of their own. Where events are handled again, because the position was
set back, what was made is not made again.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from engine.background.consumers import Consumer
from engine.change.records import IDS, expect_columns
from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.tables.notification import NOTIFIER, Notification
from resolvers.reactions.joining import SOON, Joined, joined
from resolvers.reactions.mail.arming import arm
from resolvers.reactions.reasons import Noted, noted, tasks_of

ASSIGNEES = Statement(
    text(
        """
        SELECT id, assignee_id FROM task
        WHERE org_id = :org_id AND id = ANY(:ids) AND status = 'OPEN' AND assignee_id IS NOT NULL
        """
    ).bindparams(ORG, IDS)
)

WANTED = Statement(
    text(
        """
        SELECT nth FROM unnest(
            CAST(:members AS uuid[]), CAST(:reasons AS text[]), CAST(:numbers AS bigint[]), CAST(:leads AS uuid[]),
            CAST(:tasks AS uuid[])
        ) WITH ORDINALITY AS noted (member_id, reason, number, lead_id, task_id, nth)
        JOIN member ON member.org_id = :org_id AND member.id = noted.member_id AND member.active
        WHERE NOT EXISTS (
            SELECT FROM notification_setting AS setting WHERE setting.org_id = :org_id
                AND setting.member_id = noted.member_id AND setting.reason = noted.reason AND NOT setting.in_app
        ) AND NOT EXISTS (
            SELECT FROM muted_record AS muted WHERE muted.org_id = :org_id AND muted.member_id = noted.member_id
                AND muted.record_id IN (noted.lead_id, noted.task_id)
        ) AND NOT EXISTS (
            SELECT FROM notification AS made WHERE made.org_id = :org_id AND made.member_id = noted.member_id
                AND made.number >= noted.number AND made.reason = noted.reason
        )
        """
    ).bindparams(ORG)
)
"""Which of these members are active, want to know, and do not know yet."""

RECENT = Statement(
    text(
        """
        SELECT id, member_id, number, reason, lead_id, task_id, actor_id, count, happened_at, read_at FROM notification
        WHERE org_id = :org_id AND member_id = ANY(:ids) AND happened_at > :since AND number < :before
        ORDER BY number, id
        """
    ).bindparams(ORG, IDS)
)
"""The notifications of these members to which others may be joined, and how many there are."""

LOCK_UNREAD = Statement(
    text(
        """
        SELECT id FROM notification WHERE org_id = :org_id AND id = ANY(:ids) AND read_at IS NULL
        ORDER BY number, id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)
"""Lock those of these notifications that are still unread."""

VALUES = ("id", "member_id", "number", "reason", "lead_id", "task_id", "actor_id", "count", "happened_at")

expect_columns(Notification, ("org_id", *VALUES, "updated_at"), default=("read_at", "mailed"))

_NEW = f"""
    unnest(
        CAST(:ids AS uuid[]), CAST(:members AS uuid[]), CAST(:numbers AS bigint[]), CAST(:reasons AS text[]),
        CAST(:leads AS uuid[]), CAST(:tasks AS uuid[]), CAST(:actors AS uuid[]), CAST(:counts AS int[]),
        CAST(:times AS timestamptz[])
    ) AS new ({", ".join(VALUES)})
"""

ADD = Statement(
    text(
        f"""
        INSERT INTO notification (org_id, {", ".join(VALUES)}, updated_at)
        SELECT own.id, {", ".join(f"new.{name}" for name in VALUES)}, statement_timestamp()
        FROM {OWN}, {_NEW} WHERE own.id = :org_id
        """
    ).bindparams(ORG)
)

JOIN = Statement(
    text(
        f"""
        UPDATE notification SET number = new.number, lead_id = new.lead_id, task_id = new.task_id,
            actor_id = new.actor_id, count = new.count, updated_at = statement_timestamp()
        FROM {_NEW} WHERE notification.org_id = :org_id AND notification.id = new.id
        """
    ).bindparams(ORG)
)


async def notify(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
    """Notify the members whom these events concern."""
    tasks = tasks_of(events)
    found = await ASSIGNEES.all(connection, org_id=org_id, ids=tasks) if tasks else []
    news = noted(events, {row["id"]: row["assignee_id"] for row in found})
    news = await _wanted(connection, org_id, news) if news else []
    if not news:
        return False
    await arm(connection, org_id, news)
    first = min(news, key=lambda one: one.number)
    recent = await RECENT.all(
        connection,
        org_id=org_id,
        ids=sorted({one.member_id for one in news}),
        since=first.happened_at - SOON,
        before=first.number,
    )
    made = await _onto_unread(connection, org_id, recent, news)
    for statement, stored in ((ADD, False), (JOIN, True)):
        if chosen := [one for one in made if one.stored is stored]:
            await statement.run(connection, org_id=org_id, **_values(chosen))
    return True


async def _onto_unread(
    connection: Connection, org_id: UUID, recent: Sequence[Row], news: Sequence[Noted]
) -> list[Joined]:
    """What is to be stored, with locks on what is to be changed. What its member has read meanwhile stays as it is."""
    read: set[UUID] = set()
    while True:
        made = joined(recent, news, read)
        stored = {one.id for one in made if one.stored}
        unread = await LOCK_UNREAD.all(connection, org_id=org_id, ids=sorted(stored)) if stored else []
        gone = stored - {row["id"] for row in unread}
        if not gone:
            return made
        read |= gone


async def _wanted(connection: Connection, org_id: UUID, news: Sequence[Noted]) -> list[Noted]:
    found = await WANTED.all(
        connection,
        org_id=org_id,
        members=[one.member_id for one in news],
        reasons=[one.reason.value for one in news],
        numbers=[one.number for one in news],
        leads=[one.lead_id for one in news],
        tasks=[one.task_id for one in news],
    )
    return [news[nth - 1] for nth in sorted(row["nth"] for row in found)]


def _values(chosen: Sequence[Joined]) -> dict[str, list[object]]:
    return {
        "ids": [one.id for one in chosen],
        "members": [one.member_id for one in chosen],
        "numbers": [one.number for one in chosen],
        "reasons": [one.reason.value for one in chosen],
        "leads": [one.lead_id for one in chosen],
        "tasks": [one.task_id for one in chosen],
        "actors": [one.actor_id for one in chosen],
        "counts": [one.count for one in chosen],
        "times": [one.happened_at for one in chosen],
    }


NOTIFICATIONS = Consumer(NOTIFIER, notify)
