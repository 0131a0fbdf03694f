"""Importing deals: by COPY, with history, totals and events, in batches that are each whole by themselves.

prepare    pipeline, stages, members, customers and contacts are looked up by name; a file that cannot be imported is
           refused here, before anything is written
batch      one transaction: the stages are kept, so leads go on moving in them; leads and history are written by COPY,
           events and totals last
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text

from engine.change.events import append
from engine.change.transaction import ATTEMPTS, CONTENDED, PAUSE
from models.database import Connection, Database, Statement
from resolvers.changes.imports.batch import Batch, Report
from resolvers.changes.imports.import_events import board_created, finished, imported_by
from resolvers.changes.imports.imported_files import REMEMBER_LINES, fingerprint, lines_done
from resolvers.changes.imports.names import Names, OutOfDate
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.rows import Deal
from resolvers.changes.organisation.membership import FOUND_ORGANISATION
from resolvers.changes.spans.beside import beside

BATCH = 1_000
"""Lines that are imported in one transaction."""

Progress = Callable[[int], None]
"""Called with the number of lines of each batch."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('import ' || CAST(:key AS text), 0))"))


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


async def import_deals(
    database: Database,
    options: Import,
    deals: Sequence[Deal],
    progress: Progress = lambda done: None,
    rejected: int = 0,
) -> Report:
    """Import the deals, in batches. Raises `ImportFailed`: before anything is written when none of them can be
    imported; or between two batches when other changes get in the way of each attempt.

    When it ends between two batches, those before stay. The same deals, sent again, are then imported from there on. A
    dry run is one transaction that is rolled back. The event at the end counts `rejected` rows besides the deals.
    """
    importer = _Importer(options, fingerprint(options, deals))
    try:
        async with database.transaction(None) as connection:
            # Held all along, for a second import to wait until this one ends. It changes nothing, so nobody else waits.
            await ONE_AT_A_TIME.run(connection, key=options.organisation)
            if options.dry_run:
                importer.trial = connection
            await importer.run(database, deals, progress)
            await importer.finish(database, rejected)
            if options.dry_run:
                raise _RolledBack
    except _RolledBack:
        pass
    return importer.report


class _Importer:
    """The state of an import: the records known by name, and what is stored so far."""

    trial: Connection | None = None
    """The transaction of a dry run, which all batches are part of."""

    def __init__(self, options: Import, file: str) -> None:
        self.options = options
        self.file = file
        self.report = Report()
        self.done = 0
        """The lines that are imported already, when the same file was sent before."""

    async def run(self, database: Database, deals: Sequence[Deal], progress: Progress) -> None:
        """The whole import."""
        await self._prepare(database, deals)
        for first in range(0, len(deals), BATCH):
            batch = deals[first : first + BATCH]
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    async with self._transaction(database) as connection:
                        found = await self._batch(connection, first, batch)
                    break
                except (*CONTENDED, OutOfDate) as failure:
                    ended = self.trial is not None and not isinstance(failure, OutOfDate)
                    if attempt == ATTEMPTS or ended:
                        raise ImportFailed(
                            f"Others change the same records right now; {first:,} of {len(deals):,} lines are done."
                            " Start the same import again in a moment: it goes on from there."
                        ) from failure
                    await asyncio.sleep(random.uniform(0, PAUSE * 2 ** (attempt - 1)))
                    await self._prepare(database, deals)
            self.report.add(found)
            progress(len(batch))

    async def finish(self, database: Database, rejected: int) -> None:
        """Record that the import has finished, if it has changed anything."""
        report = self.report
        if report.created and self.trial is None:
            event = finished(self.names.pipeline_id, report.created, report.unchanged, len(report.rejected) + rejected)
            async with self._transaction(database) as connection:
                await append(connection, self.options.org_id, [event], imported_by(self.names.actor_id))

    @asynccontextmanager
    async def _transaction(self, database: Database) -> AsyncIterator[Connection]:
        if self.trial is not None:
            yield self.trial
            return
        async with database.transaction(database.change_timeout) as connection:
            yield connection

    async def _prepare(self, database: Database, deals: Sequence[Deal]) -> None:
        """Look up all names, and create the missing stages: at first, and when something has changed since."""
        names = Names(self.options)
        async with self._transaction(database) as connection:
            await FOUND_ORGANISATION.run(connection, org_id=self.options.org_id, organisation=self.options.organisation)
            self.done = await lines_done(connection, self.options, self.file)
            await names.load(connection, deals)
            made = board_created(names.records, names.pipeline_id)
            if made and self.trial is None:
                cause = imported_by(names.actor_id)
                await append(connection, self.options.org_id, made, cause, beside(made))
        self.names = names
        for table, count in names.records.made.items():
            self.report.made[table] += count

    async def _batch(self, connection: Connection, first: int, deals: Sequence[Deal]) -> Report:
        """Import some lines, inside a transaction. Raises `OutOfDate` when the names have to be looked up again."""
        batch = Batch(connection, self.names, self.report)
        leads = await batch.write(deals, self.done - first)
        if self.trial is None:
            lines = max(self.done, first + len(deals))
            await REMEMBER_LINES.run(connection, org_id=self.options.org_id, fingerprint=self.file, lines=lines)
            await batch.append(leads)
        return batch.report
