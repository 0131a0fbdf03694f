"""The texts of files: encodings, delimiters and quotes, dates and amounts are found, or refused with the way out."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolvers.changes.imports.files.amounts import NoAmount, find_decimal, read_amount
from resolvers.changes.imports.files.dates import find_format, known_format, read_moment, spelled_format
from resolvers.changes.imports.files.delimited import quoted, read_table, unquoted
from resolvers.changes.imports.files.encodings import FileRefused, decode

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=5), min_size=2, max_size=6, unique=True)
CELLS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=12)


@given(st.data())
def test_a_table_is_read_as_it_was_written(data: st.DataObject) -> None:
    """Whatever the cells hold, and by any delimiter, the rows come back, with the lines they begin on."""
    header, delimiter = data.draw(NAMES), data.draw(st.sampled_from(",;\t|"))
    row = st.lists(CELLS.map(unquoted), min_size=len(header), max_size=len(header)).filter(
        lambda cells: any(cell.strip() for cell in cells)
    )
    rows = data.draw(st.lists(row, max_size=5))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header, *([quoted(cell) for cell in cells] for cells in rows)])
    table = read_table(text.getvalue(), delimiter)
    assert (table.header, [list(line.cells) for line in table.lines]) == (header, rows)
    begins = [2 + sum(1 + "".join(cells).count("\n") for cells in rows[:nth]) for nth in range(len(rows))]
    assert [line.number for line in table.lines] == begins


@given(NAMES, st.sampled_from(",;\t|"), st.integers(1, 5))
def test_the_delimiter_is_found(header: list[str], delimiter: str, rows: int) -> None:
    """Texts without delimiters of their own leave no doubt."""
    text = "\r\n".join([delimiter.join(header), *[delimiter.join("x" for _ in header)] * rows])
    table = read_table(text)
    assert (table.delimiter, table.header, len(table.lines)) == (delimiter, header, rows)


@pytest.mark.parametrize(
    ("text", "delimiter", "rows"),
    [
        ("title;value\nBox;1,5\nLid;2,5\n", ";", 2),
        ('title,note\nBox,"a; b"\nLid,c\n', ",", 2),
        ("title\nBox\n", ",", 1),
        ("sep=;\ntitle;value\nBox;1\n", ";", 1),
        ("\n;;\ntitle;value;\nBox;1;;;\n;;\n\n", ";", 1),
    ],
)
def test_shapes_of_spreadsheets(text: str, delimiter: str, rows: int) -> None:
    """Commas in amounts, delimiters in texts, Excel's own line and padding do no harm."""
    table = read_table(text)
    assert (table.delimiter, len(table.lines), table.lines[0].cells[0]) == (delimiter, rows, "Box")
    assert "" not in table.header


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,b\n1,"2\n3,4\n5,6\n', "opens on line 2 is not closed"),
        ('a,b\n1,"2\n3,"4"\n', "opens on line 2 is not closed"),
        ('a,b\n1,"2"x\n', "opens on line 2 is not closed"),
        ('a,b\n"1\nx",2\n3,"4 ""\n5,6\n', "opens on line 4 is not closed"),
        ('a,b,c\n1,"2,3\n4,",5,6\n', "opens on line 2 is not closed"),
        ('sep=,\na,b\n1,"2\n', "opens on line 3 is not closed"),
        ("a;b,c\n1;2,3\n", "its delimiter is not clear: it can be comma or semicolon. Say it with --delimiter."),
        ("", "it is empty"),
        ("\n\n,,\n", "it is empty"),
        ("a,a\n", "two columns named 'a'"),
    ],
)
def test_what_is_unclear_is_refused(text: str, words: str) -> None:
    """An open quote is named by its line, and no row after it is read."""
    with pytest.raises(FileRefused) as refused:
        read_table(text)
    assert words in str(refused.value)


