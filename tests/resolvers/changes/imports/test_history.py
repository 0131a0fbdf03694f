"""An imported deal has the history that people would have made: its steps in their order, at their times."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import organisation_id
from models.database import Database
from resolvers.changes.imports.history import history
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal, Rejected
from tests.support.consistency import RULES, breaches

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEW_YORK, TOKYO = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
KINDS = {"new": "OPEN", "talking": "OPEN", "offer": "OPEN", "won": "WON", "lost": "LOST"}
STAGES = {name: {"id": uuid4(), "name": name.title(), "kind": kind} for name, kind in KINDS.items()}


def a_deal(stage: str, **given: Any) -> Deal:
    """A deal in this stage."""
    lead = dict.fromkeys(IN_LINES) | {"title": given.pop("title", "Deal")} | given.pop("lead", {})
    return Deal(2, stage, lead, **given)


def steps(deal: Deal, zone: ZoneInfo = NEW_YORK) -> list[tuple[str, str]]:
    """The stages of the deal's history, and when it entered them."""
    past = history(deal, STAGES, STAGES["new"], zone, NOW)
    return [(step.stage["name"], step.at.isoformat()[:16]) for step in past.steps]


@pytest.mark.parametrize(
    ("deal", "zone", "expected"),
    [
        (a_deal("New"), NEW_YORK, [("New", "2026-06-01T12:00")]),
        (a_deal("Talking", created_at=date(2026, 3, 1)), NEW_YORK, [("Talking", "2026-03-01T05:00")]),
        (
            a_deal("Won", created_at=date(2026, 2, 1), closed_at=date(2026, 3, 1)),
            NEW_YORK,
            [("New", "2026-02-01T05:00"), ("Won", "2026-03-01T05:00")],
        ),
        (
            a_deal("Won", created_at=date(2026, 2, 1), closed_at=date(2026, 3, 1)),
            TOKYO,
            [("New", "2026-01-31T15:00"), ("Won", "2026-02-28T15:00")],
        ),
        (
            a_deal("Won", created_at=datetime(2026, 2, 1, 9), closed_at=datetime(2026, 2, 1, 23, tzinfo=UTC)),
            NEW_YORK,
            [("New", "2026-02-01T14:00"), ("Won", "2026-02-01T23:00")],
        ),
        (
            a_deal("Lost", created_at=datetime(2026, 2, 1, 9), closed_at=date(2026, 2, 1)),
            NEW_YORK,
            [("New", "2026-02-01T14:00"), ("Lost", "2026-02-01T14:00")],
        ),
        (
            a_deal("Won", created_at=date(2026, 2, 1)),
            NEW_YORK,
            [("New", "2026-02-01T05:00"), ("Won", "2026-06-01T12:00")],
        ),
        (
            a_deal("Won", closed_at=date(2026, 2, 1)),
            NEW_YORK,
            [("New", "2026-02-01T05:00"), ("Won", "2026-02-01T05:00")],
        ),
        (
            a_deal(
                "Won",
                created_at=date(2026, 1, 1),
                closed_at=date(2026, 4, 1),
                entered=[("Offer", date(2026, 3, 1)), ("talking", date(2026, 2, 1)), ("Won", date(2026, 4, 2))],
            ),
            NEW_YORK,
            [
                ("New", "2026-01-01T05:00"),
                ("Talking", "2026-02-01T05:00"),
                ("Offer", "2026-03-01T05:00"),
                ("Won", "2026-04-01T04:00"),
            ],
        ),
        (
            a_deal("Offer", entered=[("Talking", date(2026, 2, 1)), ("Offer", date(2026, 3, 1))]),
            NEW_YORK,
            [("Talking", "2026-02-01T05:00"), ("Offer", "2026-03-01T05:00")],
        ),
        (
            a_deal("Won", created_at=date(2026, 1, 1), entered=[("Won", datetime(2026, 2, 1, tzinfo=UTC))]),
            NEW_YORK,
            [("New", "2026-01-01T05:00"), ("Won", "2026-02-01T00:00")],
        ),
    ],
)
def test_steps_and_their_times(deal: Deal, zone: ZoneInfo, expected: list[tuple[str, str]]) -> None:
    """Bare days are the organisation's, times are kept, and what the file does not know is not made up."""
    assert steps(deal, zone) == expected


