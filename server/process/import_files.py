"""The files of an import: the one that is read, and the one that its rejected rows are written to."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from resolvers.changes.imports.files.delimited import Table, quoted, read_table
from resolvers.changes.imports.files.encodings import Decoded, FileRefused, decode
from server.process.faults import Fault


def read_file(file: Path, delimiter: str | None = None, encoding: str | None = None) -> tuple[Decoded, Table]:
    """The text of a file and the table in it. Raises `Fault`."""
    try:
        decoded = decode(file.read_bytes(), encoding)
        return decoded, read_table(decoded.text, delimiter)
    except FileNotFoundError as error:
        raise Fault(f"There is no file {file}. Check the path.") from error
    except IsADirectoryError as error:
        raise Fault(f"{file} is a folder. Name a CSV file.") from error
    except OSError as error:
        raise Fault(f"{file} cannot be read: {error.strerror}.") from error
    except FileRefused as refused:
        raise fault(refused, file) from refused


def fault(refused: FileRefused, file: Path) -> Fault:
    """The error of the command for a file that is refused. What begins with an option is wrong in the command."""
    return Fault(str(refused) if str(refused).startswith("--") else f"{file}: {refused}")


def write_rejected(file: Path, decoded: Decoded, table: Table, rejected: Sequence[tuple[int, str]]) -> Path | None:
    """Write the rejected rows beside the file, in its form, with line and reason. Without any, remove an earlier one.

    Only its owner can read it: the rows hold people's data, whatever the permissions of the folder are.
    """
    path = file.with_suffix(".rejected.csv")
    if not rejected:
        path.unlink(missing_ok=True)
        return None
    try:
        with open(path, "w", encoding=decoded.encoding, errors="replace", newline="", opener=_private) as opened:
            writer = csv.writer(opened, delimiter=table.delimiter)
            writer.writerow([*map(quoted, table.header), "line", "reason"])
            writer.writerows(_rejected_rows(table, dict(rejected)))
    except OSError as error:
        raise Fault(f"{len(rejected)} rows were rejected, but {path} cannot be written: {error.strerror}.") from error
    return path


def _rejected_rows(table: Table, reasons: Mapping[int, str]) -> Iterator[list[object]]:
    width = len(table.header)
    for line in table.lines:
        if line.number in reasons:
            cells = [quoted(cell.replace("\0", "")) for cell in line.cells[:width]]
            yield [*cells, *[""] * (width - len(cells)), line.number, quoted(reasons[line.number])]


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner can read, also where it is there already."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
