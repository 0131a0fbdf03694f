"""Cost: the rows that an operation may read, as a formula of the page sizes and conditions that its variables hold.

A field counts the rows that it may give for one row of its parent, each together with the rows below it; and a test of
a condition counts as many rows as it states, because it is made on every record, whatever the page.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_list_type,
)

from engine.errors import Code, error

ROWS = "dealboard-rows"
"""The key of `GraphQLField.extensions` under which a list field says how many rows to expect."""

TEST_ROWS = "dealboard-test-rows"
"""The key under which a field says how many rows each test of the conditions in its arguments counts for."""

LIST_ROWS = 10
"""Rows expected of a plain list that does not say."""

SATURATED = 10**9
"""Counts stop here."""


@dataclass(frozen=True)
class Pages:
    """Rows of a page that does not say how many it wants, and the most that one can have."""

    default: int = 20
    maximum: int = 100

    def size(self, wanted: Any) -> int:
        """The rows of a page of which so many are wanted. What cannot be is refused where rows are read."""
        if wanted is None:
            return self.default
        return max(0, min(wanted, self.maximum)) if isinstance(wanted, int) else self.maximum


PAGES = Pages()
"""The pages of every list."""


@dataclass(frozen=True, eq=False)
class Sum:
    """Formulas added up: `fixed`, and those of which values are missing."""

    fixed: int
    parts: tuple["Cost", ...]


@dataclass(frozen=True, eq=False)
class Repeated:
    """For each of so many rows, 1 and what `inner` comes to; besides `test_rows` for each of the tests.

    `rows` may be the variables that hold the page's size, of which the first that is not null counts, and what counts
    when all are null; `tests` names the variables that hold conditions.
    """

    rows: int | tuple[str | int, ...]
    inner: "Cost"
    test_rows: int
    tests: tuple[str, ...]


Cost = int | Sum | Repeated
"""Rows, or a formula of them. Formulas share parts, as operations share fragments."""


def added(costs: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    fixed, parts = 0, []
    for cost in costs:
        if isinstance(cost, int):
            fixed += cost
        else:
            parts.append(cost)
    fixed = min(fixed, SATURATED)
    return Sum(fixed, tuple(parts)) if parts else fixed


def of_field(node: FieldNode, field: GraphQLField, inner: Cost, pages: Pages) -> Cost:
    """The cost of a field and all below it, for one row of its parent."""
    rows = _rows(node, field, pages)
    test_rows: int = (field.extensions or {}).get(TEST_ROWS, 0)
    arguments = [argument.value for argument in node.arguments or ()] if test_rows else []
    tests = tuple(name for value in arguments for name in _variables(value))
    fixed = test_rows * sum(map(_written, arguments))
    if isinstance(rows, int) and isinstance(inner, int) and not tests:
        return min(rows * (1 + inner) + fixed, SATURATED)
    repeated = Repeated(rows, inner, test_rows, tests)
    return added((repeated, fixed)) if fixed else repeated


def reckoned(cost: Cost, variables: Mapping[str, Any] | None, pages: Pages) -> int:
    """The rows that a cost comes to with these values; without values, the least that it can come to."""
    known: dict[int, int] = {}

    def value(cost: Cost) -> int:
        if isinstance(cost, int):
            return cost
        found = known.get(id(cost))
        if found is None:
            found = known[id(cost)] = min(_value(cost), SATURATED)
        return found

    def _value(cost: Sum | Repeated) -> int:
        if isinstance(cost, Sum):
            return cost.fixed + sum(map(value, cost.parts))
        rows = cost.rows
        if not isinstance(rows, int):
            given = [one if isinstance(one, int) else (variables or {}).get(one) for one in rows]
            rows = 1 if variables is None else pages.size(next((one for one in given if one is not None), None))
        tests = 0 if variables is None else sum(counted(variables.get(name)) for name in cost.tests)
        return rows * (1 + value(cost.inner)) + cost.test_rows * tests

    return value(cost)


def too_costly(cost: int, limit: int, pages: Pages) -> GraphQLError:
    """The refusal of an operation that may read too many rows."""
    value = f"{cost:,}" if cost < SATURATED else f"more than {SATURATED:,}"
    message = (
        f"This operation may read {value} rows; the limit is {limit:,} (setting DEALBOARD_MAX_COST). A list"
        f" counts as many rows as `first` or `last` asks for ({pages.default} without), for each row of the list"
        " that it is in; each test of a condition counts as well. Ask for less, or in several requests."
    )
    return error(Code.TOO_COSTLY, message, value=cost, limit=limit)


def counted(value: Any) -> int:
    """The tests in a condition: the objects that hold no other object."""
    tests, stack = 0, [value]
    while stack:
        held = stack.pop()
        if isinstance(held, dict):
            inner = [part for part in held.values() if isinstance(part, dict | list)]
            stack.extend(inner)
            tests += not any(isinstance(part, dict) or (part and isinstance(part[0], dict)) for part in inner)
        elif isinstance(held, list):
            stack.extend(part for part in held if isinstance(part, dict | list))
    return tests


def _written(node: ValueNode) -> int:
    """The tests that stand in the document itself, as `counted` counts them."""
    if isinstance(node, ListValueNode):
        return sum(map(_written, node.values))
    if not isinstance(node, ObjectValueNode):
        return 0
    return sum(_written(field.value) for field in node.fields) or 1


def _variables(node: ValueNode) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
    elif isinstance(node, ListValueNode):
        for value in node.values:
            yield from _variables(value)
    elif isinstance(node, ObjectValueNode):
        for field in node.fields:
            yield from _variables(field.value)


def _rows(node: FieldNode, field: GraphQLField, pages: Pages) -> int | tuple[str | int, ...]:
    """How many rows a field gives for one row of its parent, or what says so."""
    if "first" in field.args or "last" in field.args:
        return _page(node, pages)
    is_list = is_list_type(get_nullable_type(field.type))
    stated = (field.extensions or {}).get(ROWS)
    return stated if isinstance(stated, int) else LIST_ROWS if is_list else 1


def _page(node: FieldNode, pages: Pages) -> int | tuple[str | int, ...]:
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    sizes: list[str | int] = []
    for value in map(given.get, ("first", "last")):
        if isinstance(value, VariableNode):
            sizes.append(value.name.value)
        elif isinstance(value, IntValueNode):
            # Beyond nine digits Python may refuse to convert.
            sizes.append(pages.size(int(value.value)) if len(value.value) < 10 else pages.maximum)
            break
    else:
        sizes.append(pages.default)
    return sizes[0] if isinstance(sizes[0], int) else tuple(sizes)
