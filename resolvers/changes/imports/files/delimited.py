"""The table in a text: its delimiter, its column names, and its rows with their line numbers.

Cells are read by Python's `csv`, strictly. Its `Sniffer` is not used: it guesses a dialect from how often any character
occurs, so it finds letters as delimiters, and takes no notice of whether the rows have the columns that are named.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from resolvers.changes.imports.files.encodings import FileRefused

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
"""The delimiters that are found by themselves, and what they are called."""

SAID = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
"""Delimiters by words, for shells in which they are hard to type."""

SAMPLE = 100
"""Rows that are looked at to find the delimiter."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets run as a formula. In the file of rejected lines it gets an apostrophe in front,
which makes it text there, and which reading removes."""

QUOTE = '"'

csv.field_size_limit(100_000_000)


@dataclass(frozen=True)
class FileLine:
    """A row of the file as it stands, and the line on which it begins."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    """The column names and the rows of a file."""

    delimiter: str
    header: Sequence[str]
    lines: Sequence[FileLine]


def known_delimiter(said: str) -> str:
    """The delimiter that is said by itself or by a word. Raises `FileRefused` for more than one character."""
    delimiter = SAID.get(said.casefold(), said)
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ' or delimiter.isalnum():
        raise FileRefused(f"--delimiter {said}: write one character, such as ';', or comma, semicolon, tab or pipe.")
    return delimiter


def read_table(text: str, delimiter: str | None = None) -> Table:
    """The table. Lines without any text are no rows, and neither are columns beyond the last one that has a name.

    Raises `FileRefused`: empty; two columns of one name; no clear delimiter; a quote that is not closed.
    """
    skipped = 0
    first, _, rest = text.partition("\n")
    if first.rstrip("\r").lower().startswith("sep=") and len(first.rstrip("\r")) == 5:  # Excel's own way to say it
        delimiter, text, skipped = delimiter or first[4], rest, 1
    delimiter = delimiter or find_delimiter(text)
    records = (FileLine(line.number + skipped, line.cells) for line in _records(text, delimiter, skipped))
    names = next((line for line in records if any(cell.strip() for cell in line.cells)), None)
    if names is None:
        raise FileRefused("it is empty. Its first line should name the columns.")
    header = [unquoted(name).strip() for name in _without_padding(names.cells, 1)]
    header = [name or f"column {nth}" for nth, name in enumerate(header, 1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise FileRefused(f"it has two columns named {twice[0]!r}. Rename one.")
    lines = []
    for line in records:
        cells = _without_padding([unquoted(cell) for cell in line.cells], len(header))
        if any(cell.strip() for cell in cells):
            lines.append(FileLine(line.number, cells))
    return Table(delimiter, header, lines)


def find_delimiter(text: str) -> str:
    """The delimiter by which the rows have the columns that the first row names. Raises `FileRefused` if two do.

    A file of one column has a comma, which makes no difference.
    """
    fits: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        try:
            rows = [len(line.cells) for line in islice(_records(text, delimiter), SAMPLE) if any(line.cells)]
        except FileRefused:
            rows = []
        if rows and rows[0] > 1:
            fits[delimiter] = (sum(count == rows[0] for count in rows) / len(rows), rows[0])
    if not fits:
        return "," if not any(text.partition("\n")[0].count(each) for each in DELIMITERS) else _most(text)
    best = max(fit for fit, _ in fits.values())
    found = [delimiter for delimiter, (fit, _) in fits.items() if fit == best]
    if len(found) > 1:
        # One of them stands within names or texts: it makes fewer columns.
        most = max(fits[each][1] for each in found)
        found = [each for each in found if fits[each][1] == most]
    if len(found) > 1:
        names = " or ".join(DELIMITERS[each] for each in found)
        raise FileRefused(f"its delimiter is not clear: it can be {names}. Say it with --delimiter.")
    return found[0]


def _most(text: str) -> str:
    """The delimiter that the first line has most of, for a file whose quotes cannot be read by any."""
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _records(text: str, delimiter: str, skipped: int = 0) -> Iterator[FileLine]:
    """Each record that is not empty, with the line it begins on. Raises `FileRefused` for a quote that is not closed:
    no row after it can be trusted."""
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            consumed.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    width: int | None = None
    before = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FileRefused(_quote_at("".join(consumed), delimiter, before + skipped)) from error
        if cells is None:
            return
        if cells:
            width = width or len(cells)
            if reader.line_num - before > 1 and len(_without_padding(cells, width)) != width:
                line = _opened("".join(consumed), delimiter)
                raise FileRefused(_not_closed(before + skipped + line))
            yield FileLine(before + 1, cells)
        before = reader.line_num
        consumed.clear()


def _without_padding(cells: Sequence[str], width: int) -> Sequence[str]:
    """The cells, without empty ones at the end beyond `width`."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _not_closed(line: int) -> str:
    return (
        f"the quote that opens on line {line} is not closed where its cell ends. Close it there, or remove it; a quote"
        " within a quoted cell is written twice."
    )


def _quote_at(record: str, delimiter: str, before: int) -> str:
    """What is wrong with the quotes of a record that ends the reading; `before` lines come before it."""
    return _not_closed(before + _opened(record, delimiter))


def _opened(record: str, delimiter: str) -> int:
    """The line of a record, from 1, on which its last quoted cell begins that is not closed before a delimiter or an
    end of line; or else the first one that goes on over several lines."""
    line, start, at = 1, True, 0
    several: int | None = None
    while at < len(record):
        letter = record[at]
        if start and letter == QUOTE:
            opened, at = line, at + 1
            while at < len(record) and (record[at] != QUOTE or record[at : at + 2] == QUOTE * 2):
                line += record[at] == "\n"
                at += 2 if record[at] == QUOTE else 1
            if at >= len(record) or record[at + 1 : at + 2] not in ("", delimiter, "\r", "\n"):
                return opened
            several = several or (opened if line > opened else None)
            start = False
        else:
            start = letter in (delimiter, "\n", "\r")
            line += letter == "\n"
        at += 1
    return several or 1


def quoted(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def unquoted(cell: str) -> str:
    """The cell before it was `quoted`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
