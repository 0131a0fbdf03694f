"""The command line. Errors are one line that says the way out."""

import re
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from models.migrate import UnknownRevision
from models.migrations.draft import NoDraft, draft
from models.rules.roles import Role
from models.tables.base import organisation_id
from resolvers.changes.organisation.access import resume as resume_organisation
from resolvers.changes.organisation.access import suspend as suspend_organisation
from resolvers.domain import CRM
from schema.api import graphql_schema, sdl
from server.background.consumers_command import consumers_command
from server.background.worker import work as work_until_stopped
from server.process.demo import load_demo
from server.process.faults import Fault, run, settings_for, settings_for_work
from server.process.importing import import_command
from server.process.listing_runs import runs_command
from server.process.postgres import embedded
from server.process.runtime import DEMO_ORGANISATION, make_token, open_database
from server.process.scores_command import scores_command
from server.process.serving import serve_app, serve_as_worker
from server.settings import PREFIX, Settings, WrongSettings


def _settings_help() -> str:
    """Every setting on lines of its own; `\b` keeps them as they are."""
    lines = ["\b", "Settings, from the environment:"]
    for name, field in Settings.model_fields.items():
        shown = "" if field.default in (None, (), "") else f" Default: {_shown(field.default)}."
        lines += [f"  {PREFIX}{name.upper()}", f"      {field.description}{shown}"]
    return "\n".join(lines)


def _shown(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Dealboard: the sales-pipeline backend behind your CRM screens.",
)


@app.command(epilog=_settings_help())
def serve(
    demo: Annotated[bool | None, typer.Option("--demo/--no-demo", help="Start with a demo organisation.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes on the same port.")] = None,
) -> None:
    """Serve the API. The settings listed below come from the environment."""
    settings = settings_for(demo=demo, host=host, port=port, workers=workers)
    with suppress(KeyboardInterrupt):
        run(serve_app(settings))


@app.command("serve-as-worker", hidden=True)
def serve_worker(descriptor: int) -> None:
    """Serve as one of several workers. `dealboard serve --workers` starts this; do not run it yourself."""
    run(serve_as_worker(descriptor))


@app.command()
def work(
    kinds: Annotated[
        str | None, typer.Option(help="Only runs of these kinds of work, separated by commas. Empty: everything.")
    ] = None,
) -> None:
    """Do what runs beside requests, and serve none: consumers of the event log, webhooks, runs, overdue tasks and
    pruning."""

    def announce(address: str | None) -> None:
        answers = f" {address}/readyz says whether it can." if address else ""
        Console().print(f"Working.{answers} Press Ctrl-C to stop.", soft_wrap=True)

    chosen = None if kinds is None else [kind.strip() for kind in kinds.split(",")]
    run(work_until_stopped(settings_for_work(), announce, kinds=chosen))


app.command("consumers")(consumers_command)


@app.command()
def migrate() -> None:
    """Create or upgrade the tables of the database."""

    async def work() -> None:
        async with open_database(settings_for_work()):
            Console().print("The tables are up to date.")

    run(work())


@app.command(hidden=True)
def migration(name: str) -> None:
    """Write the next migration after a change to the models. `make migration name=add_something` runs this."""
    with TemporaryDirectory(prefix="dealboard-draft-") as folder, embedded(Path(folder)) as url:
        try:
            typer.echo(run(draft(url, name)))
        except NoDraft as reason:
            raise Fault(str(reason)) from reason


@app.command()
def token(
    org: Annotated[str, typer.Option(help="Key of the organisation.")],
    user: Annotated[str, typer.Option(help="The member: the `sub` claim.")],
    role: Annotated[Role, typer.Option(help="Role of the member.", case_sensitive=False)] = Role.REP,
    expires: Annotated[str, typer.Option(help="Lifetime: 45m, 12h or 30d.")] = "30d",
) -> None:
    """Print a token for a member of an organisation."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", expires)
    if match is None:
        raise Fault(f"--expires {expires}: write a number and a unit, such as 45m, 12h or 30d.")
    lifetime = timedelta(minutes=int(match[1]) * {"m": 1, "h": 60, "d": 1440}[match[2]])
    settings = settings_for_work()
    try:
        typer.echo(make_token(settings, organisation=org, subject=user, role=role, lifetime=lifetime))
    except WrongSettings as wrong:
        raise Fault(str(wrong)) from wrong


@app.command()
def schema() -> None:
    """Print the schema in GraphQL's schema definition language."""
    typer.echo(sdl(), nl=False)


