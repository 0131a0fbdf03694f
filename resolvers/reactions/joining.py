"""Joining notifications: one for what comes at once, or soon after an unread one, so that nobody is flooded.

of one change    several records that a change gave to a member are one notification, which counts them
soon             what happens to the same record, for the same reason, within five minutes of an unread notification
many             a member who got 50 within five minutes gets the rest in one notification for each reason
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from models.database import Row
from models.tables.base import new_id
from models.tables.notification import NotificationReason
from resolvers.reactions.reasons import Noted

SOON = timedelta(minutes=5)

MANY = 50


@dataclass(frozen=True)
class Joined:
    """A notification as it is to be stored; `stored` if it was stored before and is changed."""

    id: UUID
    member_id: UUID
    reason: NotificationReason
    number: int
    lead_id: UUID | None
    task_id: UUID | None
    actor_id: UUID | None
    count: int
    happened_at: datetime
    unread: bool = True
    stored: bool = False

    @classmethod
    def of(cls, row: Row, read: bool) -> "Joined":
        """A stored notification, which may be `read` since it was found."""
        return cls(
            **{name: row[name] for name in ("id", "member_id", "number", "lead_id", "task_id", "actor_id", "count")},
            reason=NotificationReason(row["reason"]),
            happened_at=row["happened_at"],
            unread=row["read_at"] is None and not read,
            stored=True,
        )

    @property
    def record(self) -> tuple[UUID | None, UUID | None]:
        """The lead and the task that it is about; of several, none."""
        return self.lead_id, self.task_id

    def with_more(self, other: "Joined") -> "Joined":
        """The same with what the other one, a later one, is about."""
        return replace(
            self,
            number=other.number,
            lead_id=self.lead_id if self.record == other.record else None,
            task_id=self.task_id if self.record == other.record else None,
            actor_id=self.actor_id if self.actor_id == other.actor_id else None,
            count=self.count + other.count,
        )


def joined(recent: Iterable[Row], news: Sequence[Noted], read: Collection[UUID] = ()) -> list[Joined]:
    """The notifications to store or to change, given those of the members of the last minutes and what is new, in
    order. Nothing is joined to those that are `read`."""
    kept: dict[UUID, dict[UUID, Joined]] = defaultdict(dict)
    for row in recent:
        kept[row["member_id"]][row["id"]] = Joined.of(row, row["id"] in read)
    changed: dict[UUID, UUID] = {}
    for _, same in groupby(sorted(news, key=_change), key=_change):
        one = _together([_alone(item) for item in same])
        own = kept[one.member_id]
        onto = _place(own.values(), one)
        made = one if onto is None else onto.with_more(one)
        own[made.id] = made
        changed[made.id] = made.member_id
    return [kept[member_id][id] for id, member_id in changed.items()]


def _change(item: Noted) -> tuple[datetime, UUID, str]:
    """What one change gives a member for one reason: events of a change share their instant, which no other has."""
    return item.happened_at, item.member_id, item.reason


def _alone(item: Noted) -> Joined:
    known = (item.number, item.lead_id, item.task_id, item.actor_id)
    return Joined(new_id(), item.member_id, item.reason, *known, 1, item.happened_at)


def _together(parts: Sequence[Joined]) -> Joined:
    one = parts[0]
    for part in parts[1:]:
        one = one.with_more(part)
    return one


def _place(kept: Iterable[Joined], one: Joined) -> Joined | None:
    """The notification that this one is joined to, if any, of those that its member has."""
    since = one.happened_at - SOON
    near = [other for other in kept if other.happened_at > since]
    unread = [other for other in near if other.unread and other.reason == one.reason]
    same = [other for other in unread if other.record == one.record or other.happened_at == one.happened_at]
    if same:
        return same[-1]
    if len(near) < MANY:
        return None
    return max(unread, key=lambda other: (other.record == (None, None), other.number), default=None)
