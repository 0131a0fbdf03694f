"""Members: who they are, who the caller is, and what the caller may do.

Rights are the rules by which changes refuse, as SQL. They say nothing of the state of a record: whether a lead is
closed is seen from the lead.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Uuid, and_, cast, func, literal_column, or_

from engine.publish.fields import NEEDED, ReadResolver
from engine.read.filters import holds
from engine.read.json_text import Expression, among, quoted, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import ORGANISATION, ROLE, SUBJECT, Rows, Same, rows
from engine.read.slots import Args
from models.rules.roles import Own, Role
from models.tables.lead import Lead
from models.tables.member import Member
from resolvers.reads.tasks import filters

ORDERS = {
    "NAME": Order(lambda row: row.sort_key, "By name, regardless of case and accents; numbers by value."),
    "CREATED_AT": Order(lambda member: member.id, "By the time they joined."),
}


def viewer(root: Any, args: Args) -> Same:
    """The caller: an object without a row."""
    return Same(None)


def viewer_id(root: Any, args: Args) -> Expression:
    """An id of the caller that is there before the caller is a member, too."""
    person = func.concat(ORGANISATION, literal_column("' '"), SUBJECT)
    return typed_id("viewer", cast(func.md5(person), Uuid))


def viewer_member(root: Any, args: Args) -> Rows:
    """The caller's own member record; there is none before the caller signs in."""
    me = rows(Member)
    return me.where(me.entity.subject == SUBJECT)


def members(root: Any, args: Args) -> Page:
    """The members of the organisation; optionally only active ones, those with a role, or those that contain a text."""
    found = rows(Member)
    active = args.get("active")
    if active is not None:
        found = found.where(found.entity.active.is_(literal_column("true" if active else "false")))
    if (role := args.get("role")) is not None:
        found = found.where(found.entity.role == quoted(role.value))
    if (search := args.get("search")) is not None:
        found = found.where(holds(search, found.entity.name, found.entity.email))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))


def open_leads(member: Any, args: Args) -> Expression:
    """The number of open leads that a member owns."""
    found = rows(Lead)
    lead = found.entity
    return found.where(lead.owner_id == member.id, lead.closed_at.is_(None)).select(func.count()).scalar_subquery()


def includes(needed: Role) -> Expression:
    """Whether the caller's role includes this one."""
    return among(ROLE, (role.value for role in Role if role.includes(needed)))


def may(change: Callable[..., Any], own: Own | None = None) -> ReadResolver:
    """Whether the caller may make a change, of any record or of one's own; the role is that of its mutation."""

    def resolver(record: Any, args: Args) -> Expression:
        right = includes(NEEDED[change])
        return right if own is None else and_(right, _is_own(own, record))

    return resolver


def _is_own(own: Own, record: Any) -> Expression:
    columns = [getattr(record, name) for name in own.columns]
    mine = func.coalesce(or_(*(column == filters.viewer_id() for column in columns)), literal_column("false"))
    nobodys = [column.is_(None) for column in columns] if own.unowned else []
    return or_(includes(own.above), mine, *nobodys)


def of_record(record: Any, args: Args) -> Same:
    """The rights on a record: an object of the record's own row."""
    return Same(record)
