"""`dealboard import` of files in the shapes that spreadsheets and other systems export: what is found and imported."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models import organisation_id
from server.process.cli import app
from server.process.faults import Fault

FILES = Path(__file__).parent / "files"

GERMAN = [
    *("--map", "external_id=Nr", "--map", "title=Titel", "--map", "customer=Kunde", "--map", "stage=Phase"),
    *("--map", "value=Wert", "--map", "created_at=Angelegt"),
]
HUBSPOT = [
    *("--map", "external_id=Record ID", "--map", "title=Deal Name", "--map", "stage=Deal Stage"),
    *("--map", "value=Amount", "--map", "created_at=Create Date", "--map", "closed_at=Close Date"),
    *("--map", "owner=Deal owner", "--map", "customer=Associated Company", "--map", "contact=Associated Contact"),
    *("--map", "lost_reason=Closed Lost Reason"),
    *("--entered", 'Appointment scheduled=Date entered "Appointment scheduled (Sales Pipeline)"'),
    *("--entered", 'Contract sent=Date entered "Contract sent (Sales Pipeline)"'),
    *("--stages", "Appointment scheduled,Contract sent,Closed won,Closed lost"),
    *("--won", "Closed won", "--lost", "Closed lost", "--currency", "USD"),
]
PIPEDRIVE = [
    *("--map", "external_id=Deal - ID", "--map", "title=Deal - Title", "--map", "value=Deal - Value"),
    *("--map", "currency=Deal - Currency of Value", "--map", "stage=Deal - Status"),
    *("--map", "created_at=Deal - Deal created", "--map", "lost_reason=Deal - Lost reason"),
    *("--map", "owner=Deal - Owner", "--map", "customer=Deal - Organization"),
    *("--map", "contact=Deal - Contact person", "--map", "contact_email=Person - Email - Work"),
    *("--entered", "Won=Deal - Won time", "--entered", "Lost=Deal - Lost time"),
    *("--stages", "Open,Won,Lost", "--won", "Won", "--lost", "Lost"),
]


@dataclass
class Case:
    """A file, what is said of it, what is found in it, and the leads that come: title, stage, value, when it was
    created and closed, and its further fields."""

    name: str
    options: list[str]
    found: list[str]
    leads: list[tuple[Any, ...]]
    steps: dict[str, list[str]] = field(default_factory=dict)


CASES = [
    Case(
        "excel_german.csv",
        [
            *(*GERMAN, "--map", "closed_at=Abgeschlossen", "--map", "owner=Verkäufer", "--currency", "EUR"),
            *("--won", "Gewonnen", "--lost", "Verloren"),
        ],
        [
            "3 rows in Windows-1252, separated by semicolon.",
            "Dates as DD.MM.YYYY. Amounts with a decimal comma, in EUR.",
        ],
        [
            ("Fräsmaschine", "Gewonnen", "1234.50 EUR", "2024-01-31T23:00", "2024-02-28T23:00", "Müller & Söhne GmbH"),
            ("Drehbank", "Angebot", "12500.00 EUR", "2024-02-02T23:00", None, "Bäckerei Weiß"),
            ("Säge „Profi“", "Verloren", "0.99 EUR", "2024-02-03T23:00", "2024-02-04T23:00", "Müller & Söhne GmbH"),
        ],
    ),
    Case(
        "excel_french.csv",
        [
            *("--map", "external_id=Référence", "--map", "title=Affaire", "--map", "customer=Société"),
            *("--map", "stage=Étape", "--map", "value=Montant", "--map", "created_at=Créée le"),
            *("--map", "closed_at=Conclue le", "--currency", "eur", "--won", "Gagnée"),
        ],
        [
            "2 rows in Windows-1252, separated by semicolon.",
            "Dates as DD/MM/YYYY. Amounts with a decimal comma, in EUR.",
        ],
        [
            ("Pompe à chaleur", "Gagnée", "1234.50 EUR", "2024-02-04T23:00", "2024-02-12T23:00", "Électricité Génin"),
            ("Façade", "Négociation", "12500.00 EUR", "2024-02-27T23:00", None, "Hôtel de l’Œuvre"),
        ],
    ),
    Case(
        "excel_us.csv",
        [
            *("--map", "external_id=ID", "--map", "title=Opportunity", "--map", "customer=Company"),
            *("--map", "stage=Stage", "--map", "value=Amount", "--map", "created_at=Opened"),
            *("--map", "closed_at=Closed", "--currency", "USD", "--won", "Won"),
        ],
        [
            "2 rows in UTF-8 with a byte order mark, separated by comma.",
            "Dates as MM/DD/YYYY. Amounts with a decimal point, in USD.",
        ],
        [
            ("Widgets, large", "Won", "1234.50 USD", "2024-01-30T23:00", "2024-03-04T23:00", "Globex"),
            ('13" monitor', "Negotiation", "12500.00 USD", "2024-01-31T23:00", None, "Initech"),
        ],
    ),
    Case(
        "excel_unicode.txt",
        [*GERMAN, "--currency", "EUR"],
        ["2 rows in UTF-16, separated by tab.", "Dates as YYYY-MM-DD. Amounts with a decimal comma, in EUR."],
        [
            ("Pralinen", "Angebot", "1500.00 EUR", "2024-02-29T23:00", None, "Čokoláda s.r.o."),
            ("Pierogi", "Angebot", "20.50 EUR", "2024-03-01T23:00", None, "Łódź Sp. z o.o."),
        ],
    ),
    Case(
        "excel_swiss.csv",
        [
            *("--map", "title=Titel", "--map", "customer=Kunde", "--map", "stage=Phase"),
            *("--map", "value=Betrag CHF", "--map", "created_at=Angelegt", "--currency", "CHF"),
        ],
        [
            "2 rows in UTF-8 with a byte order mark, separated by semicolon.",
            "Dates as DD.MM.YYYY. Amounts with a decimal point, in CHF.",
        ],
        [
            ("Uhrwerk", "Offerte", "1234.50 CHF", "2024-03-13T23:00", None, "Zürcher AG"),
            ("Gehäuse", "Offerte", "12500.00 CHF", "2024-03-14T23:00", None, "Genève SA"),
        ],
    ),
    Case(
        "hubspot.csv",
        HUBSPOT,
        ["3 rows in UTF-8, separated by comma.", "Dates as YYYY-MM-DD. Amounts with a decimal point, in USD."],
        [
            ("Globex - New Deal", "Closed won", "12500.00 USD", "2024-03-01T08:15", "2024-04-10T14:30", "Globex"),
            ("Initech - Renewal", "Closed lost", "800.50 USD", "2024-03-02T09:00", "2024-03-30T11:00", "Initech"),
            ("Umbrella - Upsell", "Contract sent", None, "2024-03-03T07:00", None, "Umbrella"),
        ],
        {
            "Globex - New Deal": [
                "Appointment scheduled 2024-03-01T08:15",
                "Contract sent 2024-03-20T10:00",
                "Closed won 2024-04-10T14:30",
            ],
            "Initech - Renewal": ["Appointment scheduled 2024-03-02T09:00", "Closed lost 2024-03-30T11:00"],
            "Umbrella - Upsell": ["Appointment scheduled 2024-03-03T07:00", "Contract sent 2024-03-04T07:00"],
        },
    ),
    Case(
        "salesforce.csv",
        [
            *("--map", "external_id=Opportunity ID", "--map", "title=Opportunity Name", "--map", "stage=Stage"),
            *("--map", "customer=Account Name", "--map", "owner=Opportunity Owner", "--map", "value=Amount"),
            *("--map", "currency=Amount Currency", "--map", "created_at=Created Date"),
            *("--map", "closed_at=Close Date", "--stages", "Proposal/Price Quote,Closed Won", "--won", "Closed Won"),
        ],
        [
            "2 rows in Windows-1252, separated by comma.",
            "Dates as MM/DD/YYYY. Amounts with a decimal point, in USD where no currency is named.",
        ],
        [
            ("Zoë Salon - Chairs", "Closed Won", "12500.00 EUR", "2024-01-14T23:00", "2024-02-29T23:00", "Zoë Salon"),
            ("Peña Foods - Oven", "Proposal/Price Quote", "1000.00 USD", "2024-02-19T23:00", None, "Peña Foods"),
        ],
        {"Zoë Salon - Chairs": ["Proposal/Price Quote 2024-01-14T23:00", "Closed Won 2024-02-29T23:00"]},
    ),
    Case(
        "pipedrive.csv",
        PIPEDRIVE,
        ["3 rows in UTF-8, separated by comma."],
        [
            ("Globex deal", "Won", "1000.00 EUR", "2024-01-05T09:00", "2024-02-01T16:45", "Globex"),
            ("Initech deal", "Lost", "250.25 EUR", "2024-01-06T09:00", "2024-01-20T08:00", "Initech"),
            ("Umbrella deal", "Open", "0.00 EUR", "2024-01-07T09:00", None, "Umbrella"),
        ],
        {"Initech deal": ["Open 2024-01-06T09:00", "Lost 2024-01-20T08:00"]},
    ),
    Case(
        "unclear_amounts.csv",
        ["--decimal", ","],
        ["Amounts with a decimal comma, in USD."],
        [
            ("Box", "Open", "1000.00 USD", None, None, None),
            ("Lid", "Open", "12500.00 USD", None, None, None),
            ("Cup", "Open", "80.00 USD", None, None, None),
        ],
    ),
    Case(
        "unclear_dates.csv",
        ["--date-format", "DD/MM/YYYY"],
        ["Dates as DD/MM/YYYY."],
        [("Box", "Open", None, "2024-04-02T22:00", None, None), ("Lid", "Open", None, "2024-11-11T23:00", None, None)],
    ),
    Case(
        "sep_line.csv",
        [],
        ["2 rows in UTF-8, separated by semicolon."],
        [("Box; large", "Open", None, None, None, None), ("Lid", "Open", None, None, None, None)],
    ),
]


@pytest.fixture
def command(postgres_url: str, database: object, monkeypatch: pytest.MonkeyPatch):
    """Imports one of the files into an organisation of Berlin; returns what the command printed."""
    monkeypatch.setenv("DEALBOARD_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", "s" * 40)

    def run(path: Path, *options: str) -> str:
        where = ["import", str(path), "--org", "acme", "--pipeline", "Sales", *options]
        result = CliRunner().invoke(app, where, catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_file_comes_in_right(command: Any, database: Any, tmp_path: Path, case: Case) -> None:
    """What is found is printed, and each deal has the texts, amounts, instants and steps that its row means."""
    await database.pool.execute(
        "INSERT INTO organisation (id, key, name, time_zone) VALUES ($1, 'acme', 'acme', 'Europe/Berlin')",
        organisation_id("acme"),
    )
    path = tmp_path / case.name
    path.write_bytes((FILES / case.name).read_bytes())
    output = await asyncio.to_thread(command, path, "--create-missing", *case.options)
    for line in case.found:
        assert line in output
    assert f"{len(case.leads)} imported, 0 unchanged, 0 rejected." in output
    rows = await database.pool.fetch(
        "SELECT title, stage.name AS stage, value, currency, lead.created_at, lead.closed_at, customer.name AS customer"
        " FROM lead JOIN stage ON stage.id = stage_id LEFT JOIN customer ON customer.id = customer_id"
    )
    came = {
        row["title"]: (
            row["stage"],
            None if row["value"] is None else f"{row['value']} {row['currency']}",
            _minute(row["created_at"]),
            _minute(row["closed_at"]),
            row["customer"],
        )
        for row in rows
    }
    dated = any(lead[3] for lead in case.leads)
    for title, stage, value, created, closed, customer in case.leads:
        assert came[title] == (stage, value, created if dated else came[title][2], closed, customer)
    steps = await database.pool.fetch(
        "SELECT title, stage.name, occurred_at FROM stage_change AS step JOIN lead ON lead.id = step.lead_id"
        " JOIN stage ON stage.id = to_stage_id ORDER BY occurred_at, step.id"
    )
    for title, expected in case.steps.items():
        found = [f"{step['name']} {_minute(step['occurred_at'])}" for step in steps if step["title"] == title]
        assert found == expected


def _minute(at: Any) -> str | None:
    return None if at is None else at.isoformat()[:16]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("unclosed_quote.csv", [], "the quote that opens on line 3 is not closed"),
        ("unclear_amounts.csv", [], "'1.000' on line 2 can be 1000 or 1. Add --decimal ."),
        ("unclear_dates.csv", [], "'3/4/2024' on line 2 can begin with the day or with the month. Add --date-format"),
        ("excel_german.csv", GERMAN, "'1.234,50 €' on line 2 names a currency. Say which it is, such as --currency"),
        ("excel_german.csv", ["--encoding", "utf-8"], "it is not utf-8: see byte"),
        ("excel_unicode.txt", ["--encoding", "windows-1252"], "it is UTF-16, as its first bytes say"),
    ],
)
async def test_an_unclear_file_is_refused(
    command: Any, database: Any, name: str, options: list[str], words: str
) -> None:
    """It is refused in one line with the way out, and nothing is written."""
    with pytest.raises(Fault) as fault:
        await asyncio.to_thread(command, FILES / name, "--create-missing", *options)
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)
    assert await database.pool.fetchval("SELECT count(*) FROM organisation") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--delimiter", "ab"], "--delimiter ab: write one character"),
        (["--encoding", "klingon"], "--encoding klingon: there is no such encoding"),
        (["--encoding", "hex"], "--encoding hex: there is no such encoding"),
        (["--date-format", "%d/%m"], "--date-format %d/%m: it needs a year, a month and a day"),
        (["--date-format", "DD/MM"], "--date-format DD/MM: it needs a year"),
        (["--date-format", "sometime"], "--date-format sometime: it needs a year"),
        (["--decimal", ";"], "--decimal ;: write '.' for"),
        (["--currency", "DOLLARS"], "ISO 4217"),
        (["--stages", "Open, Won ,open"], "--stages: 'Open' is there twice"),
        (["--won", "Done", "--lost", "done"], "--won and --lost both name 'done'"),
        (["--stage", "Open"], "--stage Open: write two names separated by ="),
        (["--entered", "Open"], "--entered Open: write two names separated by ="),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_read(command: Any, options: list[str], words: str) -> None:
    """The file is not even looked for."""
    with pytest.raises(Fault) as fault:
        command(Path("/nowhere/deals.csv"), *options)
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)
