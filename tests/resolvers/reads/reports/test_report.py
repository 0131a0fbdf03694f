"""`report`: any measures of any leads, compared with plain Python, now and as of moments of the past."""

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from models.rules.ids import public_id
from models.rules.stage_kind import chance
from models.tables.base import utc_now
from resolvers.reads.sums import groups
from tests.support import lives
from tests.support.forecasts.summing import rounded
from tests.support.lives import live
from tests.support.reports.asking import refusals
from tests.support.reports.leads import Money, Rows, local, month, order, percent, random_leads, shown_key
from tests.support.world import World

REPORT = """
query ($groupBy: [ReportBy!]! = [], $measures: [ReportMeasure!]!, $filter: LeadFilter, $condition: Condition,
  $by: CountedIn! = CREATED_IN, $in: DateRange, $asOf: AsOf, $currency: String, $on: Date) {
  report(groupBy: $groupBy, measures: $measures, filter: $filter, condition: $condition, by: $by, in: $in, asOf: $asOf,
    currency: $currency, ratesOn: $on) {
    groups { key { owner { id } pool { id } pipeline { id } stage { id } source month lostReason }
      count open won lost winRate values { currency value weighted averageValue } }
    rates { currency rate validFrom } unconverted { currency value count } withoutValue } }
"""

FIELDS = ("owner", "pool", "pipeline", "stage", "source", "month", "lostReason")
ALL = ("COUNT", "OPEN", "WON", "LOST", "WIN_RATE", "VALUE", "WEIGHTED", "AVERAGE_VALUE")


def matches(lead: Any, filter: dict[str, Any] | None, condition: dict[str, Any] | None) -> bool:
    """The filters and conditions that this test sends."""
    known = {
        "pipelineIds": lambda ids: public_id("pipeline", lead["pipeline_id"]) in ids,
        "closed": lambda wanted: (lead["closed_at"] is not None) == wanted,
        "unowned": lambda wanted: (lead["owner_id"] is None) == wanted,
    }
    tests = [known[name](value) for name, value in (filter or {}).items()]
    if condition:
        [[name, test]] = condition.items()
        if name == "source":
            tests.append(lead["source"] is not None and lead["source"].lower() == test["equals"].lower())
        else:
            amount = test["atLeast"]
            is_priced = lead["value"] is not None and lead["currency"] == amount["currency"]
            tests.append(is_priced and lead["value"] >= Decimal(amount["amount"]))
    return all(tests)


def expected(rows: Rows, leads: list[Any], given: dict[str, Any]) -> Any:
    """The whole answer, counted lead by lead. `leads` have passed the days and the filters."""
    by, asked = tuple(given["groupBy"]), set(given["measures"])
    on = date.fromisoformat(given["on"]) if given.get("on") else None
    money = Money(rows, given.get("currency"), on)
    priced = asked & {"VALUE", "WEIGHTED", "AVERAGE_VALUE"}
    found: dict[tuple[Any, ...], list[Any]] = {} if by else {(): []}
    for lead in leads:
        amount = money.convert(lead, local(utc_now())) if priced else None
        if priced and amount is None and lead["value"] is not None:
            money.lose(lead)
        for key in rows.keys(lead, by, lead["month"]):
            found.setdefault(key, []).append((lead, amount))
    shown = []
    for key in sorted(found, key=order):
        outcomes = [lead["outcome"] for lead, _ in found[key]]
        won, lost = outcomes.count("WON"), outcomes.count("LOST") + outcomes.count("DISQUALIFIED")
        sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0), Fraction(0)])
        for lead, amount in found[key]:
            if amount is not None:
                one = sums[amount[0]]
                odds = chance(lead, lead["stage"])
                one[:] = [one[0] + amount[1], one[1] + amount[1] * odds / 100, one[2] + 1]
        counts = {"COUNT": len(outcomes), "OPEN": outcomes.count(None), "WON": won, "LOST": lost}
        counts["WIN_RATE"] = percent(won, won + lost)  # type: ignore[assignment]
        names = {"COUNT": "count", "OPEN": "open", "WON": "won", "LOST": "lost", "WIN_RATE": "winRate"}
        values = [
            {
                "currency": code,
                "value": rounded(value, code) if asked & {"VALUE", "AVERAGE_VALUE"} else None,
                "weighted": rounded(weighted, code) if "WEIGHTED" in asked else None,
                "averageValue": rounded(value / many, code) if "AVERAGE_VALUE" in asked else None,
            }
            for code, (value, weighted, many) in sorted(sums.items())
        ]
        parts = {name: counts[one] if one in asked else None for one, name in names.items()}
        shown.append({"key": shown_key(by, key, *FIELDS), **parts, "values": values})
    without = sum(lead["value"] is None for lead in leads)
    rest = {"rates": money.rates(), "unconverted": money.unconverted(), "withoutValue": without}
    return {"groups": shown, **rest}


