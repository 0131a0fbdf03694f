"""Importing deals: complete, once, with all that a line says."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from models import organisation_id
from models.database import Database
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import IN_LINES, Deal, Formats, Rejected, read_deal

ORG = organisation_id("acme")
OPTIONS = Import("acme", "Sales", stages=["Open", "Won", "Lost"], won=["won"], lost=["LOST"], create_missing=True)
TABLES = ("pipeline", "stage", "member", "customer", "contact", "lead", "stage_change", "event", "stage_total")


def a_deal(number: int, **given: Any) -> Deal:
    """A deal that can be taken."""
    lead = {name: given.pop(name, None) for name in IN_LINES} | {"title": f"Deal {number}"}
    return Deal(number, given.pop("stage", "Open"), lead, **given)


def many(count: int, seed: int = 1) -> list[Deal]:
    """Deals as in real files: recurring owners and customers, some without; open, won and lost."""
    random = Random(seed)
    deals = []
    for number in range(2, count + 2):
        stage = random.choice(["Open", "Won", "Lost"])
        began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=random.randrange(200))
        deals.append(
            a_deal(
                number,
                stage=stage,
                external_id=f"X{number}",
                owner=f"Agent {random.randrange(30)}",
                customer=random.choice([None, f"Account {random.randrange(85)}"]),
                created_at=began,
                closed_at=began + timedelta(days=9) if stage != "Open" else None,
                value=Decimal(random.randrange(1, 5000)).quantize(Decimal("0.01")) if stage == "Won" else None,
                currency="USD" if stage == "Won" else None,
            )
        )
    return deals


async def counts(database: Database) -> dict[str, int]:
    """The number of rows of the organisation, by table."""
    return {
        table: await database.pool.fetchval(f"SELECT count(*) FROM {table} WHERE org_id = $1", ORG) for table in TABLES
    }


async def test_a_large_file_is_imported_whole(database: Database, api: Any) -> None:
    """8,800 deals arrive with owners, customers, history and events, and the board's totals add up."""
    deals = many(8_800)
    done: list[int] = []
    report = await import_deals(database, OPTIONS, deals, done.append)
    assert (report.created, report.unchanged, report.rejected, sum(done)) == (8_800, 0, [], 8_800)
    made = await counts(database)
    closed = sum(deal.stage != "Open" for deal in deals)
    assert (made["lead"], made["member"], made["customer"]) == (8_800, 30, 85)
    assert made["event"] == 8_800 + closed + 30 + 85 + 2  # The pipeline that was created, and the import's end.
    assert made["stage_change"] == 8_800 + closed
    query = "{ pipelines { name type stages { name kind totals { count values { currency value } } } } }"
    (pipeline,) = (await api(query, organisation="acme"))["data"]["pipelines"]
    assert (pipeline["name"], pipeline["type"]) == ("Sales", "OPPORTUNITY")
    won = [deal for deal in deals if deal.stage == "Won"]
    value = sum(deal.lead["value"] for deal in won)
    expected = {"count": len(won), "values": [{"currency": "USD", "value": str(value)}]}
    by_name = {stage["name"]: stage for stage in pipeline["stages"]}
    assert list(by_name) == ["Open", "Won", "Lost"]
    assert (by_name["Won"]["kind"], by_name["Won"]["totals"]) == ("WON", expected)
    assert by_name["Lost"]["totals"]["count"] == sum(deal.stage == "Lost" for deal in deals)


