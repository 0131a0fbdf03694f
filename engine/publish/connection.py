"""Connections: how lists that can grow are published. Source: GraphQL Cursor Connections Specification (Relay)."""

from typing import Any, Generic, TypeVar

import strawberry

from engine.publish.fields import Argument, read
from engine.publish.scalars import Cursor
from engine.read.counts import LIMIT, MAX_LIMIT, Count, CountPrecision, total
from engine.read.json_text import Expression
from engine.read.paging import Each, OpenPage
from engine.read.rows import Same
from engine.read.slots import Args

NodeType = TypeVar("NodeType")


def _here(page: OpenPage, args: Args) -> Same:
    return Same(page)


def _cursor(page: OpenPage, args: Args) -> Expression:
    return page.cursor


def _total(page: OpenPage, args: Args) -> Expression:
    return total(page.page)


def _counted(page: OpenPage, args: Args) -> Count:
    return Count.of(page.page, args)


def _count(counted: Any, args: Args) -> Expression:
    found: Expression = counted.count
    return found


def _precision(counted: Any, args: Args) -> Expression:
    found: Expression = counted.precision
    return found


def _row(page: OpenPage, args: Args) -> Same:
    return Same(page.entity)


def _each_edge(page: OpenPage, args: Args) -> Each:
    return Each(page, page)


def _each_node(page: OpenPage, args: Args) -> Each:
    return Each(page, page.entity)


def _more(forward: bool) -> Any:
    return lambda page, args: page.more(forward)


def _edge_cursor(last: bool) -> Any:
    return lambda page, args: page.edge_cursor(last)


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = read(_more(True), "Whether the list has items after this page.")
    has_previous_page: bool = read(_more(False), "Whether the list has items before this page.")
    start_cursor: Cursor | None = read(
        _edge_cursor(False), "The cursor of the first item; null when the page is empty."
    )
    end_cursor: Cursor | None = read(
        _edge_cursor(True), "The cursor of the last item: send it as `after` for the next page."
    )


@strawberry.type(description="An item of a list, with its cursor.")
class Edge(Generic[NodeType]):
    cursor: Cursor = read(_cursor, "The cursor of this item.")
    node: NodeType = read(_row, "The item itself.")


@strawberry.type(
    name="Count", description="The number of items in a list. Lists with more items than a limit are not counted on."
)
class ListCount:
    count: int = read(_count, "The number of items, or the limit if there are more.")
    precision: CountPrecision = read(_precision, "Whether the list holds exactly this many items, or more.")


@strawberry.type(
    description="A page of a list. Take the items from `nodes`, or from `edges` when you need their cursors."
)
class Connection(Generic[NodeType]):
    edges: list[Edge[NodeType]] = read(_each_edge, "The items of the page, each with its cursor.")
    nodes: list[NodeType] = read(_each_node, "The items of the page.")
    page_info: PageInfo = read(_here, "Whether there are more pages, and the cursors to fetch them with.")
    total_count: int = read(
        _total,
        "The number of items in the whole list. Counted only when selected, and each of them if the list is filtered:"
        " in a large organisation prefer `count`.",
    )
    count: ListCount = read(
        _counted,
        "The number of items in the whole list, as far as a limit: show `10,000+` instead of waiting.",
        arguments={
            "limit": Argument(
                int | None, f"The number of items to count at most: 1 to {MAX_LIMIT:,}. Default: {LIMIT:,}."
            )
        },
    )
