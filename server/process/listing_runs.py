"""`dealboard runs`: a table of runs, those that are waiting first."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import bindparam, text

from engine.read.rows import ORG
from models.database import Database, Row, Statement
from models.rules.ids import public_id
from models.tables.base import organisation_id
from server.process.faults import Fault, run, settings_for_work
from server.process.runtime import open_database

MOST = 100
"""Runs that are listed."""

WIDEST = 400
"""Characters of a line where the output is not a terminal."""

_FOUND = """
    SELECT organisation.key, run.id, run.kind, run.state, run.done, run.total, run.error, run.created_at, run.updated_at
    FROM run JOIN organisation ON organisation.id = run.org_id {where}
    ORDER BY run.state <> 'RUNNING', coalesce(run.finished_at, run.created_at) DESC, run.id DESC
    LIMIT CAST(:most AS int)
"""

LISTED = Statement(text(_FOUND.format(where="")))
"""The runs of all organisations."""

LISTED_OF = Statement(
    text(_FOUND.format(where="WHERE run.org_id = :org_id AND organisation.id = :org_id")).bindparams(ORG)
)
"""The runs of one organisation."""

KNOWN = Statement(text("SELECT id FROM organisation WHERE key = :key").bindparams(bindparam("key")))


def runs_command(
    org: Annotated[str | None, typer.Option(help="Key of an organisation: only its runs.")] = None,
) -> None:
    """List runs, changes that go on after their request: those that are waiting first, then the latest, up to 100."""

    async def work() -> list[Row]:
        async with open_database(settings_for_work()) as database:
            return await find_runs(database, org)

    found = run(work())
    # A file or a pipe has no width: nothing is cut off there.
    console = Console() if Console().is_terminal else Console(width=WIDEST)
    if not found:
        console.print("There are no runs." if org is None else f"The organisation {org!r} has no runs.")
        return
    console.print(runs_table(found))


async def find_runs(database: Database, org: str | None) -> list[Row]:
    """The runs of an organisation, or of all, as far as they are listed. Raises `Fault` for an unknown organisation."""
    async with database.acquire() as connection:
        if org is None:
            return await LISTED.all(connection, most=MOST)
        if await KNOWN.first(connection, key=org) is None:
            raise Fault(f"--org {org}: there is no such organisation. Send the key that its tokens and `orgid` carry.")
        return await LISTED_OF.all(connection, org_id=organisation_id(org), most=MOST)


def runs_table(found: list[Row]) -> Table:
    """The table of these runs."""
    table = Table("organisation", "run", "mutation", "state", "done", "started", "last batch or end")
    for row in found:
        table.add_row(
            row["key"],
            public_id("run", row["id"]),
            row["kind"],
            row["state"] if row["error"] is None else f"{row['state']}: {row['error']}",
            f"{row['done']:,} of {row['total']:,}",
            *(row[name].isoformat(" ", "seconds") for name in ("created_at", "updated_at")),
        )
    return table