BY = ([], ["OWNER"], ["POOL"], ["PIPELINE"], ["STAGE"], ["SOURCE"], ["MONTH"], ["LOST_REASON"], ["OWNER", "STAGE"])
PAIRS = (["POOL", "MONTH"], ["SOURCE", "LOST_REASON"], ["PIPELINE", "SOURCE"])


@pytest.mark.parametrize("seed", range(2))
async def test_all_measures_are_those_of_plain_python(world: World, seed: int) -> None:
    """Of any group, filter, days and currency."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    rows = await Rows.of(world)
    counted = 0
    for by in (*BY, *PAIRS):
        filters = (None, {"closed": False}, {"closed": True}, {"unowned": False}, {"pipelineIds": [world["Sales"]]})
        conditions = (None, {"source": {"equals": "FAIR"}})
        conditions += ({"value": {"atLeast": {"amount": "100", "currency": "EUR"}}},)
        for currency, on in ((None, None), ("EUR", "2030-04-15"), ("USD", "2030-03-01"), ("KWD", "1999-12-31")):
            counted_in = draw.choice(["CREATED_IN", "CLOSED_IN"])
            dated = {"CREATED_IN": "created_at", "CLOSED_IN": "closed_at"}[counted_in]
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(75)) for _ in range(2))
            days = draw.choice([None, {"from": first.isoformat(), "to": last.isoformat()}])
            given = {
                "groupBy": by,
                "measures": draw.choice([ALL, ALL, ("COUNT",), ("WEIGHTED",), ("AVERAGE_VALUE", "WON")]),
                "filter": draw.choice(filters),
                "condition": draw.choice(conditions),
                "by": counted_in,
                "in": days,
                "currency": currency,
                "on": on,
            }
            leads = [
                {**lead, "month": month(lead[dated]), "stage": rows.stages[lead["stage_id"]]}
                for lead in rows.leads
                if matches(lead, given["filter"], given["condition"])
                and (days is None or (lead[dated] is not None and first <= local(lead[dated]) <= last))
            ]
            found = (await world.ask(REPORT, given))["report"]
            assert found == expected(rows, leads, given), given
            counted += len(leads)
    assert counted > 500


async def test_reports_of_the_past_are_those_of_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After random lives, as of cursors at which the same was asked: what was answered then, leads that were deleted
    since included."""
    draw = random.Random(7)
    monkeypatch.setattr(lives, "CHANGES", {name: lives.CHANGES[name] for name in OF_LEADS})
    asked = [
        {"groupBy": by, "measures": ALL, "filter": filter, "condition": condition}
        for by in ([], ["OWNER"], ["PIPELINE"], ["STAGE"], ["OWNER", "STAGE"])
        for filter, condition in (
            (None, None),
            ({"closed": False, "unowned": False}, None),
            ({"pipelineIds": [world["Sales"]]}, {"value": {"atLeast": {"amount": "10", "currency": "USD"}}}),
            ({"currency": "USD"}, {"not": {"title": {"contains": "e"}}}),
        )
    ]
    then: list[tuple[str, list[Any]]] = []
    for _ in range(6):
        await live(world, draw, 20)
        cursor = (await world.ask("{ cursor }"))["cursor"]
        then.append((cursor, [(await world.ask(REPORT, given))["report"] for given in asked]))
    for cursor, answers in then:
        for given, was in zip(asked, answers, strict=True):
            assert (await world.ask(REPORT, {**given, "asOf": {"cursor": cursor}}))["report"] == was, given
    assert len({str(answers) for _, answers in then}) == 6
    assert any(value["weighted"] for answer in then[0][1] for group in answer["groups"] for value in group["values"])


