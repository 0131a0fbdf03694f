"""Scores stay right while time passes: what may change is scored when it may, and an audit finds no difference."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from models import organisation_id
from resolvers.changes.scoring.audit import audit
from resolvers.reactions import score
from tests.support.clocks import Clocks
from tests.support.scoring.passing import differing, let_time_score, pass_time
from tests.support.scoring.rules import bands, group, publish, react, rule, scored
from tests.support.world import World

LEADS = ("Ada", "Bob", "Cleo", "Dan")


async def rescore_at(world: World, name: str) -> datetime | None:
    """When a lead is due."""
    found: datetime | None = await world.database.pool.fetchval(
        "SELECT rescore_at FROM lead_score WHERE 'lead_' || lead_id = $1", world[name]
    )
    return found


async def test_a_test_of_the_last_days_flips_by_itself(world: World) -> None:
    """The instant at which it does is kept; before it nothing is written, and after it the score is another one."""
    await publish(world, group("New", rule("Week", 30, condition={"createdAt": {"withinLastDays": 7}})))
    due = await rescore_at(world, "Ada")
    created = await world.database.pool.fetchval("SELECT created_at FROM lead WHERE 'lead_' || id = $1", world["Ada"])
    assert due == created + timedelta(days=7, microseconds=1)
    await pass_time(world, 6)
    head = await world.head()
    await let_time_score(world)
    assert (await world.head(), (await scored(world, "Ada"))["score"]) == (head, 30)
    await pass_time(world, 1)
    assert len(await differing(world)) == 4
    await let_time_score(world)
    assert ([(await scored(world, name))["score"] for name in LEADS], await differing(world)) == ([0] * 4, set())
    [event] = await world.events(head)
    assert (event["type"], event["actor_kind"], event["actor_id"]) == ("scores.changed", "SYSTEM", None)
    assert await rescore_at(world, "Ada") is None


async def test_activities_fade_when_a_point_less_is_left(world: World) -> None:
    """Of 10 points with a half-life of 20 days, 9 are left after 1.5 days and 8 after 4.7: due on the day after."""
    clocks = Clocks()
    await world.change("updateOrganisation", {"timeZone": clocks.here})
    given = {
        "leadId": world["Ada"],
        "type": "CALL",
        "subject": "Talked",
        "occurredAt": clocks.at(clocks.today, "00:01"),
    }
    await world.change("logActivity", given)
    await publish(world, group("Calls", rule("Calls", 10, activities={"cap": 50, "halfLifeDays": 20})))
    midnight = datetime.fromisoformat(clocks.at(clocks.today, "00:00"))
    found = []
    for _ in range(4):
        due = await rescore_at(world, "Ada")
        assert due is not None
        days = (due - midnight) // timedelta(days=1)
        assert due == midnight + timedelta(days=days)
        found.append(((await scored(world, "Ada"))["score"], days))
        await pass_time(world, days)
        await let_time_score(world)
        assert await differing(world) == set()
    assert found == [(10, 2), (9, 3), (8, 4), (7, 4)]


DAYS = (1, 3, 10)


def drawn_rule(random: Random, nth: int) -> dict[str, Any]:
    """A rule whose points depend on the time."""
    days = random.choice(DAYS)
    condition: dict[str, Any] | None = random.choice(
        [
            {"lastActivityAt": {"withinLastDays": days}},
            {"not": {"stageEnteredAt": {"withinLastDays": days}}},
            {"expectedCloseDate": {"withinLastDays": days}},
            {"expectedCloseDate": {"withinNextDays": days}},
            {"isRotten": {"is": random.random() < 0.5}},
            {"or": [{"createdAt": {"withinLastDays": days}}, {"expectedCloseDate": {"withinNextDays": days}}]},
            None,
        ]
    )
    active = {"cap": random.choice((20, 60)), "halfLifeDays": days}
    more = {"activities": active} if condition is None or random.random() < 0.3 else {}
    given = {**({} if condition is None else {"condition": condition}), **more}
    return rule(f"Rule {nth}", random.choice((-7, 9, 13, 20)), **given)


async def live(world: World, random: Random, clocks: Clocks) -> None:
    """Dates, activities and tasks around now."""
    for name in LEADS:
        day = clocks.today + timedelta(days=random.randint(-12, 12))
        await world.change("updateLead", {"leadId": world[name], "expectedCloseDate": day.isoformat()})
        for _ in range(random.randint(0, 4)):
            then = datetime.now(UTC) - timedelta(days=random.randint(0, 12), hours=random.randint(1, 23))
            given = {"leadId": world[name], "type": "CALL", "subject": "Talked", "occurredAt": then.isoformat()}
            await world.change("logActivity", given)
        if random.random() < 0.5:
            then = datetime.now(UTC) + timedelta(days=random.randint(1, 9))
            await world.change("scheduleFollowUp", {"leadId": world[name], "title": "Call", "dueAt": then.isoformat()})


@pytest.mark.parametrize("seed", range(12))
async def test_an_audit_finds_no_difference_while_time_passes(world: World, seed: int) -> None:
    """Rules of all kinds that depend on the time, in zones far from each other: as soon as what is due is scored, each
    score is what the rules give."""
    random, clocks = Random(seed), Clocks()
    await world.change("updateOrganisation", {"timeZone": random.choice((clocks.here, clocks.ahead, clocks.behind))})
    for stage in ("New", "Talking"):
        await world.change("updateStage", {"stageId": world[stage], "rottenAfterDays": random.choice(DAYS)})
    await live(world, random, clocks)
    rules = [drawn_rule(random, nth) for nth in range(6)]
    await publish(world, group("Time", *rules, min=-50, max=90), bands=bands(("Warm", 10, 5)))
    await react(world)
    for _ in range(6):
        await let_time_score(world)
        assert await differing(world) == set()
        await pass_time(world, random.randint(1, 4))
    await let_time_score(world)
    assert await differing(world) == set()


async def test_an_audit_finds_a_difference(world: World) -> None:
    """A score that was written past the rules is found, also when it is given time; a closed lead's is not compared."""
    await publish(world, group("Fit", rule("All", 5)))
    assert await differing(world) == set()
    await world.sql("UPDATE lead_score SET parts = '{6,0,0}', total = 6, score = 6")
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    found = await audit(world.database, organisation_id(world.organisation), 0.01)
    assert (found.compared, {f"lead_{id}" for id in found.differing}) == (3, {world[name] for name in LEADS[1:]})


