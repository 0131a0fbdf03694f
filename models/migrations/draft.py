"""Writes the next migration from the difference between the models and the migrations so far: `make migration name=…`.

The file holds SQL, as earlier migrations do: tables, then foreign keys, then indexes. It is a draft: what alembic does
not compare (check constraints, renamed columns, values of existing rows) is written by hand.
"""

import re
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from textwrap import indent
from typing import Any

import alembic.operations.ops as ops
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, ForeignKeyConstraint
from sqlalchemy.ext.asyncio import create_async_engine

import models
from models.migrate import asyncpg_url, migrate

VERSIONS = Path(__file__).parent / "versions"
RELEASED = Path(__file__).parent / "checksums.txt"
"""The SHA-256 of each released migration, in the format of `sha256sum`: a released migration never changes."""

WIDTH = 120
"""Characters in a line."""

TEMPLATE = '''"""{title}."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """{title}."""
{body}
'''


class NoDraft(Exception):
    """Why there is nothing to write, in one line that says what to do."""


def released() -> dict[str, str]:
    """The name of each released migration's file, with its checksum."""
    lines = RELEASED.read_text().splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines)}


async def differences(url: str) -> list[Any]:
    """What alembic would change in a database to match the models: nothing when it is current."""
    found: list[Any] = await _on(url, lambda connection: compare_metadata(_context(connection), models.Base.metadata))
    return found


async def draft(url: str, name: str, versions: Path = VERSIONS) -> Path:
    """Migrate an empty database, and write what it lacks as the next migration. Returns its path. Raises `NoDraft`."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise NoDraft(f"name={name}: use lower-case letters, digits and underscores, such as name=add_campaign.")
    newest = _newest(versions)
    if newest.name not in released():
        raise NoDraft(f"{newest.name} is not released yet: add to it, or delete it and run this again.")
    await migrate(url)
    statements = await _on(url, _missing)
    if not statements:
        raise NoDraft("The newest migration has all that the models have: change the models first.")
    before = newest.name[:4]
    revision = f"{int(before) + 1:04}"
    path = versions / f"{revision}_{name}.py"
    title = name.replace("_", " ").capitalize()
    body = "\n".join(map(_executed, statements))
    path.write_text(TEMPLATE.format(title=title, revision=revision, before=before, body=body))
    return path


def _newest(versions: Path) -> Path:
    return max(versions.glob("[0-9]*.py"), key=lambda path: path.name)


async def _on(url: str, work: Any) -> Any:
    engine = create_async_engine(asyncpg_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})


def _missing(connection: Connection) -> list[str]:
    """The statements that make the database what the models describe."""
    found = produce_migrations(_context(connection), models.Base.metadata).upgrade_ops
    assert found is not None
    written = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written, "literal_binds": True}
    )
    operations = Operations(context)
    for operation in sorted(_apart(found.ops), key=_step):
        operations.invoke(operation)
    return [statement.strip() for statement in written.getvalue().split(";\n") if statement.strip()]


def _apart(found: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    """Each operation by itself, foreign keys apart from the tables that have them."""
    for operation in found:
        if isinstance(operation, ops.ModifyTableOps):
            yield from operation.ops
        elif isinstance(operation, ops.CreateTableOp):
            keys = [item for item in operation.columns if isinstance(item, ForeignKeyConstraint)]
            yield from (ops.CreateForeignKeyOp.from_constraint(key) for key in keys)
            operation.columns = [item for item in operation.columns if not isinstance(item, ForeignKeyConstraint)]
            yield operation
        else:
            yield operation


def _step(operation: ops.MigrateOperation) -> int:
    """A sharded database distributes all tables before one can refer to another."""
    order: tuple[type[ops.MigrateOperation], ...] = (
        ops.CreateTableOp,
        ops.AddColumnOp,
        ops.CreateForeignKeyOp,
        ops.CreateIndexOp,
    )
    return order.index(type(operation)) if isinstance(operation, order) else 1


def _executed(statement: str) -> str:
    """The line, or lines, that run a statement, as `ruff format` lays them out."""
    if "\n" in statement:
        lines = [line.replace("\t", "    ").rstrip() for line in statement.splitlines()]
        return indent("\n".join(["op.execute(", *(f"    {line}" for line in ['"""', *lines, '"""']), ")"]), "    ")
    quoted = '"' + statement.replace("\\", "\\\\").replace('"', '\\"') + '"'
    line = f"    op.execute({quoted})"
    return line if len(line) <= WIDTH else f"    op.execute(\n        {quoted}\n    )"
