"""`dealboard consumers`: how far consumers of the event log are, and setting one back."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.background.positions import NoSuchConsumer, NotInLog, positions, replay
from models.database import Database, Row
from models.tables.base import organisation_id
from server.process.faults import Fault, run, settings_for_work
from server.process.runtime import open_database


def consumers_command(
    org: Annotated[
        str | None, typer.Option(help="Key of the organisation. Empty: all that are not up to date.")
    ] = None,
    replay_: Annotated[str | None, typer.Option("--replay", help="Name of a consumer to set to --to.")] = None,
    to: Annotated[int | None, typer.Option(help="Number of the event after which it goes on.")] = None,
) -> None:
    """Show how far consumers of the event log are: what they make of events, such as notifications. With --replay, let
    one go on after another event; what it makes of later events is made again."""
    if (replay_ is None) != (to is None) or (replay_ is not None and org is None):
        raise Fault("--replay: name the organisation with --org, and the event with --to.")

    async def work() -> list[Row]:
        async with open_database(settings_for_work()) as database:
            if org is not None and replay_ is not None and to is not None:
                await _replay(database, org, replay_, to)
            return list(await positions(database, None if org is None else organisation_id(org)))

    found = run(work())
    if found:
        Console().print(_table(found))
    elif org is None:
        Console().print("All consumers of all organisations are up to date.")
    else:
        raise Fault(f"--org {org}: no consumer has met this organisation yet. Check the key.")


async def _replay(database: Database, org: str, name: str, to: int) -> None:
    try:
        await replay(database, organisation_id(org), name, to)
    except NoSuchConsumer as unknown:
        raise Fault(
            f"--replay {name}: the organisation has no such consumer. See dealboard consumers --org {org}."
        ) from unknown
    except NotInLog as wrong:
        first, last = wrong.bounds.tail - 1, wrong.bounds.head
        raise Fault(f"--to {to}: events {first + 1} to {last} are kept. Send {first} to {last}.") from wrong


def _table(found: list[Row]) -> Table:
    table = Table("organisation", "consumer", "position", "behind", "state", box=None)
    for row in found:
        table.add_row(row["key"], row["name"], str(row["position"]), str(row["behind"]), _state(row))
    return table


def _state(row: Row) -> str:
    if row["state"] == "EXPIRED":
        return "EXPIRED: events that it had not read were pruned; --replay lets it go on"
    if row["failures"]:
        again = f"{row['failures']} times, again at {row['retry_at']:%H:%M:%S}"
        return f"FAILING after event {row['position']} ({row['error']}, {again})"
    if row["suspended"]:
        return "SUSPENDED with its organisation"
    return "RUNNING"
