"""Activities: what people logged, newest first."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import DateTime, any_

from engine.read.filters import between, one_of
from engine.read.json_text import Expression, among, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.redirects import all_named, named
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.activity import Activity
from models.tables.lead import Lead

ORDERS = {"OCCURRED_AT": Order(lambda activity: activity.occurred_at)}

INSTANT = DateTime(timezone=True)


def id(activity: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("activity", activity.id)


def lead(activity: Any, args: Args) -> Rows:
    """The lead that the activity is about."""
    return rows(Lead, activity.lead_id)


def of_lead(lead: Any, args: Args) -> Page:
    """The activities of a lead that match the filter, newest first."""
    found = rows(Activity)
    return _page(found.where(found.entity.lead_id == lead.id), args)


def activities(root: Any, args: Args) -> Page:
    """The activities of the organisation that match the filter, newest first."""
    return _page(rows(Activity), args)


def _page(found: Rows, args: Args) -> Page:
    wanted = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    found = found.where(*(FILTERS[name](found.entity, value) for name, value in wanted.items()))
    return page(found, args, ORDERS, ("OCCURRED_AT", Direction.DESC))


FILTERS: Mapping[str, Any] = {
    "types": lambda activity, types: among(activity.type, types),
    "author_ids": lambda activity, ids: one_of(activity.author_id, "member", ids),
    "lead_id": lambda activity, id: activity.lead_id == named("lead", id),
    "lead_ids": lambda activity, ids: activity.lead_id == any_(all_named("lead", ids)),
    "contact_id": lambda activity, id: activity.contact_id == named("contact", id),
    "contact_ids": lambda activity, ids: activity.contact_id == any_(all_named("contact", ids)),
    "occurred_at": lambda activity, limits: between(activity.occurred_at, limits, INSTANT, "from_", "to"),
}
"""The condition of each part of an activity filter."""
