"""The groups of a funnel: how long their leads stay, and how many there may be."""

from datetime import timedelta

import pytest

from engine.errors import RequestError
from models.rules.ids import parse_id
from models.tables.base import utc_now
from tests.support.world import World

FUNNEL = """
query ($id: ID!, $cohort: DateRange!, $by: [FunnelBy!]) { funnel(pipelineId: $id, cohort: $cohort, groupBy: $by) {
    leads groups { source leads } } }
"""

EVER = {"from": "2025-01-01", "to": "2034-12-30"}

MEDIANS = """
query ($id: ID!, $cohort: DateRange!) {
  funnel(pipelineId: $id, cohort: $cohort, groupBy: [SOURCE]) { stages { stage { name } medianSeconds }
    groups { source stages { stage { name } medianSeconds } } }
  stageDurations(pipelineId: $id) { stage { name } p50 } }
"""


async def test_half_of_the_visits(world: World) -> None:
    """Of all leads, it is what `stageDurations` says; of a group, it is of its leads. Visits that go on count."""
    hours = {"Ada": (3, 1), "Bob": (9, 2), "Cleo": (5, None)}
    for name, (ago, stayed) in hours.items():
        source = "Fair" if name == "Bob" else "Web"
        await world.change("updateLead", {"leadId": world[name], "source": source})
        if stayed is not None:
            await world.change("moveLead", {"leadId": world[name], "stageId": world["Offer"]})
        for is_first, at in ((True, ago), (False, ago - (stayed or 0))):
            await world.sql(
                "UPDATE stage_change SET occurred_at = $2 WHERE lead_id = $1 AND (from_stage_id IS NULL) = $3",
                parse_id("lead", world[name]), utc_now() - timedelta(hours=at, minutes=1), is_first,
            )  # fmt: skip
    shown = await world.ask(MEDIANS, {"id": world["Sales"], "cohort": EVER})
    known = {one["stage"]["name"]: one["p50"] for one in shown["stageDurations"]}
    of_all = {one["stage"]["name"]: one["medianSeconds"] for one in shown["funnel"]["stages"]}
    assert of_all == {**known, "Won": None, "Lost": None}
    assert known["New"] == 2 * 3600
    groups = {
        group["source"]: {one["stage"]["name"]: one["medianSeconds"] for one in group["stages"]}
        for group in shown["funnel"]["groups"]
    }
    assert groups["Fair"]["New"] == 2 * 3600
    assert groups["Web"]["New"] == 3600


async def test_more_groups_than_anybody_reads(world: World) -> None:
    """A message says what to do."""
    await world.sql(
        "INSERT INTO gone_lead (org_id, lead_id, created_at, gone_at, pipeline_id, stage_id, source)"
        " SELECT org_id, gen_random_uuid(), now(), now(), pipeline_id, id, n::text"
        " FROM stage, generate_series(1, 1001) AS n WHERE id = $1",
        parse_id("stage", world["New"]),
    )
    await world.sql(
        "INSERT INTO stage_change (org_id, id, lead_id, to_pipeline_id, to_stage_id, occurred_at)"
        " SELECT org_id, gen_random_uuid(), lead_id, pipeline_id, stage_id, now() FROM gone_lead"
    )
    given = {"id": world["Sales"], "cohort": EVER, "by": ["SOURCE"]}
    with pytest.raises(RequestError) as found:
        await world.api(FUNNEL, given, organisation=world.organisation)
    assert [error.message for error in found.value.errors] == [
        "groupBy: this funnel has more than 1,000 groups. Divide it by less, or ask for fewer days."
    ]
    assert (await world.ask(FUNNEL, {**given, "by": ["MONTH"]}))["funnel"]["leads"] == 1006
