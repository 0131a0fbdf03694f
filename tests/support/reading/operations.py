"""Operations that select everything, built from the schema: one for each root field."""

from collections.abc import Iterator
from random import Random
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    NameNode,
    ObjectFieldNode,
    get_named_type,
    is_composite_type,
    is_required_argument,
    print_ast,
)
from hypothesis_graphql import nodes as literals

from schema.api import graphql_schema
from tests.support.reading.dataset import ORGANISATIONS
from tests.support.reading.supply import Supply

ROOTS = [graphql_schema.query_type, graphql_schema.mutation_type, graphql_schema.subscription_type]
FIELDS = [(root, name) for root in ROOTS if root is not None for name in root.fields]
DEEP = ("pipeline", "lead", "pools", "webhook")
"""The queries from which every record can be reached."""
SUMS = ("Forecast", "ForecastChanged", "ForecastRow", "ForecastKey")
"""Types that are no records, and lead to some."""
DEEPER = (
    "boardAsOf",
    "pipelineChange",
    "funnel",
    "scoreAnalytics",
    "scoringModel",
    "winRates",
    "lostReasonCounts",
    "velocity",
    "activityCounts",
    "leaderBoard",
    "leadSources",
    "report",
)
"""Those whose lists lie below lists of their own."""
APART = {"report": "asOf"}
"""Arguments that cannot be sent together with all others: an operation of their own has them."""
SUPPLY = Supply(*ORGANISATIONS, bad=0)


def arguments(type_: str, field: str, definition: Any, everything: bool) -> str:
    """The required arguments, or all that can be combined."""
    random = Random(0)
    asked: dict[str, Any] = {}
    for key, argument in definition.args.items():
        if is_required_argument(argument) or (everything and key not in ("last", "before", "after", APART.get(field))):
            asked[key] = whole(argument.type, (type_, field, key), random)
            if key == "groupBy":  # at most one or two together
                asked[key] = literals.List(list(asked[key].values[:1]))
    if everything and "after" in definition.args:
        asked["after"] = SUPPLY.value(random, definition.args["after"].type, (type_, field, "after"), asked)
    given = ", ".join(f"{key}: {print_ast(value)}" for key, value in asked.items())
    return f"({given})" if given else ""


def whole(type_: Any, where: tuple[str, str, str], random: Random) -> Any:
    """A value with every field of an input, and no list that is empty."""
    named = get_named_type(type_)
    if not isinstance(named, GraphQLInputObjectType):
        while (value := SUPPLY.value(random, type_, where)).kind == "null_value" or print_ast(value) == "[]":
            pass
        return value
    if named.is_one_of:
        return one_of(named, where, random)
    parts = {key: whole(field.type, (where[0], where[1], key), random) for key, field in named.fields.items()}
    return literals.Object([ObjectFieldNode(name=NameNode(value=key), value=value) for key, value in parts.items()])


def one_of(type_: GraphQLInputObjectType, where: tuple[str, str, str], random: Random) -> Any:
    """A value of an input that takes one field; of one that can be a group, a group with each of the others."""
    inner = {key: field.type for key, field in type_.fields.items() if get_named_type(field.type) is not type_}
    alone = [{key: whole(field, where, random)} for key, field in inner.items()]
    objects = [
        literals.Object([ObjectFieldNode(name=NameNode(value=key), value=value) for key, value in one.items()])
        for one in alone
    ]
    if "and" not in type_.fields:
        return random.choice(objects)
    group = ObjectFieldNode(name=NameNode(value="and"), value=literals.List(objects))
    negated = ObjectFieldNode(name=NameNode(value="not"), value=literals.Object([group]))
    return literals.Object([negated])


def selection(type_: Any, depth: int, everything: bool) -> str:
    """Every field of a type, and of the types it leads to, to a depth of so many records."""
    parts = ["__typename"]
    if isinstance(type_, GraphQLInterfaceType):
        types = graphql_schema.get_implementations(type_)
        for one in (*types.interfaces, *types.objects):
            own = own_fields(one, type_)
            if own:
                parts.append(f"... on {one.name} {fields_of(one, own, depth, everything)}")
    return fields_of(type_, own_fields(type_), depth, everything, *parts)


def own_fields(type_: Any, known: Any = None) -> dict[str, Any]:
    """The fields of a type that are not selected on an interface it shares with others."""
    shared = {key for one in type_.interfaces if one.name != "Node" for key in one.fields} if known else set()
    return {key: field for key, field in type_.fields.items() if key not in shared | set(known.fields if known else ())}


def fields_of(type_: Any, fields: dict[str, Any], depth: int, everything: bool, *first: str) -> str:
    """These fields of a type."""
    parts = list(first)
    for key, field in fields.items():
        inner = get_named_type(field.type)
        given = arguments(type_.name, key, field, everything)
        if not is_composite_type(inner):
            parts.append(f"{type_.name}_{key}: {key}{given}")
        elif depth > 0 or inner.name.endswith(("Connection", "Edge", "PageInfo", "Totals", "CurrencyTotal")):
            # Connections and their edges are no records of their own, and neither are sums.
            step = 0 if type_.name.endswith(("Connection", "Edge")) or type_.name in SUMS else 1
            parts.append(f"{type_.name}_{key}: {key}{given} {selection(inner, depth - step, everything)}")
    return "{ " + " ".join(parts) + " }"


def operations() -> Iterator[tuple[str, str]]:
    """An operation for each root field, with everything that can be selected below it, each with few and with all
    arguments.

    A field's value depends on its record, not on the path to that record, so it is enough to select the changes, the
    subscriptions and a few of the queries two records deep, with all arguments.
    """
    for root, name in FIELDS:
        field = root.fields[name]
        inner = get_named_type(field.type)
        for everything in (False, True):
            depth = 2 if everything and (root.name != "Query" or name in DEEP) else 1
            depth = 3 if everything and name in DEEPER else depth
            chosen = selection(inner, depth, everything) if is_composite_type(inner) else ""
            given = arguments(root.name, name, field, everything)
            label = f"{root.name}.{name} with {'all' if everything else 'few'} arguments"
            yield label, f"{root.name.lower()} {{ {name}{given} {chosen} }}"
            if everything and name in APART:
                key = APART[name]
                alone = print_ast(whole(field.args[key].type, (root.name, name, key), Random(0)))
                yield f"{root.name}.{name} with {key}", f"{root.name.lower()} {{ {name}({key}: {alone}) {chosen} }}"


OPERATIONS = dict(operations())