async def test_what_a_deal_says_is_kept(database: Database, api: Any) -> None:
    """The lead has the owner, account, contact, value, stage and dates of its line; a won deal is closed on its day."""
    began, ended = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    deal = a_deal(
        2,
        stage="Won",
        owner="Ann",
        customer="Globex",
        contact="Bob",
        contact_email="bob@globex.example",
        value=Decimal("5.50"),
        currency="EUR",
        created_at=began,
        closed_at=ended,
        source="Fair",
        external_id="7",
    )
    await import_deals(database, OPTIONS, [deal])
    query = """{ leads { nodes { title kind owner { name } customer { name } contact { name email customer { name } }
        value currency probability weightedValue createdAt closedAt stageEnteredAt source externalId
        stageHistory { nodes { occurredAt fromStage { name } toStage { name } } } } } }"""
    (lead,) = (await api(query, organisation="acme"))["data"]["leads"]["nodes"]
    assert lead == {
        "title": "Deal 2",
        "kind": "OPPORTUNITY",
        "owner": {"name": "Ann"},
        "customer": {"name": "Globex"},
        "contact": {"name": "Bob", "email": "bob@globex.example", "customer": {"name": "Globex"}},
        "value": "5.50",
        "currency": "EUR",
        "probability": 100,
        "weightedValue": "5.50",
        "createdAt": began.isoformat(),
        "closedAt": ended.isoformat(),
        "stageEnteredAt": ended.isoformat(),
        "source": "Fair",
        "externalId": "7",
        "stageHistory": {
            "nodes": [
                {"occurredAt": began.isoformat(), "fromStage": None, "toStage": {"name": "Open"}},
                {"occurredAt": ended.isoformat(), "fromStage": {"name": "Open"}, "toStage": {"name": "Won"}},
            ]
        },
    }


async def test_a_second_import_changes_nothing(database: Database) -> None:
    """Known ids are counted as unchanged, and only new ones are added."""
    deals = many(50)
    await import_deals(database, OPTIONS, deals)
    before = await counts(database)
    again = await import_deals(database, OPTIONS, deals)
    assert (again.created, again.unchanged, dict(again.made)) == (0, 50, {})
    assert await counts(database) == before
    more = await import_deals(
        database, OPTIONS, [*deals, replace(deals[0], line=99, lead={**deals[0].lead, "external_id": "new"})]
    )
    assert (more.created, more.unchanged) == (1, 50)


async def test_two_imports_at_once_import_once(database: Database) -> None:
    """The second import waits for the first, and then finds every deal."""
    deals = many(300)
    reports = await asyncio.gather(*(import_deals(database, OPTIONS, deals) for _ in range(3)))
    assert sorted(report.created for report in reports) == [0, 0, 300]
    assert (await counts(database))["lead"] == 300


async def test_a_dry_run_keeps_nothing(database: Database) -> None:
    """A dry run reports what an import would do, and leaves every table as it was."""
    dry = await import_deals(database, replace(OPTIONS, dry_run=True), many(40))
    assert dry.created == 40
    assert set((await counts(database)).values()) == {0}
    real = await import_deals(database, OPTIONS, many(40))
    assert (dry.created, dry.made) == (real.created, real.made)


async def test_what_is_missing_is_rejected_unless_it_may_be_made(database: Database) -> None:
    """Without --create-missing, lines with unknown stages, members, customers or contacts are rejected, each by its
    kind."""
    await import_deals(database, OPTIONS, [a_deal(2, owner="Ann", customer="Globex")])
    before = await counts(database)
    lines: Sequence[Deal] = [
        a_deal(3, stage="Elsewhere"),
        a_deal(4, owner="Nobody"),
        a_deal(5, customer="Unknown"),
        a_deal(6, contact="Stranger"),
        a_deal(7, owner="ann", customer="GLOBEX"),
    ]
    report = await import_deals(database, replace(OPTIONS, create_missing=False), lines)
    assert report.created == 1
    assert [(line, reason.split(";")[0]) for line, reason in report.rejected] == [
        (3, "stage: there is no stage 'Elsewhere'"),
        (4, "owner: there is no member 'Nobody'"),
        (5, "customer: there is no customer 'Unknown'"),
        (6, "contact: there is no contact 'Stranger'"),
    ]
    assert (await counts(database))["member"] == before["member"]
    with pytest.raises(ImportFailed, match="--create-missing"):
        await import_deals(database, Import("acme", "Other"), lines)


async def test_an_id_twice_in_a_file_is_taken_once(database: Database) -> None:
    """The second line with the same id is rejected, naming the first."""
    report = await import_deals(database, OPTIONS, [a_deal(2, external_id="A"), a_deal(3, external_id="A")])
    assert report.created == 1
    assert report.rejected == [(3, "external_id: 'A' is already used on line 2")]


async def test_an_inactive_owner_is_rejected(database: Database) -> None:
    """A deal of a deactivated member is rejected."""
    await import_deals(database, OPTIONS, [a_deal(2, owner="Ann")])
    await database.pool.execute("UPDATE member SET active = false WHERE org_id = $1", ORG)
    report = await import_deals(database, OPTIONS, [a_deal(3, owner="Ann")])
    assert report.created == 0
    assert "no longer active" in report.rejected[0][1]