PLANS = {"served": None, "generic": False, "custom": True}
"""The plans of a query that can be explained, and whether each is made for its values."""


@app.command()
def explain(
    query: Annotated[str, typer.Argument(help="The GraphQL operation.")],
    org: Annotated[str, typer.Option(help="Key of the organisation.")] = "demo",
    variables: Annotated[str, typer.Option(help="The variables, as a JSON object.")] = "{}",
    plan: Annotated[
        str, typer.Option(help="served: the plan that the organisation gets; generic or custom: that one.")
    ] = "served",
) -> None:
    """Print the SQL of a query and PostgreSQL's plan for it."""
    if plan not in PLANS:
        raise Fault(f"--plan: there is no {plan!r}. Write {', '.join(PLANS)}.")
    try:
        values = orjson.loads(variables)
    except orjson.JSONDecodeError as wrong:
        raise Fault(
            f'--variables: this is not JSON ({wrong}). Write an object, such as \'{{"id": "lead_…"}}\'.'
        ) from wrong
    if not isinstance(values, dict):
        raise Fault('--variables: write a JSON object, such as \'{"id": "lead_…"}\'.')

    async def work() -> str:
        async with open_database(settings_for_work()) as database, Feed.open(database, CRM) as feed:
            engine = Engine(graphql_schema, database, Documents(graphql_schema, Limits()), feed)
            caller = Caller(org, "explain", Role.VIEWER)
            return await engine.explain(engine.documents.prepare(query, None), values, caller, PLANS[plan])

    typer.echo(run(work()))


@app.command()
def demo() -> None:
    """Create the demo organisation, unless it exists."""

    async def work() -> None:
        async with open_database(settings_for_work()) as database:
            await load_demo(database)
            Console().print(f"The organisation {DEMO_ORGANISATION!r} exists.")

    run(work())


app.command("import")(import_command)
app.command("runs")(runs_command)
app.command("scores")(scores_command)


@app.command()
def suspend(org: Annotated[str, typer.Option(help="Key of the organisation.")]) -> None:
    """Revoke the access of an organisation's members until it is resumed. Its records stay."""

    async def work() -> None:
        async with open_database(settings_for_work()) as database:
            if not await suspend_organisation(database, organisation_id(org)):
                raise _unknown(org)

    run(work())
    Console().print(f"The organisation {org!r} is suspended: its members are disconnected within two seconds.")


@app.command()
def resume(org: Annotated[str, typer.Option(help="Key of the organisation.")]) -> None:
    """Restore the access of a suspended organisation's members."""

    async def work() -> None:
        async with open_database(settings_for_work()) as database:
            if not await resume_organisation(database, organisation_id(org)):
                raise _unknown(org)

    run(work())
    Console().print(f"The organisation {org!r} is resumed: its members have access again.")


def _unknown(org: str) -> Fault:
    return Fault(f"--org {org}: there is no such organisation. Send the key that its tokens and `orgid` carry.")


UsageError: Any = typer.BadParameter.__base__
"""Raised by typer for a malformed command line. typer exports only its subclass `BadParameter`."""


def main() -> None:
    """The entry point `dealboard`."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except UsageError as wrong:
        command = wrong.ctx.command_path if wrong.ctx else "dealboard"
        told = f"{command}: {wrong.format_message().rstrip('.')}. See `{command} --help`."
    except (Fault, UnknownRevision) as fault:
        told = f"dealboard: {fault}"
    Console(stderr=True, highlight=False, markup=False).print(told, soft_wrap=True)
    sys.exit(2)