@pytest.mark.parametrize(
    ("deal", "reason"),
    [
        (a_deal("New", created_at=date(2031, 1, 1)), "created_at: 2031-01-01 is in the future; correct it"),
        (
            a_deal("Won", closed_at=date(2031, 1, 1)),
            "closed_at: 2031-01-01 is in the future; map its column to expected_close_date, or correct it",
        ),
        (
            a_deal("Offer", entered=[("Talking", date(2031, 1, 1))]),
            "the entry into 'Talking': 2031-01-01 is in the future; correct it",
        ),
        (
            a_deal("Won", created_at=date(2026, 3, 1), closed_at=date(2026, 2, 1)),
            "closed_at is before created_at; correct one of them",
        ),
        (
            a_deal("Offer", created_at=date(2026, 3, 1), entered=[("Talking", date(2026, 2, 1))]),
            "the entry into 'Talking' is before created_at; correct one of them",
        ),
        (
            a_deal(
                "Won", created_at=date(2026, 1, 1), closed_at=date(2026, 2, 1), entered=[("Offer", date(2026, 3, 1))]
            ),
            "closed_at is before the last step; correct one of them",
        ),
    ],
)
def test_what_cannot_have_been_is_rejected(deal: Deal, reason: str) -> None:
    """Nothing is in the future, and nothing in another order."""
    with pytest.raises(Rejected) as rejected:
        steps(deal)
    assert str(rejected.value) == reason


MOMENTS = st.one_of(
    st.none(),
    st.dates(date(1900, 1, 1), date(2027, 1, 1)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 7, 1)),
)


@given(
    st.sampled_from([*KINDS]),
    MOMENTS,
    MOMENTS,
    st.dictionaries(st.sampled_from([*KINDS]), MOMENTS.filter(lambda at: at is not None), max_size=3),
    st.sampled_from([NEW_YORK, TOKYO]),
)
def test_every_history_is_possible(
    stage: str, created: Any, closed: Any, entered: dict[str, Any], zone: ZoneInfo
) -> None:
    """It begins with the creation, ends in the deal's stage, and has no step in the future or back in time."""
    deal = a_deal(stage, created_at=created, closed_at=closed, entered=list(entered.items()))
    try:
        past = history(deal, STAGES, STAGES["new"], zone, NOW)
    except Rejected:
        return
    times = [step.at for step in past.steps]
    assert times == sorted(times)
    assert times[-1] <= NOW
    assert past.steps[-1].stage is STAGES[stage]
    assert (past.closed_at is not None) == (KINDS[stage] != "OPEN")
    ids = [step.stage["id"] for step in past.steps]
    assert all(one != other for one, other in pairwise(ids))


async def test_the_log_and_the_history_agree(database: Database, api: Any) -> None:
    """All that holds after any change holds after an import: each step has its event, and totals add up."""
    deals = [
        a_deal("Talking", title="a", created_at=date(1900, 1, 1)),
        a_deal("Talking", title="b", created_at=date(1969, 12, 31), closed_at=date(2031, 5, 6)),
        a_deal("Lost", title="c", created_at=date(2026, 1, 1), closed_at=date(2026, 1, 1), lost_reason="Too dear"),
        a_deal("Won", title="d", created_at=datetime(2026, 1, 1, 9), lost_reason="None of it"),
        a_deal("Won", title="e", closed_at=date(2026, 2, 1), entered=[("Offer", date(2026, 1, 2))]),
    ]
    options = Import("acme", "Sales", stages=["New"], won=["Won"], lost=["Lost"], create_missing=True)
    report = await import_deals(database, options, deals)
    assert (report.created, report.undated, report.rejected) == (5, 1, [])
    for name, rule in RULES.items():
        assert await breaches(database, rule) == [], name
    query = """{ leads(first: 9, orderBy: {field: CREATED_AT, direction: ASC}) { nodes {
        title createdAt closedAt lostReason expectedCloseDate
        stageHistory { nodes { toStage { name } } } } } }"""
    nodes = (await api(query, organisation="acme"))["data"]["leads"]["nodes"]
    assert [node["title"] for node in nodes] == ["a", "b", "c", "d", "e"]
    by_title = {node["title"]: node for node in nodes}
    assert by_title["a"]["createdAt"].startswith("1900-01-01")
    assert by_title["b"]["expectedCloseDate"] == "2031-05-06"
    assert [node["lostReason"] for node in nodes] == [None, None, "Too dear", None, None]
    assert by_title["d"]["closedAt"] > (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    names = [step["toStage"]["name"] for step in by_title["c"]["stageHistory"]["nodes"]]
    assert names == ["New", "Lost"]
    assert (
        await database.pool.fetchval(
            "SELECT count(*) FROM event WHERE org_id = $1 AND data -> 'changes' ->> 'lostReason' IS NOT NULL",
            organisation_id("acme"),
        )
        == 1
    )