async def test_imported_cards_stand_below_the_others(database: Database, api: Any) -> None:
    """The ranks of imported cards follow those that the stage has, in the order of the file."""
    await import_deals(database, OPTIONS, [a_deal(number) for number in range(2, 12)])
    await import_deals(database, OPTIONS, [a_deal(number) for number in range(12, 15)])
    query = "{ pipelines { stages { leads(first: 100) { nodes { title } } } } }"
    (pipeline,) = (await api(query, organisation="acme"))["data"]["pipelines"]
    assert [lead["title"] for lead in pipeline["stages"][0]["leads"]["nodes"]] == [
        f"Deal {number}" for number in range(2, 15)
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"stage": ""}, "has no stage; name one"),
        ({"title": "  "}, "title: This cannot be empty"),
        ({"value": "-5"}, "value: This amount is out of range"),
        ({"value": "12x"}, "value: '12x' is not an amount; write one such as 1054.50"),
        ({"value": "١٢"}, "is not an amount; write one such as 1054.50"),
        ({"value": "NaN"}, "value: 'NaN' is not an amount; write one such as 1054.50"),
        ({"value": "9" * 50}, "is not an amount; write one such as 1054.50"),
        ({"value": "1.005"}, "1.005 has too many decimals"),
        ({"value": "5", "currency": "XXQ"}, "'XXQ' is not a currency"),
        ({"score": "1.5"}, "score: '1.5' is not a whole number of 32 bits; write one such as 42"),
        ({"score": "1_0"}, "score: '1_0' is not a whole number of 32 bits; write one such as 42"),
        ({"score": "2147483648"}, "score: '2147483648' is not a whole number of 32 bits; write one such as 42"),
        ({"score": "-2147483649"}, "score: '-2147483649' is not a whole number of 32 bits; write one such as 42"),
        ({"probability": "101"}, "probability: 101 is out of range: send 0 to 100."),
        ({"external_id": "x" * 301}, "external_id: This has 301 characters"),
        ({"created_at": "2017-13-01"}, "created_at: '2017-13-01' is not a date"),
        ({"created_at": "0017-01-01"}, "created_at: the year 17 is out of range"),
        (
            {"closed_at": "2017-01-01", "created_at": "2018-01-01"},
            "closed_at is before created_at; correct one of them",
        ),
        ({"description": "x" * 20_001}, "contains a text of more than"),
        ({"owner": "a\0b"}, "contains the NUL character; remove it"),
        ({"title": "x" * 301}, "title: This has 301 characters"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(given: dict[str, str], reason: str) -> None:
    """Each kind of wrong value has its reason."""
    with pytest.raises(Rejected) as rejected:
        read_deal(2, {"title": "Deal", "stage": "Open"} | given, Formats("USD"))
    assert reason in str(rejected.value)


def test_amounts_and_dates_are_read_as_people_write_them() -> None:
    """Thousands may be grouped, currencies lower case, and dates in the format that the option names."""
    given = {"title": "Deal", "stage": "Open", "value": "1,054.5", "currency": "eur", "created_at": "3/1/2017"}
    deal = read_deal(2, given, Formats("USD", "%m/%d/%Y"))
    assert (deal.lead["value"], deal.lead["currency"]) == (Decimal("1054.50"), "EUR")
    assert deal.created_at == date(2017, 3, 1)


def test_what_is_empty_is_left_out() -> None:
    """Empty cells are fields without a value, and a currency without a value is nothing."""
    given = dict.fromkeys(IN_LINES, " ") | {"title": "Deal", "stage": "Open", "currency": "XXQ"}
    deal = read_deal(2, given, Formats("USD"))
    assert deal.lead == dict.fromkeys(IN_LINES) | {"title": "Deal"}


@pytest.mark.parametrize(("text", "number"), [("-2147483648", -(2**31)), ("2147483647", 2**31 - 1), (" 07 ", 7)])
def test_a_number_of_32_bits_is_read(text: str, number: int) -> None:
    """Either end fits; spaces and leading zeros do no harm."""
    given = {"title": "Deal", "stage": "Open", "score": text}
    assert read_deal(2, given, Formats("USD")).lead["score"] == number
