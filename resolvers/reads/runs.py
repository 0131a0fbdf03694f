"""Reading runs."""

from typing import Any

from sqlalchemy import Uuid, case

from engine.read.json_text import Expression, quoted
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.run import Run, RunState
from resolvers.reads.events.event_fields import public_name

ORDERS = {"CREATED_AT": Order(lambda run: run.id)}


def run(root: Any, args: Args) -> Rows:
    """The run with this id."""
    return rows(Run, args["id"].bind(Uuid(), lambda text: parse_id("run", text)))


def runs(root: Any, args: Args) -> Page:
    """The runs of the organisation, newest first; optionally only those in a state."""
    found = rows(Run)
    state = args.get("state")
    if state is not None:
        found = found.where(found.entity.state == quoted(state.value))
    return page(found, args, ORDERS, ("CREATED_AT", Direction.DESC))


def mutation(run: Any, args: Args) -> Expression:
    """The mutation that started the run, by its published name; null for work."""
    return case((run.owner.is_(None), public_name(run.kind)))


def work(run: Any, args: Args) -> Expression:
    """The kind of work; null for a change."""
    return case((run.owner.is_not(None), run.kind))


def due_at(run: Any, args: Args) -> Expression:
    """When work that waits is due."""
    return case((run.state == quoted(RunState.WAITING), run.due_at))
