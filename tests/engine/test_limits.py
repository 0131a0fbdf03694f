"""What one document may ask for, and that measuring it stays cheap."""

import sys
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, get_introspection_query, parse

from engine.bounds.cost import ROWS, TEST_ROWS, reckoned
from engine.limits import PAIRS, REPEATS, Limits, Ruler, exceeded

SDL = """
type Query {
  pipeline: Pipeline pipelines: [Pipeline!]! lead: Lead version: Int leads(first: Int, last: Int): LeadConnection!
  matching(first: Int, c: C): LeadConnection!
}
input C { and: [C!] or: [C!] not: C title: T }
input T { is: Int in: [Int!] }
type Pipeline { id: ID! stages: [Stage!]! }
type Stage { id: ID! leads(first: Int): LeadConnection! totals: Totals! }
type Totals { count: Int! }
type LeadConnection { nodes: [Lead!]! edges: [LeadEdge!]! pageInfo: PageInfo! totalCount: Int! }
type LeadEdge { node: Lead! cursor: String! }
type PageInfo { hasNextPage: Boolean! }
interface Record { id: ID! }
type Lead implements Record { id: ID! title(x: Int): String lead: Lead other: Lead contact: Record }
type Subscription { version: Int }
"""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    built = build_schema(SDL)
    stages = built.type_map["Pipeline"].fields["stages"]  # type: ignore[attr-defined]
    stages.extensions = {ROWS: 6}
    built.type_map["Query"].fields["matching"].extensions = {TEST_ROWS: 50}  # type: ignore[attr-defined]
    return built


def codes(schema: GraphQLSchema, text: str, **limits: int) -> list[str]:
    return [found.extensions["code"] for found in exceeded(schema, parse(text), Limits(**limits)) if found.extensions]


def cost(schema: GraphQLSchema, text: str, variables: dict[str, Any] | None = None) -> int:
    ruler = Ruler(schema, parse(text), Limits())
    return reckoned(ruler.operation(ruler.operations[0]).cost, variables or {}, Limits().pages)


def work(schema: GraphQLSchema, text: str) -> int:
    """The number of calls it takes to measure a document, which is the same on every machine."""
    document, calls = parse(text), 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        exceeded(schema, document, Limits())
    finally:
        sys.setprofile(before)
    return calls


def doubling(fragments: int, spread: str) -> str:
    """Fragments that each spread the next one twice."""
    each = [f"fragment F{i} on Lead {{ {spread.replace('NEXT', f'F{i + 1}')} }}" for i in range(fragments)]
    return "{ lead { ...F0 } }" + " ".join(each) + f" fragment F{fragments} on Lead {{ id }}"


def test_a_board_is_within_the_limits(schema: GraphQLSchema) -> None:
    """The query of a board passes with the default limits, with rows to spare."""
    text = """query Board($n: Int) { pipeline { stages { totals { count }
      leads(first: $n) { nodes { id title contact { id } lead { title } } pageInfo { hasNextPage } } } } }"""
    assert codes(schema, text) == []


def test_graphiql_can_introspect(schema: GraphQLSchema) -> None:
    """GraphiQL's own query nests deeper than the limit and passes, because the schema is not data."""
    assert codes(schema, get_introspection_query(), depth=2, cost=1) == []


@pytest.mark.parametrize(
    ("text", "code", "limits"),
    [
        ("{ lead { lead { id } } }", "TOO_DEEP", {"depth": 2}),
        ("{ lead { ...A } } fragment A on Lead { lead { id } }", "TOO_DEEP", {"depth": 2}),
        ("{ lead { ... { ... on Lead { lead { id } } } } }", "TOO_DEEP", {"depth": 2}),
        ("{ a: version b: version }", "TOO_MANY_ALIASES", {"aliases": 1}),
        ("{ lead { ...A } x: lead { ...A } } fragment A on Lead { a: id }", "TOO_MANY_ALIASES", {"aliases": 2}),
        ("{ version lead { id } }", "TOO_MANY_ROOT_FIELDS", {"root_fields": 1}),
        ("{ ...A ...A } fragment A on Query { version }", "TOO_MANY_ROOT_FIELDS", {"root_fields": 1}),
        ("{ lead { id title } }", "TOO_MANY_FIELDS", {"fields": 2}),
        ("query A { version } query B { version }", "TOO_MANY_FIELDS", {"fields": 1}),
        ("{ version } fragment Loose on Lead { id title }", "TOO_MANY_FIELDS", {"fields": 2}),
        ("{ pipelines { stages { leads { totalCount } } } }", "TOO_COSTLY", {"cost": 1000}),
    ],
)
def test_one_more_than_the_limit_is_refused(
    schema: GraphQLSchema, text: str, code: str, limits: dict[str, int]
) -> None:
    """Each limit applies through fragments, and the same document passes when its limit is raised by one."""
    assert codes(schema, text, **limits) == [code]
    name, value = next(iter(limits.items()))
    assert codes(schema, text, **{name: value * 2}) == []


