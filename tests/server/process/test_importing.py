"""`dealboard import` from the file to the report: layouts, dirty files, rejected lines, and the real data set."""

import asyncio
import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.process.cli import app
from server.process.faults import Fault
from server.process.import_files import read_file
from tests.support.reports.real_deals import MAPPING, REAL, STAGES, WHERE

HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"


@pytest.fixture
def imported(postgres_url: str, database: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Imports a file with this content (or at this path); returns what the command printed."""
    monkeypatch.setenv("DEALBOARD_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", "s" * 40)

    def run(content: str | bytes | Path, *options: str) -> str:
        path = content if isinstance(content, Path) else tmp_path / "deals.csv"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = CliRunner().invoke(app, ["import", str(path), *WHERE, *options], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


def rejects(folder: Path) -> list[tuple[str, str]]:
    """Line and reason of each rejected line."""
    with (folder / "deals.rejected.csv").open(newline="") as opened:
        return [(row["line"], row["reason"]) for row in csv.DictReader(opened)]


def test_dirty_lines_are_rejected_with_their_reasons(imported, tmp_path: Path) -> None:
    """Good lines are imported; the others are counted, and written to a file beside it with line and reason."""
    content = (
        HEADER
        + "A1,Ann,Box,Globex,Won,3/1/2017,4/1/2017,100\n"
        + "A2,Ann,Box,,Engaging,3/1/2017,,\n"
        + "A3,Ann,Box,Globex,,3/1/2017,,\n"
        + "A4,Ann,Box,Globex,Won,31/31/2017,4/1/2017,1\n"
        + "A1,Ann,Box,Globex,Won,3/1/2017,4/1/2017,100\n"
        + "A5,Ann,Box\n"
        + 'A6,Ann,"Box\nwith a lid",Globex,Lost,3/1/2017,4/1/2017,0\n'
    )
    output = imported(content, *MAPPING, "--create-missing")
    assert "3 imported, 0 unchanged, 4 rejected." in output
    assert rejects(tmp_path) == [
        ("4", "has no stage; name one"),
        ("5", "created_at: '31/31/2017' is not a date; write it as MM/DD/YYYY"),
        ("6", "external_id: 'A1' is already used on line 2"),
        ("7", "has 3 columns, not 8"),
    ]
    output = imported(HEADER + "A1,Ann,Box,Globex,Won,3/1/2017,4/1/2017,100\n", *MAPPING, "--create-missing")
    assert "0 imported, 1 unchanged, 0 rejected." in output
    assert not (tmp_path / "deals.rejected.csv").exists()


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", [], "is empty"),
        (b"title,stage\nf\xfcnf,Open\n", ["--encoding", "utf-8"], "it is not utf-8: see byte 13"),
        ("title,title\n", [], "two columns named 'title'"),
        ("title,stage\n", ["--map", "owner=agent"], "no column 'agent'. It has title, stage"),
        ("title,stage\n", ["--map", "boss=title"], "no field 'boss'"),
        ("title,stage\n", ["--map", "owner"], "two names separated by ="),
        ("title,stage\n", ["--title", "{nothing}"], "no column 'nothing'"),
        ("title,stage\n", ["--currency", "DOLLARS"], "ISO 4217"),
        ("title,stage\nDeal,Open\n", [], "--create-missing"),
        (Path("/nowhere/deals.csv"), [], "There is no file"),
        (Path("/"), [], "is a folder"),
    ],
)
def test_what_cannot_be_imported_gets_one_line(imported, content, options: list[str], words: str) -> None:
    """Each mistake gets one line, which says what to do."""
    with pytest.raises(Fault) as fault:
        imported(content, *options)
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)


def test_rejected_lines_are_private_and_harmless(imported, tmp_path: Path) -> None:
    """Formulas are text to a spreadsheet, and themselves again once the file is imported; only its owner reads it."""
    kept = tmp_path / "deals.rejected.csv"
    kept.write_text("from before")
    kept.chmod(0o644)
    open_stage = ("--create-missing", "--stages", "Open")
    imported('title,stage,contact\n"=HYPERLINK(""http://x"")",,+49 30\n-1,,@me\n"\tx",,plain\n', *open_stage)
    assert kept.stat().st_mode & 0o777 == 0o600
    with kept.open(newline="") as opened:
        rows = list(csv.reader(opened))
    assert [row[:3] for row in rows] == [
        ["title", "stage", "contact"],
        ['\'=HYPERLINK("http://x")', "", "'+49 30"],
        ["'-1", "", "'@me"],
        ["'\tx", "", "plain"],
    ]
    _, table = read_file(kept)
    assert table.header == ["title", "stage", "contact", "line", "reason"]
    assert [line.cells[:3] for line in table.lines] == [
        ['=HYPERLINK("http://x")', "", "+49 30"],
        ["-1", "", "@me"],
        ["\tx", "", "plain"],
    ]


def test_a_file_of_a_spreadsheet_is_read(imported) -> None:
    """A byte order mark, Windows line ends and quoted cells make no difference."""
    output = imported(b'\xef\xbb\xbftitle,stage\r\n"Deal, large",Open\r\n', "--create-missing")
    assert "1 imported, 0 unchanged, 0 rejected." in output
    assert "Created: 1 pipeline, 1 stage." in output


@pytest.mark.skipif(not REAL.exists(), reason="the published data set is not beside this checkout")
async def test_the_published_data_set(imported, api, tmp_path: Path) -> None:
    """8,800 real opportunities: 4,238 won, worth 10,005,534; 2,473 lost; 1,589 and 500 open. A second import changes
    nothing."""
    path = tmp_path / "deals.csv"
    path.write_bytes(REAL.read_bytes())
    options = [*MAPPING, *STAGES]
    assert "8,800 imported, 0 unchanged, 0 rejected." in await asyncio.to_thread(imported, path, *options)
    assert "0 imported, 8,800 unchanged, 0 rejected." in await asyncio.to_thread(imported, path, *options)
    query = "{ pipelines { stages { name totals { count values { currency value } } } } members { totalCount } }"
    data = (await api(query, organisation="acme"))["data"]
    totals = {stage["name"]: stage["totals"] for stage in data["pipelines"][0]["stages"]}
    assert list(totals) == ["Prospecting", "Engaging", "Won", "Lost"]
    assert totals["Won"] == {"count": 4238, "values": [{"currency": "USD", "value": "10005534.00"}]}
    assert [totals[name]["count"] for name in ("Lost", "Engaging", "Prospecting")] == [2473, 1589, 500]
    assert data["members"]["totalCount"] == 30
