"""Attacks by queries: deep, slow, large, or always new."""

from typing import Any
from uuid import uuid4

from bench.attacking.attacker import Attacker

EVENTS = (
    "LeadCreated LeadUpdated StageChanged LeadAssigned LeadMoved LeadQualified LeadReopened LeadConverted"
    " ActivityLogged TaskScheduled"
).split()
FIELDS = "title value score description version currency source lostReason createdAt updatedAt".split()
MATCHING = "query($c:Condition!){%s}"
ALL_DESCRIPTIONS = " ".join(f"d{nth}:description" for nth in range(97))


async def deep_unions(attacker: Attacker) -> None:
    """Three levels of a timeline, each of which asks ten event types for nearly the same; a new document each time.

    In every other one, each type asks for a field of its own at each level.
    """

    async def one() -> None:
        nth = attacker.next()
        inner = f"id x{nth}:title"
        for _ in range(3):
            types = " ".join(
                f"...on {name}{{lead{{{own if nth % 2 else 'version'}}}}}"
                for name, own in zip(EVENTS, FIELDS, strict=True)
            )
            inner = f"timeline(first:1){{nodes{{lead{{{inner}}} {types}}}}}"
        await attacker.post(f"{{leads(first:1){{nodes{{{inner}}}}}}}")

    await attacker.waves(3, one)


def _tests(number: int) -> dict[str, Any]:
    return {"or": [{"description": {"contains": f"zz{nth}"}} for nth in range(number)]}


async def abandoned_searches(attacker: Attacker) -> None:
    """Ten searches of every description at a time, whose clients leave after half a second."""

    async def one() -> None:
        query = MATCHING % "a:matchingLeads(condition:$c){totalCount} b:matchingLeads(condition:$c){totalCount}"
        await attacker.post(query, {"c": _tests(99)}, leaves=0.5)

    await attacker.waves(10, one)


async def large_answers(attacker: Attacker) -> None:
    """Forty times the description of a hundred leads: 80 MB."""
    fields = " ".join(f"d{nth}:description" for nth in range(40))
    await attacker.waves(3, lambda: attacker.post(f"{{leads(first:100){{nodes{{{fields}}}}}}}"))


async def variable_pages(attacker: Attacker) -> None:
    """Page sizes in variables: small ones, and as large as can be."""
    query = (
        "query C($n:Int!,$m:Int!){leads(first:$n){nodes{customer{contacts(first:$m){nodes{id name}} leads(first:$m){"
        "nodes{id tasks(first:$m){nodes{id title}}}}}}}}"
    )
    pages = [{"n": 10, "m": 5}, {"n": 100, "m": 100}]
    await attacker.waves(4, lambda: attacker.post(query, pages[attacker.next() % 2]))


async def endless_conditions(attacker: Attacker) -> None:
    """Conditions of 99 parts, over all leads: twenty at once, and as many as are allowed. The clients leave."""

    async def one() -> None:
        uses = 20 if attacker.next() % 2 else 2
        query = MATCHING % " ".join(f"a{nth}:matchingLeads(condition:$c){{totalCount}}" for nth in range(uses))
        await attacker.post(query, {"c": _tests(99)}, leaves=4)

    await attacker.waves(20, one)


async def new_shapes(attacker: Attacker) -> None:
    """From an organisation of few leads: large conditions and long lists of ids, in documents that are always new."""
    ids = [f"contact_{uuid4()}" for _ in range(21_000)]

    async def one() -> None:
        nth = attacker.next()
        if nth % 2:
            fields = " ".join(
                f"a{nth}_{k}:matchingLeads(condition:$c,first:1){{totalCount}}"
                for k in range(20 if nth % 4 == 1 else 2)
            )
            await attacker.post(f"query($c:Condition!){{{fields}}}", {"c": _tests(99)}, place=attacker.few)
        else:
            fields = " ".join(f"a{nth}_{k}:leads(filter:{{contactIds:$i}},first:1){{totalCount}}" for k in range(20))
            given = {"i": ids[: 500 if nth % 4 else len(ids)]}
            await attacker.post(f"query($i:[ID!]){{{fields}}}", given, place=attacker.few)

    await attacker.waves(8, one)


async def repeated_ids(attacker: Attacker) -> None:
    """The same lead a hundred times, with 97 times its description."""
    query = f"query($i:[ID!]!){{nodes(ids:$i){{...on Lead{{{ALL_DESCRIPTIONS}}}}}}}"
    large = (await attacker.post("{leads(first:1){nodes{id}}}"))["leads"]["nodes"][0]["id"]
    await attacker.waves(3, lambda: attacker.post(query, {"i": [large] * 100}))


async def many_statements(attacker: Attacker) -> None:
    """Documents of some 27,000 characters of SQL, each of them new, and each sent three times."""

    async def one() -> None:
        nth = attacker.next()
        fields = " ".join(
            f"a{nth}_{k}:leads(first:1){{nodes{{id contact{{name}} customer{{name}} owner{{name}} stage{{name}}"
            " nextTask{title} tasks(first:1){nodes{title assignee{name}}} activities(first:1){nodes{id}}}}"
            for k in range(6)
        )
        for _ in range(3):
            await attacker.post(f"{{{fields}}}")

    await attacker.waves(attacker.size(16, 4), one)