def test_a_refusal_says_what_and_which_setting(schema: GraphQLSchema) -> None:
    """The message and the extensions name the amount, the limit and the setting that changes it."""
    [found] = exceeded(schema, parse("{ lead { lead { id } } }"), Limits(depth=2))
    assert "nests fields 3 levels deep; the limit is 2 (setting DEALBOARD_MAX_DEPTH)" in found.message
    assert found.extensions == {"code": "TOO_DEEP", "value": 3, "limit": 2}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("{ version }", 0),
        ("{ lead { id } }", 1),
        ("{ lead { lead { id } other { id } } }", 3),
        ("{ pipelines { id } }", 10),
        ("{ pipeline { stages { id } } }", 7),
        ("{ leads(first: 30) { nodes { id } } }", 30),
        ("{ leads(last: 3) { nodes { id } } }", 3),
        ("{ leads(first: 30) { edges { node { lead { id } } } pageInfo { hasNextPage } totalCount } }", 60),
        ("{ leads { totalCount } }", 20),
        ("{ leads(first: null) { totalCount } }", 20),
        ("{ leads(first: 100000) { totalCount } }", 100),
        ("{ leads(first: " + "9" * 5000 + ") { totalCount } }", 100),
        ("{ leads(first: -5) { totalCount } }", 0),
        ("{ pipeline { stages { leads { totalCount } } } }", 1 + 6 * (1 + 20)),
        ("{ __schema { types { fields { name } } } }", 0),
        ("{ lead { ...A lead { ...A } } } fragment A on Lead { other { id } }", 4),
        ("{ lead { contact { ... on Lead { other { id } } } } }", 3),
        ("{ unknown { pipelines { id } } }", 0),
    ],
)
def test_cost_is_the_rows_that_may_be_read(schema: GraphQLSchema, text: str, rows: int) -> None:
    """Pages count as asked for, lists as they state, everything per parent row."""
    assert cost(schema, text) == rows


BOARD = "query($n: Int, $m: Int) { pipeline { stages { leads(first: $n) { nodes { contact { id } } } } } ...More }"
MORE = """fragment More on Query {
  a: leads(first: $n, last: $m) { totalCount } b: leads(first: $m, last: 7) { totalCount } }"""


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        ({"n": 10, "m": 5}, 1 + 6 * (1 + 10 * 2) + 10 + 5),
        ({"n": 0, "m": -5}, 1 + 6),
        ({"n": 5000, "m": 10**30}, 1 + 6 * (1 + 100 * 2) + 100 + 100),
        ({}, 1 + 6 * (1 + 20 * 2) + 20 + 7),
        ({"n": None, "m": 3}, 1 + 6 * (1 + 20 * 2) + 3 + 3),
        ({"n": 4, "m": None}, 1 + 6 * (1 + 4 * 2) + 4 + 7),
    ],
)
def test_page_sizes_in_variables_count_as_they_are(schema: GraphQLSchema, variables: dict[str, Any], rows: int) -> None:
    """A formula of the values: those out of range count as the nearest that is in it, null as if it was left out."""
    assert cost(schema, f"{BOARD} {MORE}", variables) == rows


def test_a_document_is_refused_for_what_no_page_size_mends(schema: GraphQLSchema) -> None:
    """Before its variables are known, a document counts with the smallest pages."""
    text = "query($n: Int!) { pipelines { stages { leads(first: $n) { nodes { lead { id } } } } } }"
    assert codes(schema, text, cost=10 * (1 + 6 * (1 + 1 * 2))) == []
    assert codes(schema, text, cost=10 * (1 + 6 * (1 + 1 * 2)) - 1) == ["TOO_COSTLY"]


TESTED = "query($c: C, $d: C) { matching(c: WRITTEN) { totalCount } }"


@pytest.mark.parametrize(
    ("written", "variables", "tests"),
    [
        ("{title: {is: 1}}", {}, 1),
        ("{and: [{title: {is: 1}}, {not: {title: {in: [1, 2, 3]}}}]}", {}, 2),
        ("$c", {"c": {"title": {"is": 1}}}, 1),
        ("$c", {"c": {"or": [{"title": {"is": 1}}] * 99}}, 99),
        ("$c", {"c": None}, 0),
        ("$c", {}, 0),
        ("{and: [$c, $d, {title: {is: 1}}]}", {"c": {"title": {"in": [1, 2]}}, "d": {"not": {"title": {"is": 1}}}}, 3),
    ],
)
def test_tests_of_conditions_count(schema: GraphQLSchema, written: str, variables: dict[str, Any], tests: int) -> None:
    """Each counts as many rows as the field states, wherever it stands: in the document or in its variables."""
    assert cost(schema, TESTED.replace("WRITTEN", written), variables) == 20 + 50 * tests