async def test_the_cursor_is_that_of_the_report(world: World) -> None:
    """Now, the end of the log; of the past, the one that was asked for."""
    query = "query ($asOf: AsOf) { cursor report(asOf: $asOf) { cursor groups { count } } }"
    found = await world.ask(query)
    assert found["report"]["cursor"] == found["cursor"]
    await world.change("deleteLead", {"leadId": world["Ada"]})
    again = (await world.ask(query, {"asOf": {"cursor": found["cursor"]}}))["report"]
    assert again == found["report"] == {"cursor": found["cursor"], "groups": [{"count": 6}]}
    assert (await world.ask(query))["report"]["groups"] == [{"count": 5}]


async def test_age_is_that_of_open_leads(world: World) -> None:
    """Two days and four make three on average; Eve, who was won, does not age."""
    await world.sql("DELETE FROM lead WHERE title NOT IN ('Ada', 'Bob', 'Eve')")
    for name, days in (("Ada", 2), ("Bob", 4), ("Eve", 90)):
        at = utc_now() - timedelta(days=days, minutes=5)
        await world.sql("UPDATE lead SET created_at = $2 WHERE title = $1", name, at)
    query = "query ($by: [ReportBy!]!) { report(groupBy: $by, measures: [AGE]) { groups { age } } }"
    assert (await world.ask(query, {"by": []}))["report"]["groups"] == [{"age": "3.00"}]
    found = (await world.ask(query, {"by": ["STAGE"]}))["report"]["groups"]
    assert found == [{"age": "3.00"}, {"age": None}]


OF_LEADS = (
    *("createLead", "moveLead", "assignLead", "updateLead", "disqualifyLead", "reopenLead"),
    *("qualifyLead", "convertLead", "mergeLeads", "deleteLead", "updateStage", "deleteStage", "addStage"),
)
"""Changes that reports notice."""

UNKNOWN = "this is not known of the past. With `asOf`, "


async def test_what_spans_do_not_hold_is_refused(world: World) -> None:
    """All of it at once, and each with what can be asked instead."""
    cursor = (await world.ask("{ cursor }"))["cursor"]
    given = {
        "groupBy": ["SOURCE"],
        "measures": ["COUNT", "AGE"],
        "in": {"from": "2030-01-01"},
        "filter": {"contactIds": []},
        "condition": {"and": [{"score": {"isSet": True}}, {"title": {"isSet": True}}]},
        "asOf": {"cursor": cursor},
    }
    assert await refusals(world, REPORT, given) == [
        f"groupBy: {UNKNOWN}group by OWNER, PIPELINE or STAGE.",
        f"measures: {UNKNOWN}leave out AGE.",
        f"in: {UNKNOWN}leave out the days: the report is about all leads of then.",
        f"filter: {UNKNOWN}filter by pipelineIds, stageIds, ownerIds, unowned, closed, currency, value or"
        " expectedCloseDate.",
        f"condition.and.0.score: {UNKNOWN}test title, value, currency, expectedCloseDate, pipelineId, stageId, ownerId"
        " or closed.",
    ]
    for by in ("POOL", "MONTH", "LOST_REASON"):
        assert await refusals(world, REPORT, {"groupBy": [by], "measures": ["COUNT"], "asOf": {"cursor": cursor}}) == [
            f"groupBy: {UNKNOWN}group by OWNER, PIPELINE or STAGE."
        ]


