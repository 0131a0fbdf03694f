"""Reading runs."""

from typing import Any

from sqlalchemy import Uuid

from engine.read.json_text import Expression
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.run import Run
from resolvers.reads.events.event_fields import public_name


def run(root: Any, args: Args) -> Rows:
    """The run with this id."""
    return rows(Run, args["id"].bind(Uuid(), lambda text: parse_id("run", text)))


def mutation(run: Any, args: Args) -> Expression:
    """The mutation that started the run, by its published name."""
    return public_name(run.kind)
