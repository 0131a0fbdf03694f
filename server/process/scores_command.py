"""`dealboard scores`: compares all scores with what the rules give now."""

from typing import Annotated

import typer
from rich.console import Console

from models.rules.ids import public_id
from resolvers.changes.scoring.audit import SCORED_ORGANISATIONS, Audit, audit
from server.process.faults import Fault, run, settings_for_work
from server.process.listing_runs import KNOWN
from server.process.runtime import open_database

SHOWN = 10
"""Leads that are named of those that differ."""


def scores_command(
    org: Annotated[str | None, typer.Option(help="Key of an organisation. Empty: all that have scoring rules.")] = None,
    wait: Annotated[
        float, typer.Option(help="Seconds after which what differs is looked at again.", min=0, max=3600)
    ] = 60,
) -> None:
    """Compare the scores of all open leads with what the rules give now. Ends with an error if any differs."""

    async def work() -> dict[str, Audit]:
        async with open_database(settings_for_work()) as database:
            async with database.acquire() as connection:
                if org is not None and await KNOWN.first(connection, key=org) is None:
                    raise Fault(f"--org {org}: there is no such organisation. Send the key that its tokens carry.")
                found = await SCORED_ORGANISATIONS.all(connection, key=org)
            return {row["key"]: await audit(database, row["id"], wait) for row in found}

    audits = run(work())
    if not audits:
        Console().print("There are no scoring rules.")
    for key, found in audits.items():
        Console().print(f"{key}: {found.compared:,} scores compared, {len(found.differing):,} differ.")
    wrong = [public_id("lead", id) for found in audits.values() for id in found.differing]
    if wrong:
        named = ", ".join(wrong[:SHOWN])
        raise Fault(f"{len(wrong):,} scores are not what the rules give: {named}. Score these leads with scoreLeads.")
