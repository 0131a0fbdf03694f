"""How the rows of a table become deals: the column of each field, the composed title, renamed stages, the formats."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from resolvers.changes.imports.files.amounts import find_decimal, known_decimal, split_amount
from resolvers.changes.imports.files.dates import find_format, known_format, spelled_format
from resolvers.changes.imports.files.delimited import DELIMITERS, FileLine, Table
from resolvers.changes.imports.files.encodings import FileRefused
from resolvers.changes.imports.rows import FIELDS, MOMENTS, Deal, Formats, Rejected, read_deal

DATES = [*MOMENTS, "expected_close_date"]
"""The fields whose texts show how dates are written."""

_COLUMN = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Layout:
    """What is said of a file; what is left out is found in it."""

    columns: Mapping[str, str]
    title: str | None = None
    stage_names: Mapping[str, str] = field(default_factory=dict)
    entered: Mapping[str, str] = field(default_factory=dict)
    """The column with the time at which a deal entered a stage, by the stage's name."""
    currency: str | None = None
    """The currency of lines that name none; unless it is said, signs of a currency in amounts are refused."""
    date_format: str | None = None
    decimal: str | None = None


def columns_of(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: the mapped one, or the one of the same name. Raises `FileRefused`."""
    for name, column in mapping.items():
        if name not in FIELDS:
            raise FileRefused(f"--map {name}={column}: there is no field {name!r}. Fields are {', '.join(FIELDS)}.")
        if column not in header:
            raise FileRefused(f"--map {name}={column}: the file has no column {column!r}. It has {', '.join(header)}.")
    return {name: name for name in FIELDS if name in header} | dict(mapping)


def expect_columns(template: str | None, entered: Mapping[str, str], header: Sequence[str]) -> None:
    """Raises `FileRefused` for a title that is composed of columns the file does not have, and for such times."""
    for name, column in entered.items():
        if column not in header:
            raise FileRefused(
                f"--entered {name}={column}: the file has no column {column!r}. It has {', '.join(header)}."
            )
    for name in _COLUMN.findall(template or ""):
        if name not in header:
            raise FileRefused(f"--title: the file has no column {name!r}. It has {', '.join(header)}.")


def find_formats(table: Table, layout: Layout, default: str) -> Formats:
    """How the file writes dates and amounts, said or found. Raises `FileRefused` where that is not clear."""
    date_format = known_format(layout.date_format) if layout.date_format else None
    if date_format is None:
        date_format = find_format(text for column in _dates(layout) for text in _texts(table, column))
    values = [*_texts(table, layout.columns["value"])] if "value" in layout.columns else []
    if layout.currency is None and "currency" not in layout.columns:
        _expect_no_currency(values)
    decimal = known_decimal(layout.decimal) if layout.decimal else find_decimal(values)
    return Formats((layout.currency or default).upper(), date_format, decimal or ".")


def _dates(layout: Layout) -> list[str]:
    """The columns of dates."""
    return [*(layout.columns[name] for name in DATES if name in layout.columns), *layout.entered.values()]


def _texts(table: Table, column: str) -> Iterator[tuple[int, str]]:
    """The texts of a column, each with its line."""
    nth = table.header.index(column)
    yield from ((line.number, line.cells[nth]) for line in table.lines if nth < len(line.cells))


def _expect_no_currency(values: Sequence[tuple[int, str]]) -> None:
    for line, text in values:
        split = split_amount(text)
        if split is not None and split[2]:
            raise FileRefused(
                f"the amount {text.strip()[:40]!r} on line {line} names a currency. Say which it is, such as --currency"
                " EUR, or map a column to currency."
            )


def describe(table: Table, layout: Layout, formats: Formats, encoding: str) -> list[str]:
    """What was found in a file, in lines for people, before it is imported."""
    used = {*layout.columns.values(), *layout.entered.values(), *_COLUMN.findall(layout.title or "")}
    read = [f"{column} as {name}" if column != name else name for name, column in layout.columns.items()]
    read += [f"{column} as the entry into {name!r}" for name, column in layout.entered.items()]
    left = [name for name in table.header if name not in used]
    found = [
        f"{len(table.lines):,} rows in {encoding}, separated by {DELIMITERS.get(table.delimiter, table.delimiter)}.",
        f"Columns: {', '.join(read) or 'none'}." + (f" Not read: {', '.join(left)}." if left else ""),
    ]
    said = []
    if _dates(layout):
        said.append(f"Dates as {spelled_format(formats.date_format)}.")
    if "value" in layout.columns:
        said.append(
            f"Amounts with a decimal {'point' if formats.decimal == '.' else 'comma'}, in {formats.currency}"
            + (" where no currency is named." if "currency" in layout.columns else ".")
        )
    return [*found, " ".join(said)] if said else found


def read_deals(table: Table, layout: Layout, formats: Formats) -> tuple[list[Deal], list[tuple[int, str]]]:
    """The deals of the valid rows; and the line of each rejected one, with the reason."""
    deals: list[Deal] = []
    rejected: list[tuple[int, str]] = []
    for line in table.lines:
        try:
            deals.append(_deal(table.header, line, layout, formats))
        except Rejected as reason:
            rejected.append((line.number, str(reason)))
    return deals, rejected


def _deal(header: Sequence[str], line: FileLine, layout: Layout, formats: Formats) -> Deal:
    if len(line.cells) != len(header):
        raise Rejected(f"has {len(line.cells)} columns, not {len(header)}")
    cells = dict(zip(header, line.cells, strict=True))
    given = {name: cells[column] for name, column in layout.columns.items()}
    if "title" not in given or layout.title is not None:
        given["title"] = _title(cells, given, layout.title)
    stage = given.get("stage", "").strip()
    given["stage"] = layout.stage_names.get(stage.casefold(), stage)
    entered = {name: cells[column] for name, column in layout.entered.items()}
    return read_deal(line.number, given, formats, entered)


def _title(cells: Mapping[str, str], given: Mapping[str, str], template: str | None) -> str:
    """The title by the template. Where one of its columns is empty, the others joined by a dash."""
    if template is None:
        found = (given.get(name, "").strip() for name in ("customer", "contact", "contact_email", "external_id"))
        return next((text for text in found if text), "")
    values = [cells[name].strip() for name in _COLUMN.findall(template)]
    if all(values):
        return _COLUMN.sub(lambda match: cells[match[1]].strip(), template)
    return " – ".join(value for value in values if value)
