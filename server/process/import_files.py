"""The files of an import: the lines of the one that is read, and the one that its rejected lines are written to."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.process.faults import Fault

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets run as a formula. In the file of rejected lines it gets an apostrophe in front,
which makes it text there, and which reading removes."""


@dataclass(frozen=True)
class FileLine:
    """A line of the file as it stands."""

    number: int
    cells: Sequence[str]


def read_file(file: Path) -> tuple[list[str], list[FileLine]]:
    """The column names and the lines of a file. Raises `Fault`."""
    csv.field_size_limit(100_000_000)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened)
            header = [_unquoted(name).strip() for name in next(reader, [])]
            lines = [FileLine(reader.line_num, [_unquoted(cell) for cell in cells]) for cells in reader if cells]
    except FileNotFoundError as error:
        raise Fault(f"There is no file {file}. Check the path.") from error
    except IsADirectoryError as error:
        raise Fault(f"{file} is a folder. Name a CSV file.") from error
    except UnicodeDecodeError as error:
        raise Fault(f"{file} is not UTF-8 (byte {error.start}). Save it as UTF-8, for instance with iconv.") from error
    except (csv.Error, OSError) as error:
        raise Fault(f"{file} cannot be read: {error}.") from error
    if not header:
        raise Fault(f"{file} is empty. Its first line should name the columns.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise Fault(f"{file} has two columns named {twice[0]!r}. Rename one.")
    return header, lines


def write_rejected(
    file: Path, header: Sequence[str], lines: Sequence[FileLine], rejected: Sequence[tuple[int, str]]
) -> Path | None:
    """Write the rejected lines beside the file, with number and reason. Without any, remove an earlier such file.

    Only its owner can read it: the lines hold people's data, whatever the permissions of the folder are.
    """
    path = file.with_suffix(".rejected.csv")
    if not rejected:
        path.unlink(missing_ok=True)
        return None
    reasons = dict(rejected)
    try:
        with open(path, "w", encoding="utf-8", newline="", opener=_private) as opened:
            writer = csv.writer(opened)
            writer.writerow([*map(_quoted, header), "line", "reason"])
            writer.writerows(_rejected_rows(header, lines, reasons))
    except OSError as error:
        raise Fault(f"{len(rejected)} lines were rejected, but {path} cannot be written: {error.strerror}.") from error
    return path


def _rejected_rows(
    header: Sequence[str], lines: Sequence[FileLine], reasons: Mapping[int, str]
) -> Iterator[list[object]]:
    for line in lines:
        if line.number in reasons:
            cells = [_quoted(cell.replace("\0", "")) for cell in line.cells[: len(header)]]
            yield [*cells, *[""] * (len(header) - len(cells)), line.number, _quoted(reasons[line.number])]


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner can read, also where it is there already."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