@given(st.lists(st.text("abc, 01", min_size=1, max_size=8), min_size=1, max_size=30), st.data())
def test_an_open_quote_is_named_by_its_line(cells: list[str], data: st.DataObject) -> None:
    """Wherever the only quote stands at the beginning of a cell, the file is refused with that line."""
    broken = data.draw(st.integers(0, len(cells) - 1))
    rows = [f"{nth};{chr(34) * (nth == broken)}{cell}" for nth, cell in enumerate(cells)]
    with pytest.raises(FileRefused, match=f"opens on line {broken + 2} is not closed"):
        read_table("\n".join(["a;b", *rows]), ";")


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("Müller – „Größe“ €5".encode("cp1252"), "cp1252", "Müller – „Größe“ €5"),
        ("Zoë;Peña;ÉTÉ;d’Œuvre".encode("cp1252"), "cp1252", "Zoë;Peña;ÉTÉ;d’Œuvre"),
        ("Łódź".encode(), "utf-8", "Łódź"),
        ("Łódź".encode("utf-8-sig"), "utf-8-sig", "Łódź"),
        ("a\tŁ".encode("utf-16"), "utf-16", "a\tŁ"),
        ("title,stage\nBox,Open".encode("utf-16-le"), "utf-16-le", "title,stage\nBox,Open"),
        (b"", "utf-8", ""),
    ],
)
def test_the_encoding_is_found(content: bytes, encoding: str, text: str) -> None:
    """By its mark, because it can be nothing else, or because it reads like Western text."""
    decoded = decode(content)
    assert (decoded.encoding, decoded.text) == (encoding, text)


@pytest.mark.parametrize(
    "content",
    [
        "Łódź Sp. z o.o.".encode("cp1250"),
        "Привет".encode("cp1251"),
        "Köln, Düsseldorf".encode("mac_roman"),
        b"\x81\x8d",
    ],
)
def test_another_encoding_is_not_taken_for_it(content: bytes) -> None:
    """Bytes that make no Western words are refused, and the message says how to name the encoding."""
    with pytest.raises(FileRefused, match=r"its encoding is not clear.*--encoding"):
        decode(content)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf_8_is_always_found(text: str) -> None:
    """No text that is in UTF-8 is taken for another encoding; NULs aside, which texts do not have."""
    assume("\0" not in text and not text.startswith("\ufeff"))
    assert decode(text.encode()).text == text


def test_a_said_encoding_is_kept_to() -> None:
    """It reads what is not found by itself, and is refused where the file is not in it."""
    assert decode("Łódź".encode("cp1250"), "windows-1250").text == "Łódź"
    for content, said in (("Łódź".encode("cp1250"), "utf-8"), ("a".encode("utf-16"), "utf-8")):
        with pytest.raises(FileRefused, match="Leave out --encoding"):
            decode(content, said)


@given(st.decimals("0", "99999999", places=2), st.sampled_from(".,"), st.sampled_from(["", " ", "\xa0", "'", "mark"]))
def test_an_amount_is_read_as_it_was_written(amount: Decimal, decimal: str, group: str) -> None:
    """Exactly, however thousands are grouped; and its mark is found, because two digits follow it."""
    group = (",." if decimal == "." else ".,")[0] if group == "mark" else group
    text = f"{amount:,.2f}".replace(",", "_").replace(".", decimal).replace("_", group)
    assert read_amount(text, decimal, None) == amount
    assert find_decimal([(2, text)]) == decimal


@pytest.mark.parametrize("text", ["1.000", "12.500", "1,000", "999,999", "1.000 €"])
def test_three_digits_after_the_only_mark_are_unclear(text: str) -> None:
    """It is refused until another amount shows the mark; the message names the line."""
    with pytest.raises(FileRefused, match=r"on line 7 can be .* Add --decimal \. .* or --decimal ,"):
        find_decimal([(2, "5"), (7, text)])
    assert find_decimal([(2, "7.5"), (7, text)]) == "."
    assert find_decimal([(2, "1.234,5"), (7, text)]) == ","


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["5", "", "abc"], None),
        (["0.500"], "."),
        (["1234,500"], ","),
        (["1.000.000"], ","),
        (["1,000,000.00"], "."),
        (["1'000.5"], "."),
        (["1 000,50"], ","),
    ],
)
def test_the_mark_is_found(texts: list[str], mark: str | None) -> None:
    """By what can be a decimal mark, and by what groups thousands."""
    assert find_decimal(enumerate(texts)) == mark


def test_amounts_that_do_not_agree_are_refused() -> None:
    """Both lines are named."""
    with pytest.raises(FileRefused, match=r"'1.50' on line 2 has a decimal point, '1,50' on line 3 a decimal comma"):
        find_decimal([(2, "1.50"), (3, "1,50")])


