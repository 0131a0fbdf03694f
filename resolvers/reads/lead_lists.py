"""Lists of leads and opportunities, filtered and sorted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, cast, func, literal_column, union_all

from engine.read.json_text import Expression
from engine.read.paging import Direction, Page, page
from engine.read.rows import Entity, OfEach, Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.stage import Stage, StageTotal
from resolvers.conditions import sql
from resolvers.conditions.fields import FILTERS, ORDERS, STAGES
from resolvers.conditions.found import FEW, FEW_BY_STAGE, Hits, holds_words
from resolvers.conditions.parsing import asked

NEWEST = ("CREATED_AT", Direction.DESC)


def leads(root: Any, args: Args) -> Page:
    """The leads of the organisation that match the filter, newest first."""
    return replace(listed(rows(Lead), args, args.get("filter")), kept=kept(rows(Stage), args.get("filter")))


def matching_leads(root: Any, args: Args) -> Page:
    """The leads that match a condition, newest first."""
    found = rows(Lead)
    return listed(found.where(sql.compiled(asked(args["condition"]), found.entity)), args)


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
    """A page of the rows that match the filter; of many that a search finds, by a walk until the page is full."""
    search = (wanted or {}).get("search")
    if wanted is None or search is None:
        found = matching(found, wanted)
        return page(found, args, ORDERS, default, walked=by_stage and by_stage(found))
    few, many = _few_and_many(found, wanted, FEW if by_stage is None else FEW_BY_STAGE)
    walked = many.where(holds_words(many.entity, search))
    return page(
        many.where(FILTERS["search"].sql(many.entity, search)),
        args,
        ORDERS,
        default,
        walked=walked if by_stage is None else by_stage(walked),
        beside=few,
    )


def _few_and_many(found: Rows, wanted: Mapping[str, Any], few: int) -> tuple[Rows, Rows]:
    """The rows that match the filter if its search finds up to `few` leads, which are looked up one by one; and if it
    finds more, the rows that match the rest of the filter. One of the two is always empty.

    Each way takes seconds in a large organisation where the other one is right, and only the search itself knows.
    """
    others, hits = matching(found, {**wanted, "search": None}), Hits.of(wanted["search"], few)
    return others.where(hits.are_few, hits.include(others.entity)), others.where(~hits.are_few)


def counted(found: Rows, wanted: Mapping[str, Any] | None) -> Rows:
    """The rows that match the filter, in no order, all of which are read."""
    search = (wanted or {}).get("search")
    if wanted is None or search is None:
        return matching(found, wanted)
    few, many = _few_and_many(found, wanted, FEW_BY_STAGE)
    both = union_all(few.select(), many.where(FILTERS["search"].sql(many.entity, search)).select())
    return Rows(found.model, Entity(found.model, both.subquery()), ())


def kept(stages: Rows, wanted: Mapping[str, Any] | None) -> Expression | None:
    """The number of leads in these stages that match the filter, from the stored totals; None where only the leads
    themselves know whether they match."""
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    if not given.keys() <= STAGES.keys():
        return None
    asked = _asked(stages, given).select(stages.entity.id)
    total = rows(StageTotal)
    found = total.where(total.entity.stage_id.in_(asked))
    return found.value(lambda row: cast(func.coalesce(func.sum(row.leads), literal_column("0")), BigInteger))


def _asked(stages: Rows, wanted: Mapping[str, Any]) -> Rows:
    """The stages whose leads can match the filter, by the parts of it that ask for a stage."""
    given = {name: value for name, value in wanted.items() if name in STAGES and value is not None}
    return stages.where(*(STAGES[name](stages.entity, value) for name, value in given.items()))


def _by_stage(found: Rows, wanted: Mapping[str, Any]) -> OfEach:
    """Leads stage by stage: every order has its index there, and a filter may leave few of the stages."""
    stages = rows(Stage)
    parents = _asked(stages, wanted).select(stages.entity.id).subquery()
    in_stage = found.where(found.entity.stage_id == parents.c.id)
    return OfEach(in_stage.model, in_stage.entity, in_stage.conditions, parents=parents)


def in_stage(stage: Any, args: Args) -> Page:
    """The leads of a stage, in the order of the board."""
    found = rows(Lead)
    found = found.where(found.entity.stage_id == stage.id)
    page = _page(found, args, args.get("filter"), ("BOARD", Direction.ASC))
    return replace(page, kept=kept(rows(Stage, stage.id), args.get("filter")))


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
