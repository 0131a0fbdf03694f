"""Files that were imported lately, so that one that is sent again is not imported twice.

Lines with an external id are found again by it. Lines without one are counted: each batch remembers, in its own
transaction, up to where the file is imported.
"""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Interval, bindparam, text

from engine.read.rows import ORG
from models.database import Connection, Statement
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import Deal

REMEMBERED = timedelta(days=7)
"""How long a file is known."""

FORGET_FILES = Statement(
    text(
        "DELETE FROM imported_file WHERE org_id = :org_id AND imported_at < statement_timestamp() - :remembered"
    ).bindparams(ORG, bindparam("remembered", type_=Interval()))
)

LINES_DONE = Statement(
    text("SELECT lines FROM imported_file WHERE org_id = :org_id AND fingerprint = :fingerprint").bindparams(ORG)
)

REMEMBER_LINES = Statement(
    text(
        """
        INSERT INTO imported_file (org_id, fingerprint, lines, imported_at)
        VALUES (:org_id, :fingerprint, :lines, statement_timestamp())
        ON CONFLICT (org_id, fingerprint) DO UPDATE
        SET lines = excluded.lines, imported_at = excluded.imported_at
        """
    ).bindparams(ORG)
)


def fingerprint(options: Import, deals: Sequence[Deal]) -> str:
    """What is the same when the same file is sent again with the same options."""
    digest = sha256()
    given = (
        options.pipeline,
        options.type,
        *map(list, (options.stages, options.won, options.lost)),
        options.create_missing,
    )
    digest.update(repr(given).encode())
    for deal in deals:
        digest.update(repr(deal).encode())
    return digest.hexdigest()


async def lines_done(connection: Connection, options: Import, file: str) -> int:
    """How many lines of a file were imported lately; forgets those of other days."""
    if options.again:
        return 0
    await FORGET_FILES.run(connection, org_id=options.org_id, remembered=REMEMBERED)
    return await LINES_DONE.value(connection, org_id=options.org_id, fingerprint=file) or 0
