"""The lines of a file that could not be imported, in a file of their own: to be corrected, and imported again."""

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


def unquoted(cell: str) -> str:
    """A cell as it was before it was quoted for spreadsheets."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