async def test_what_cannot_be_reported_is_refused(world: World, strangers: World) -> None:
    """No measure, too much to group by, a moment that is none, the cursor of strangers, a condition that is none."""
    count = {"measures": ["COUNT"]}
    assert await refusals(world, REPORT, {"measures": []}) == ["measures: send at least one measure, such as COUNT."]
    assert await refusals(world, REPORT, {**count, "groupBy": ["OWNER", "POOL", "MONTH"]}) == [
        "groupBy: a report is grouped by up to 2 of these, not 3. Send fewer."
    ]
    assert await refusals(world, REPORT, {**count, "asOf": {"at": "2200-01-01T00:00:00Z"}}) == [
        "asOf.at: this instant lies in the future. Send one that has passed."
    ]
    theirs = (await strangers.ask("{ cursor }"))["cursor"]
    assert await refusals(world, REPORT, {**count, "asOf": {"cursor": theirs}}) == [
        "asOf.cursor: this cursor belongs to another organisation. Query `cursor` for one of yours."
    ]
    assert await refusals(world, REPORT, {**count, "condition": {"and": []}}) == [
        "condition.and: A group needs at least one condition. Add one, or leave the group out."
    ]
    assert await refusals(world, REPORT, {**count, "in": {"from": "2030-01-02", "to": "2030-01-01"}}) == [
        "in.from: this day is after the last one. Send the earlier day as `from`."
    ]


async def test_leads_of_strangers_are_theirs(world: World, strangers: World) -> None:
    """Now and of the past, with the ids of their records, too."""
    for filter in (None, {"pipelineIds": [strangers["Sales"]]}, {"ownerIds": [strangers["rita"]]}):
        given: dict[str, Any] = {"measures": ["COUNT"], "filter": filter}
        cursor = (await world.ask("{ cursor }"))["cursor"]
        for more in ({}, {"asOf": {"cursor": cursor}}):
            [group] = (await world.ask(REPORT, {**given, **more}))["report"]["groups"]
            assert group["count"] == (6 if filter is None else 0)


async def test_too_many_groups_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and of the past: 1,000 at most."""
    monkeypatch.setattr(groups, "MOST_GROUPS", 3)
    query = REPORT.replace("query (", "query crowded(")
    cursor = (await world.ask("{ cursor }"))["cursor"]
    for more in ({}, {"asOf": {"cursor": cursor}}):
        assert await refusals(world, query, {"groupBy": ["STAGE"], "measures": ["COUNT"], **more}) == [
            "groupBy: this report has more than 1,000 groups. Group it by less, or report on fewer days."
        ]


async def test_a_search_finds_what_is_reported(world: World) -> None:
    """Every part of a lead filter is one of a report."""
    given = {"measures": ["COUNT"], "filter": {"search": "ada"}}
    assert (await world.ask(REPORT, given))["report"]["groups"][0]["count"] == 1


async def test_viewers_may_ask(world: World) -> None:
    """Reports need no more than the right to read."""
    given = {"measures": ALL, "groupBy": ["OWNER"]}
    mine = await world.ask(REPORT, given)
    assert await world.ask(REPORT, given, subject="vera", role=Role.VIEWER) == mine


async def test_tests_of_every_lead_cost_their_rows(world: World, engine: Engine) -> None:
    """Each test of a condition counts as 200 rows, as it does in lists."""
    tests = {"or": [{"title": {"contains": "x"}}] * 3}
    query = "query ($c: Condition) { report(condition: $c) { cursor } }"
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    prepared = engine.documents.prepare(query)
    costs = []
    for condition in (None, tests):
        answer = await engine.execute(prepared, {"c": condition}, caller, cost=True)
        costs.append(orjson.loads(answer.body)["extensions"]["cost"]["value"])
    assert costs == [1, 601]
