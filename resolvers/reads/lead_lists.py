"""Lists of leads and opportunities, filtered and sorted."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.read.paging import Direction, Page, page
from engine.read.rows import OfEach, Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.conditions.fields import FILTERS, ORDERS, STAGES
from resolvers.conditions.found import FEW, FEW_BY_STAGE, Hits, holds_words

NEWEST = ("CREATED_AT", Direction.DESC)


def leads(root: Any, args: Args) -> Page:
    """The leads of the organisation that match the filter, newest first."""
    return listed(rows(Lead), args, args.get("filter"))


def listed(found: Rows, args: Args, wanted: Mapping[str, Any] | None = None) -> Page:
    """A page of leads of the organisation: of those found, the ones that match the filter `wanted`."""
    chosen = args.get("order_by")
    if (chosen and chosen["field"].name != "CREATED_AT") or not STAGES.keys().isdisjoint(wanted or ()):
        return _page(found, args, wanted, NEWEST, lambda walked: _by_stage(walked, wanted or {}))
    return _page(found, args, wanted, NEWEST)


def _page(
    found: Rows,
    args: Args,
    wanted: Mapping[str, Any] | None,
    default: tuple[str, Direction],
    by_stage: Callable[[Rows], Rows] | None = None,
) -> Page:
    """A page of the rows that match the filter.

    Of a search, the leads that it finds are looked up one by one where they are few. Where they are many, the list is
    walked in its order until the page is full: each way takes a second and more in a large organisation where the other
    one is right, and only the search itself knows.
    """
    search = (wanted or {}).get("search")
    if search is None:
        found = matching(found, wanted)
        return page(found, args, ORDERS, default, walked=by_stage and by_stage(found))
    others = matching(found, {**(wanted or {}), "search": None})
    hits = Hits.of(search, FEW if by_stage is None else FEW_BY_STAGE)
    many = others.where(~hits.are_few)
    walked = many.where(holds_words(others.entity, search))
    return page(
        many.where(FILTERS["search"].sql(others.entity, search)),
        args,
        ORDERS,
        default,
        walked=walked if by_stage is None else by_stage(walked),
        beside=others.where(hits.are_few, hits.include(others.entity)),
    )


def _by_stage(found: Rows, wanted: Mapping[str, Any]) -> OfEach:
    """Leads stage by stage: every order has its index there, and a filter may leave few of the stages."""
    stages = rows(Stage)
    given = {name: value for name, value in wanted.items() if name in STAGES and value is not None}
    asked = stages.where(*(STAGES[name](stages.entity, value) for name, value in given.items()))
    parents = asked.select(stages.entity.id).subquery()
    in_stage = found.where(found.entity.stage_id == parents.c.id)
    return OfEach(in_stage.model, in_stage.entity, in_stage.conditions, parents=parents)


def in_stage(stage: Any, args: Args) -> Page:
    """The leads of a stage, in the order of the board."""
    found = rows(Lead)
    found = found.where(found.entity.stage_id == stage.id)
    return _page(found, args, args.get("filter"), ("BOARD", Direction.ASC))


def of_contact(contact: Any, args: Args) -> Page:
    """The leads of a contact."""
    found = rows(Lead)
    found = found.where(found.entity.contact_id == contact.id)
    return _page(found, args, args.get("filter"), NEWEST)


def of_customer(customer: Any, args: Args) -> Page:
    """The leads of a customer."""
    found = rows(Lead)
    found = found.where(found.entity.customer_id == customer.id)
    return _page(found, args, args.get("filter"), NEWEST)


def matching(found: Rows, wanted: Mapping[str, Any] | None) -> Rows:
    """The rows that match every given part of the filter; a part that is null or omitted matches all."""
    if not wanted:
        return found
    given = {name: value for name, value in wanted.items() if value is not None}
    return found.where(*(FILTERS[name].sql(found.entity, value) for name, value in given.items()))
