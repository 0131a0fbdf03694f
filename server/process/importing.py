"""`dealboard import`: deals from a CSV file, with a column mapping, a progress bar and a file of rejected lines."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.rules.money import PRECISION
from models.tables.pipeline import PipelineType
from resolvers.changes.imports.batch import Report
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import FIELDS, Deal, Rejected, read_deal
from server.process.faults import Fault, run, settings_for_work
from server.process.import_files import FileLine, read_file, write_rejected
from server.process.runtime import open_database
from server.settings import Settings

FIELDS_HELP = "Fields: " + "; ".join(f"{name}: {what}" for name, what in FIELDS.items()) + "."

_COLUMN = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Layout:
    """How a file is read: the column of each field, and the format of values."""

    columns: Mapping[str, str]
    title: str | None
    stage_names: Mapping[str, str]
    currency: str
    date_format: str | None


def import_command(
    file: Annotated[Path, typer.Argument(help="The CSV file, in UTF-8, with a line of column names.")],
    org: Annotated[str, typer.Option(help="Key of the organisation.")],
    pipeline: Annotated[str, typer.Option(help="Name of the pipeline.")],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help=f"field=column, once per field. {FIELDS_HELP}")
    ] = None,
    title: Annotated[str | None, typer.Option(help='Title built from columns: "{product} for {account}".')] = None,
    date_format: Annotated[str | None, typer.Option(help='Such as "%m/%d/%Y"; without it YYYY-MM-DD.')] = None,
    stage: Annotated[list[str] | None, typer.Option(help="name in the file=name of the stage.")] = None,
    stages: Annotated[str | None, typer.Option(help="Stages to create, in order, separated by commas.")] = None,
    won: Annotated[list[str] | None, typer.Option(help="A stage in which deals are won.")] = None,
    lost: Annotated[list[str] | None, typer.Option(help="A stage in which deals are lost.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of lines that name none.")] = "USD",
    type_: Annotated[PipelineType, typer.Option("--type", help="Type of the pipeline, if it is created.")] = (
        PipelineType.OPPORTUNITY
    ),
    create_missing: Annotated[
        bool, typer.Option(help="Create missing pipelines, stages, members, customers and contacts.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Report what an import would do, and keep nothing.")] = False,
    again: Annotated[
        bool, typer.Option(help="Import lines without an external id again if this file was imported lately.")
    ] = False,
) -> None:
    """Import deals from a CSV file, in batches. If it is stopped, the same command goes on where it was."""
    if currency.upper() not in PRECISION:
        raise Fault(f"--currency {currency}: send an ISO 4217 code, such as USD.")
    header, lines = read_file(file)
    layout = Layout(
        columns=columns_of(header, _pairs(map_, "--map")),
        title=_template(title, header),
        stage_names={name.casefold(): to for name, to in _pairs(stage, "--stage").items()},
        currency=currency,
        date_format=date_format,
    )
    options = Import(
        organisation=org,
        pipeline=pipeline,
        type=type_,
        stages=[name.strip() for name in (stages or "").split(",") if name.strip()],
        won=won or (),
        lost=lost or (),
        create_missing=create_missing,
        dry_run=dry_run,
        again=again,
    )
    deals, rejected = read_deals(header, lines, layout)
    report: Report = run(_import(settings_for_work(), options, deals))
    report.rejected.extend(rejected)
    _tell(report, options, write_rejected(file, header, lines, report.rejected))


async def _import(settings: Settings, options: Import, deals: Sequence[Deal]) -> Report:
    bar = Progress(TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True)
    async with open_database(settings) as database:
        with bar:
            task = bar.add_task("deals", total=len(deals))
            try:
                return await import_deals(database, options, deals, lambda done: bar.advance(task, done))
            except ImportFailed as failed:
                raise Fault(str(failed)) from failed


def columns_of(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: the mapped one, or the one of the same name. Raises `Fault`."""
    for name, column in mapping.items():
        if name not in FIELDS:
            raise Fault(f"--map {name}={column}: there is no field {name!r}. Fields are {', '.join(FIELDS)}.")
        if column not in header:
            raise Fault(f"--map {name}={column}: the file has no column {column!r}. It has {', '.join(header)}.")
    return {name: name for name in FIELDS if name in header} | dict(mapping)


def read_deals(
    header: Sequence[str], lines: Sequence[FileLine], layout: Layout
) -> tuple[list[Deal], list[tuple[int, str]]]:
    """The deals of the valid lines; and the number of each rejected line, with the reason."""
    deals: list[Deal] = []
    rejected: list[tuple[int, str]] = []
    for line in lines:
        try:
            deals.append(_deal(header, line, layout))
        except Rejected as reason:
            rejected.append((line.number, str(reason)))
    return deals, rejected


def _deal(header: Sequence[str], line: FileLine, layout: Layout) -> Deal:
    if len(line.cells) != len(header):
        raise Rejected(f"has {len(line.cells)} columns, not {len(header)}")
    cells = dict(zip(header, line.cells, strict=True))
    given = {name: cells[column] for name, column in layout.columns.items()}
    if "title" not in given or layout.title is not None:
        given["title"] = _title(cells, given, layout.title)
    stage = given.get("stage", "").strip()
    given["stage"] = layout.stage_names.get(stage.casefold(), stage)
    return read_deal(line.number, given, currency=layout.currency, date_format=layout.date_format)


def _title(cells: Mapping[str, str], given: Mapping[str, str], template: str | None) -> str:
    """The title by the template. Where one of its columns is empty, the others joined by a dash."""
    if template is None:
        found = (given.get(name, "").strip() for name in ("customer", "contact", "contact_email", "external_id"))
        return next((text for text in found if text), "")
    values = [cells[name].strip() for name in _COLUMN.findall(template)]
    if all(values):
        return _COLUMN.sub(lambda match: cells[match[1]].strip(), template)
    return " – ".join(value for value in values if value)


def _template(template: str | None, header: Sequence[str]) -> str | None:
    for name in _COLUMN.findall(template or ""):
        if name not in header:
            raise Fault(f"--title: the file has no column {name!r}. It has {', '.join(header)}.")
    return template


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise Fault(f"{option} {pair}: write two names separated by =.")
        pairs[name.strip()] = value.strip()
    return pairs


def _tell(report: Report, options: Import, rejected: Path | None) -> None:
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
    if report.made:
        console.print(
            "Created: "
            + ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in report.made.items())
            + "."
        )
    if rejected is not None:
        console.print(f"The rejected lines, with reasons, are in {rejected}.", soft_wrap=True)
