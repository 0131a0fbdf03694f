"""Members: who they are, and who is calling."""

from typing import Any

from sqlalchemy import literal_column

from models.member import Member
from resolvers.paging import Direction, Order, Page, page
from resolvers.reading import SUBJECT, Args, Expression, Rows, Same, rows, typed_id

ORDERS = {
    "NAME": Order(lambda member: member.name),
    "CREATED_AT": Order(lambda member: member.id),
}


def id(member: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("member", member.id)


def viewer(root: Any, args: Args) -> Same:
    """The caller: an object of no row."""
    return Same(None)


def viewer_member(root: Any, args: Args) -> Rows:
    """The caller's own member record; there is none before the caller's first change."""
    me = rows(Member)
    return me.where(me.entity.subject == SUBJECT)


def members(root: Any, args: Args) -> Page:
    """The members of the organisation, the active ones only if asked."""
    found = rows(Member)
    active = args.get("active")
    if active is not None:
        found = found.where(found.entity.active.is_(literal_column("true" if active else "false")))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))