async def test_a_closed_lead_is_no_longer_due(world: World) -> None:
    """It keeps its score; what was due is settled, and when it is reopened it is due again."""
    await publish(world, group("New", rule("Week", 30, condition={"createdAt": {"withinLastDays": 7}})))
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await react(world)
    await pass_time(world, 8)
    await let_time_score(world)
    assert ((await scored(world, "Ada"))["score"], await rescore_at(world, "Ada")) == (30, None)
    await world.change("reopenLead", {"leadId": world["Ada"]})
    await react(world)
    assert (await scored(world, "Ada"))["score"] == 0


async def test_another_time_zone_and_other_days_of_a_stage_count_soon(world: World) -> None:
    """What changes very many leads at once marks them; they are scored with what is due."""
    clocks = Clocks()
    await world.change("updateOrganisation", {"timeZone": clocks.ahead})
    later = {"expectedCloseDate": {"withinNextDays": 0}}
    rules = (rule("Today", 20, condition=later), rule("Sure", 40, condition={"probability": {"atLeast": 77}}))
    await world.change("updateLead", {"leadId": world["Ada"], "expectedCloseDate": clocks.today_behind.isoformat()})
    await publish(world, group("Fit", *rules))
    await react(world)
    assert [(await scored(world, name))["score"] for name in ("Ada", "Dan")] == [0, 0]
    await world.change("updateOrganisation", {"timeZone": clocks.behind})
    stage = (await world.lead("Dan", "stage { id }"))["stage"]["id"]
    await world.change("updateStage", {"stageId": stage, "probability": 80})
    await react(world)
    await let_time_score(world)
    assert [(await scored(world, name))["score"] for name in ("Ada", "Dan")] == [20, 40]
    assert await differing(world) == set()


async def test_leads_of_a_contact_with_very_many_are_marked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more leads than one batch scores, the others are scored with what is due."""
    await publish(world, group("Fit", rule("Boss", 40, condition={"contactJobTitle": {"equals": "boss"}})))
    given = {"pipelineId": world["Sales"], "contactId": world["contact of rita"]}
    for nth in range(3):
        await world.change("createLead", {**given, "title": f"Deal {nth}"})
    await react(world)
    monkeypatch.setattr(score, "MOST", 2)
    await world.change("updateContact", {"contactId": world["contact of rita"], "jobTitle": "Boss"})
    await react(world)
    assert len(await differing(world)) > 0
    await let_time_score(world)
    assert await differing(world) == set()
    assert (await scored(world, "Dan"))["score"] == 40
