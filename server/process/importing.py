"""`dealboard import`: deals from a CSV file, with a column mapping, a progress bar and a file of rejected lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.rules.money import PRECISION
from models.tables.pipeline import PipelineType
from resolvers.changes.imports.batch import Report
from resolvers.changes.imports.files.amounts import known_decimal
from resolvers.changes.imports.files.dates import known_format
from resolvers.changes.imports.files.delimited import known_delimiter
from resolvers.changes.imports.files.encodings import FileRefused, known_encoding
from resolvers.changes.imports.files.layout import (
    Layout,
    columns_of,
    describe,
    expect_columns,
    find_formats,
    read_deals,
)
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import FIELDS, Deal
from server.process.faults import Fault, run, settings_for_work
from server.process.import_files import fault, read_file, write_rejected
from server.process.runtime import open_database
from server.settings import Settings

DEFAULT_CURRENCY = "USD"

FIELDS_HELP = "Fields: " + "; ".join(f"{name}: {what}" for name, what in FIELDS.items()) + "."


def import_command(
    file: Annotated[Path, typer.Argument(help="The CSV file, with a line of column names.")],
    org: Annotated[str, typer.Option(help="Key of the organisation.")],
    pipeline: Annotated[str, typer.Option(help="Name of the pipeline.")],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help=f"field=column, once per field. {FIELDS_HELP}")
    ] = None,
    title: Annotated[str | None, typer.Option(help='Title built from columns: "{product} for {account}".')] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates columns: ';', comma, semicolon, tab or pipe.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as utf-8, utf-16 or windows-1252.")] = None,
    date_format: Annotated[str | None, typer.Option(help="Such as DD/MM/YYYY or MM/DD/YYYY.")] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal mark of amounts: . or ,")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="name in the file=name of the stage.")] = None,
    entered: Annotated[
        list[str] | None, typer.Option(help="stage=column with the time at which deals entered it.")
    ] = None,
    stages: Annotated[str | None, typer.Option(help="Stages to create, in order, separated by commas.")] = None,
    won: Annotated[list[str] | None, typer.Option(help="A stage in which deals are won.")] = None,
    lost: Annotated[list[str] | None, typer.Option(help="A stage in which deals are lost.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of lines that name none.")] = None,
    type_: Annotated[PipelineType, typer.Option("--type", help="Type of the pipeline, if it is created.")] = (
        PipelineType.OPPORTUNITY
    ),
    create_missing: Annotated[
        bool, typer.Option(help="Create missing pipelines, stages, members, customers and contacts.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Report what an import would do, and keep nothing.")] = False,
    by: Annotated[
        str | None, typer.Option(help="The member who imports, by name or e-mail address, for the change log.")
    ] = None,
    again: Annotated[
        bool, typer.Option(help="Import lines without an external id again if this file was imported lately.")
    ] = False,
) -> None:
    """Import deals from a CSV file, in batches. If it is stopped, the same command goes on where it was."""
    with _refusals(file):
        _expect_options(delimiter, encoding, date_format, decimal, currency)
        renamed = {name.casefold(): to for name, to in _pairs(stage, "--stage").items()}
        mapping, times = _pairs(map_, "--map"), _pairs(entered, "--entered")
        options = Import(
            organisation=org,
            pipeline=pipeline,
            type=type_,
            stages=_stages(stages, won or (), lost or ()),
            won=won or (),
            lost=lost or (),
            create_missing=create_missing,
            dry_run=dry_run,
            again=again,
            by=by,
        )
        decoded, table = read_file(file, delimiter and known_delimiter(delimiter), encoding)
        columns = columns_of(table.header, mapping)
        expect_columns(title, times, table.header)
        layout = Layout(columns, title, renamed, times, currency, date_format, decimal)
        formats = find_formats(table, layout, DEFAULT_CURRENCY)
    _print(describe(table, layout, formats, decoded.name))
    deals, rejected = read_deals(table, layout, formats)
    report: Report = run(_import(settings_for_work(), options, deals, len(rejected)))
    report.rejected.extend(rejected)
    _print_report(report, options, write_rejected(file, decoded, table, report.rejected))


@contextmanager
def _refusals(file: Path) -> Iterator[None]:
    try:
        yield
    except FileRefused as refused:
        raise fault(refused, file) from refused


def _expect_options(
    delimiter: str | None, encoding: str | None, date_format: str | None, decimal: str | None, currency: str | None
) -> None:
    """Refuse a wrong option before anything is read."""
    if currency is not None and currency.upper() not in PRECISION:
        raise FileRefused(f"--currency {currency}: send an ISO 4217 code, such as USD.")
    for said, known in (
        (delimiter, known_delimiter),
        (encoding, known_encoding),
        (date_format, known_format),
        (decimal, known_decimal),
    ):
        if said is not None:
            known(said)


def _stages(stages: str | None, won: Sequence[str], lost: Sequence[str]) -> list[str]:
    """The stages to create, in order. Raises `Fault` for one that is named twice, or is both won and lost."""
    named = [name.strip() for name in (stages or "").split(",") if name.strip()]
    folded = [name.casefold() for name in named]
    for name in named:
        if folded.count(name.casefold()) > 1:
            raise Fault(f"--stages: {name!r} is there twice. Name each stage once.")
    both = {name.casefold() for name in won} & {name.casefold() for name in lost}
    if both:
        raise Fault(f"--won and --lost both name {min(both)!r}. A stage is one or the other.")
    return named


async def _import(settings: Settings, options: Import, deals: Sequence[Deal], rejected: int) -> Report:
    bar = Progress(TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True)
    async with open_database(settings) as database:
        with bar:
            task = bar.add_task("deals", total=len(deals))
            try:
                return await import_deals(database, options, deals, lambda done: bar.advance(task, done), rejected)
            except ImportFailed as failed:
                raise Fault(str(failed)) from failed


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise Fault(f"{option} {pair}: write two names separated by =.")
        pairs[name.strip()] = value.strip()
    return pairs


def _print(lines: Sequence[str]) -> None:
    console = Console(highlight=False, markup=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def _print_report(report: Report, options: Import, rejected: Path | None) -> None:
    console = Console(highlight=False)
    if options.dry_run:
        console.print("Dry run: nothing is kept.")
    console.print(f"{report.created:,} imported, {report.unchanged:,} unchanged, {len(report.rejected):,} rejected.")
    if report.resumed:
        console.print(
            f"Of the unchanged lines, {report.resumed:,} have no external_id. They were imported when this file was"
            " sent before; to import them once more, add --again.",
            soft_wrap=True,
        )
    if report.undated:
        console.print(
            f"Won or lost without a date: {report.undated:,}. These count as closed now, by the import. If the file has"
            " the dates, map their column to closed_at.",
            soft_wrap=True,
        )
    if report.made:
        console.print(
            "Created: "
            + ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in report.made.items())
            + "."
        )
    if rejected is not None:
        console.print(f"The rejected lines, with reasons, are in {rejected}.", soft_wrap=True)