@pytest.mark.parametrize(
    ("text", "decimal", "currency", "amount"),
    [
        ("1.000", ",", "EUR", "1000"),
        ("1.000", ".", "KWD", "1.000"),
        ("1.234,50 €", ",", "EUR", "1234.50"),
        ("€ 1.234,50", ",", "EUR", "1234.50"),
        ("$1,234.50", ".", "CAD", "1234.50"),
        ("EUR 5", ".", "EUR", "5"),
        ("-5", ".", "EUR", "-5"),
        ("1 234,50", ",", "EUR", "1234.50"),
    ],
)
def test_amounts_with_their_currency(text: str, decimal: str, currency: str, amount: str) -> None:
    """A sign or a code beside the amount is read where it is that of the currency that is said."""
    assert str(read_amount(text, decimal, currency)) == amount


@pytest.mark.parametrize(
    "text", ["1,23,4.5", "1.5.5", "€5 $", "$5", "12x", "1e5", "٣", "1,5", "1 00", "5%", "(5)", "1'00.5"]
)
def test_what_is_not_an_amount_in_euros(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(NoAmount):
        read_amount(text, ".", "EUR")


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)), st.sampled_from("./-"), st.booleans())
def test_the_order_of_dates_is_found(day: date, mark: str, day_first: bool) -> None:
    """A day above 12 shows it, and every other date is then read by it."""
    if mark == ".":
        day_first = True
    format = f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"
    found = find_format([(2, day.strftime(format)), (3, date(2024, 3, 25).strftime(format))])
    assert found == format
    assert read_moment(day.strftime(format), found) == day


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            ["3/4/2024"],
            "'3/4/2024' on line 2 can begin with the day or with the month. Add --date-format DD/MM/YYYY or",
        ),
        (["13/4/2024", "4/13/2024"], "its dates do not agree: '13/4/2024' on line 2 begins with the day, '4/13/2024'"),
        (["3/4/24"], "have a year of two digits. Say --date-format"),
    ],
)
def test_dates_that_are_unclear_are_refused(texts: list[str], words: str) -> None:
    """The message names a line and the option."""
    with pytest.raises(FileRefused) as refused:
        find_format(enumerate(texts, 2))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "format", "moment"),
    [
        ("2024-03-01", None, date(2024, 3, 1)),
        ("2024-03-01 14:05", None, datetime(2024, 3, 1, 14, 5)),
        ("2024-03-01T14:05:09Z", None, datetime(2024, 3, 1, 14, 5, 9, tzinfo=UTC)),
        ("2024-03-01T14:05+02:00", None, datetime(2024, 3, 1, 14, 5, tzinfo=timezone(timedelta(hours=2)))),
        ("01/03/2024", "DD/MM/YYYY", date(2024, 3, 1)),
        ("1.3.2024 14:05", "DD.MM.YYYY", datetime(2024, 3, 1, 14, 5)),
        ("3/1/2024 2:05 PM", "MM/DD/YYYY", datetime(2024, 3, 1, 14, 5)),
        ("3/1/2024 14:05 +0200", "MM/DD/YYYY", datetime(2024, 3, 1, 14, 5, tzinfo=timezone(timedelta(hours=2)))),
        ("01.03.24", "DD.MM.YY", date(2024, 3, 1)),
        ("1 Mar 2024", "D MMM YYYY", date(2024, 3, 1)),
        ("2024/03/01", "%Y/%m/%d", date(2024, 3, 1)),
        ("01/03/2024 14:05", "DD/MM/YYYY HH:mm", datetime(2024, 3, 1, 14, 5)),
    ],
)
def test_days_and_times_are_read(text: str, format: str | None, moment: date) -> None:
    """By words or directives; a time and an offset after the day are kept, and a bare day stays one."""
    read = read_moment(text, format and known_format(format))
    assert (type(read), read) == (type(moment), moment)


@pytest.mark.parametrize("format", ["%d/%m", "DD/MM", "%H:%M", "YYYY", "MM/YYYY", "", "%", "%Q", "sometime"])
def test_a_format_without_a_whole_day_is_refused(format: str) -> None:
    """Python would take the year 1900 for a day without a year."""
    with pytest.raises(FileRefused, match="it needs a year, a month and a day"):
        known_format(format)


@pytest.mark.parametrize("words", ["DD/MM/YYYY", "MM-DD-YY", "DD. MMM YYYY", "YYYY/MM/DD HH:mm:ss"])
def test_a_format_is_shown_as_people_write_it(words: str) -> None:
    """The words come back."""
    assert spelled_format(known_format(words)) == words
    assert spelled_format(None) == "YYYY-MM-DD"