@pytest.mark.parametrize(
    "spread",
    ["...NEXT ...NEXT", "a: lead { ...NEXT } b: lead { ...NEXT }", "lead { ...NEXT } other { ...NEXT }"],
)
def test_doubling_fragments_are_measured_once_each(schema: GraphQLSchema, spread: str) -> None:
    """24 fragments that each spread the next one twice stand for 16 million fields, and are no more work than 24."""
    assert "TOO_MANY_FIELDS" in codes(schema, doubling(24, spread))
    assert work(schema, doubling(24, spread)) < 2.1 * work(schema, doubling(12, spread))


def test_counts_stop_instead_of_growing(schema: GraphQLSchema) -> None:
    """200 doublings do not produce 60-digit numbers."""
    ruler = Ruler(schema, parse(doubling(40, "a: lead { ...NEXT } b: lead { ...NEXT }")), Limits())
    measure = ruler.operation(ruler.operations[0])
    assert measure.fields == measure.aliases == measure.cost == 10**9


@pytest.mark.parametrize(
    "text",
    [
        "{ lead { ...A } } fragment A on Lead { ...A }",
        "{ lead { ...A } } fragment A on Lead { lead { ...B } other { ...B } } fragment B on Lead { lead { ...A } id }",
    ],
)
def test_a_fragment_cycle_is_named(schema: GraphQLSchema, text: str) -> None:
    """A cycle is refused as a cycle, whatever its cost would be."""
    [found] = exceeded(schema, parse(text), Limits())
    assert "Cannot spread fragment 'A' within itself" in found.message


def conflicting(fields: int) -> str:
    """Fields of one name in one place, each with different arguments."""
    return "{ lead { " + " ".join(f"title(x:{i})" for i in range(fields)) + " } }"


def test_many_conflicting_fields_do_not_stall(schema: GraphQLSchema) -> None:
    """The standard rule compares every pair of fields of one name; beyond 100 in one place a linear check replaces
    it."""
    [found] = exceeded(schema, parse(conflicting(198)), Limits())
    assert found.extensions == {"code": "TOO_MANY_FIELDS", "value": 198, "limit": REPEATS}
    assert 'selects "title" 198 times' in found.message
    assert work(schema, conflicting(900)) < 6.5 * work(schema, conflicting(150))


def test_pairs_are_counted_over_the_whole_document(schema: GraphQLSchema) -> None:
    """Names that are each repeated within the limit, but at several levels, are as much work as one beyond it."""
    fragments = " ".join(f"fragment F{nth} on Lead {{ id title other {{ id }} }}" for nth in range(50))
    spread = " ".join(f"...F{nth}" for nth in range(50))
    assert codes(schema, f"{{ lead {{ {spread} }} }} {fragments}") == []
    text = "{ lead { " + "lead { lead { id } } " * 70 + "} }"
    [found] = exceeded(schema, parse(text), Limits())
    assert found.extensions == {"code": "TOO_MANY_FIELDS", "value": 3 * 70 * 69 // 2, "limit": PAIRS}
    assert "repeats fields of one name in one place, in 7,245 pairs; the limit is 5,000" in found.message


def test_repeats_are_counted_where_fields_merge(schema: GraphQLSchema) -> None:
    """Fields in different places of the text count together when they merge in one place of the answer."""
    text = "{ " + " ".join("lead { " + "id " * 30 + "}" for _ in range(4)) + " }"
    assert codes(schema, text) == ["TOO_MANY_FIELDS"]
    apart = "{ " + " ".join(f"l{i}: lead {{ " + "id " * 30 + "}" for i in range(4)) + " }"
    assert codes(schema, apart) == []


def test_deep_nesting_does_not_exhaust_the_stack(schema: GraphQLSchema) -> None:
    """Nesting that the parser accepts, through inline fragments and spreads, is refused before it is followed."""
    assert codes(schema, "{ lead { " + "... { " * 180 + "id" + " }" * 182) == ["TOO_DEEP"]
    chain = "{ lead { ...F0 } }" + "".join(f" fragment F{i} on Lead {{ ...F{i + 1} }}" for i in range(2000))
    assert codes(schema, chain) == ["TOO_DEEP"]
