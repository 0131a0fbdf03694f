"""What the caller may do: the same rules by which changes refuse, as SQL.

A right says nothing of the state of a record: whether a lead is closed is seen from the lead.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, func, literal_column, or_

from engine.publish.fields import NEEDED, ReadResolver
from engine.read.json_text import Expression, among
from engine.read.rows import ROLE, Same
from engine.read.slots import Args
from models.rules.roles import Own, Role
from resolvers.reads.tasks.filters import viewer_id


def holds(needed: Role) -> Expression:
    """Whether the caller's role includes this one."""
    return among(ROLE, (role.value for role in Role if role.includes(needed)))


def may(change: Callable[..., Any], own: Own | None = None) -> ReadResolver:
    """Whether the caller may make a change, of any record or of one's own; the role is that of its mutation."""

    def resolver(record: Any, args: Args) -> Expression:
        right = holds(NEEDED[change])
        return right if own is None else and_(right, _is_own(own, record))

    return resolver


def _is_own(own: Own, record: Any) -> Expression:
    columns = [getattr(record, name) for name in own.columns]
    mine = func.coalesce(or_(*(column == viewer_id() for column in columns)), literal_column("false"))
    nobodys = [column.is_(None) for column in columns] if own.unowned else []
    return or_(holds(own.above), mine, *nobodys)


def of_record(record: Any, args: Args) -> Same:
    """The rights on a record: an object of the record's own row."""
    return Same(record)
