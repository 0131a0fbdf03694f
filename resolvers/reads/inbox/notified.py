"""Notifications as they are made: a stream of each member's own, which follows what the consumer makes.

The number of a notification is that of its last event. The consumer handles events in order, so numbers are made in
order, and a cursor of the event log is a place among notifications as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, bindparam, text

from engine.caller import Caller
from engine.live.followed import Followed
from engine.live.known import Named
from engine.live.selection import EventSelection
from engine.read.rows import ORG, Rows, Same
from engine.read.slots import Args, Slot
from models.database import Statement
from models.tables.notification import NOTIFIER
from resolvers.reads.inbox.notifications import own

MADE = Followed(
    news=Statement(
        text(
            """
            SELECT made.number, max(made.updated_at) AS occurred_at, array_agg(member.subject) AS subjects
            FROM notification AS made JOIN member ON member.org_id = :org_id AND member.id = made.member_id
            WHERE made.org_id = :org_id AND made.number > :position
            GROUP BY made.number ORDER BY made.number LIMIT :size
            """
        ).bindparams(ORG, bindparam("position", type_=BigInteger()), bindparam("size", type_=Integer()))
    ),
    present=Statement(
        text(f"SELECT position AS head FROM consumer WHERE org_id = :org_id AND name = '{NOTIFIER}'").bindparams(ORG)
    ),
    heads=Statement(
        text(
            """
            SELECT asked.org_id, last.number AS head FROM unnest(:org_ids) AS asked (org_id), LATERAL (
                SELECT number FROM notification WHERE notification.org_id = asked.org_id ORDER BY number DESC LIMIT 1
            ) AS last
            """
        ).bindparams(bindparam("org_ids", type_=ARRAY(Uuid())))
    ),
    gapless=False,
)
"""Notifications in the order of their numbers, with the subjects of their members; they are made up to the position of
the consumer."""


@dataclass(frozen=True)
class OwnNotifications(EventSelection):
    """The caller's notifications after a cursor."""

    after: Slot | None
    log: ClassVar[Followed | None] = MADE

    def named(self, variables: Mapping[str, Any]) -> Named:
        """It names no record."""
        return {}

    def rows(self) -> Rows:
        """The caller's notifications, after the parameter `after` and up to the parameter `to`. One event makes one
        notification of a member at most, so their numbers differ."""
        found = own()
        number = found.entity.number
        between = number > bindparam("after", type_=BigInteger()), number <= bindparam("to", type_=BigInteger())
        return found.where(*between).ordered(number.asc()).limited(bindparam("size", type_=Integer()))

    def matcher(self, variables: Mapping[str, Any], caller: Caller) -> Callable[[Mapping[str, Any]], bool]:
        """Whether one of those who are notified is the caller."""
        return lambda made: caller.subject in made["subjects"]


def notified(root: Any, args: Args) -> OwnNotifications:
    """The caller's notifications, as they are made."""
    return OwnNotifications(args.get("after"))


def notification(made: Any, args: Args) -> Same:
    """The notification itself."""
    return Same(made)
