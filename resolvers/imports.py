"""Importing deals: a file as one transaction, by COPY, with history, totals and events; done twice, it changes nothing.

lock       one import at a time in an organisation; the stages against every other change of their leads
look up    pipeline, stages, members, customers, contacts by name; what is missing is made, or its lines rejected
write      leads, history and events by COPY; the event log's counter is taken last
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from models.base import new_id, organisation_id
from models.database import Connection, Database, Statement
from models.pipeline import PipelineType
from models.rank import spread
from models.stage import StageKind
from resolvers.change import FOUND_ORGANISATION
from resolvers.deals import Deal
from resolvers.locking import TAKE_STAGES
from resolvers.reading import ORG
from resolvers.totals import refresh_totals

BATCH = 2_000
"""Rows that are copied between two reports of progress."""

LOCK = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('import ' || CAST(:key AS text), 0))"))

FIND_PIPELINE = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND lower(name) = lower(:name) AND deleted_at IS NULL
        ORDER BY id LIMIT 1
        """
    ).bindparams(ORG)
)

KNOWN_IDS = Statement(
    text(
        "SELECT external_id FROM lead WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND external_id IS NOT NULL"
    ).bindparams(ORG)
)

LAST_RANKS = Statement(
    text(
        """
        SELECT stage.id, (
            SELECT rank FROM lead WHERE lead.org_id = stage.org_id AND lead.stage_id = stage.id
            ORDER BY rank DESC, id DESC LIMIT 1
        ) AS rank FROM stage WHERE stage.org_id = :org_id AND stage.pipeline_id = :pipeline_id
        """
    ).bindparams(ORG)
)

MEMBERS = Statement(
    text("SELECT id, name, email, active FROM member WHERE org_id = :org_id ORDER BY id").bindparams(ORG)
)
CUSTOMERS = Statement(
    text("SELECT id, name FROM customer WHERE org_id = :org_id AND archived_at IS NULL ORDER BY id").bindparams(ORG)
)
CONTACTS = Statement(
    text(
        "SELECT id, name, email, customer_id FROM contact WHERE org_id = :org_id AND archived_at IS NULL ORDER BY id"
    ).bindparams(ORG)
)

ADVANCE = Statement(
    text(
        "UPDATE event_log SET head = head + :count WHERE org_id = :org_id RETURNING head - :count AS before"
    ).bindparams(ORG)
)


class ImportFailed(Exception):
    """The whole file cannot be imported; the message says what to do."""


@dataclass(frozen=True)
class Import:
    """Where to, and how. `stages` gives an order, `won` and `lost` the kinds of stages that are not there yet."""

    organisation: str
    pipeline: str
    type: PipelineType = PipelineType.OPPORTUNITY
    stages: Sequence[str] = ()
    won: Collection[str] = ()
    lost: Collection[str] = ()
    create_missing: bool = False
    dry_run: bool = False

    @property
    def org_id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.organisation)


@dataclass
class Report:
    """What came of an import."""

    created: int = 0
    unchanged: int = 0
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: list[tuple[int, str]] = field(default_factory=list)


Progress = Callable[[int], None]
"""Told how many lines more are done."""


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


async def import_deals(
    database: Database, options: Import, deals: Sequence[Deal], progress: Progress = lambda done: None
) -> Report:
    """Import the deals in one transaction. Raises `ImportFailed` when none of them can be taken."""
    report = Report()
    try:
        async with database.pool.acquire() as connection, connection.transaction():
            await _Importer(connection, options, report, progress).run(deals)
            if options.dry_run:
                raise _RolledBack
    except _RolledBack:
        pass
    return report


class _Importer:
    """The state of one import: what is known by name, and what has to be written."""

    def __init__(self, connection: Connection, options: Import, report: Report, progress: Progress) -> None:
        self.connection = connection
        self.options = options
        self.org_id = options.org_id
        self.report = report
        self.progress = progress
        self.now = datetime.now(UTC)
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lines: dict[str, int] = {}
        """The line of the file on which each external id was taken."""

    async def run(self, deals: Sequence[Deal]) -> None:
        """The whole import, inside the caller's transaction."""
        await LOCK.run(self.connection, key=self.options.organisation)
        await FOUND_ORGANISATION.run(self.connection, org_id=self.org_id, organisation=self.options.organisation)
        await self._pipeline()
        await self._stages(deals)
        await self._people()
        known = {
            row["external_id"]
            for row in await KNOWN_IDS.all(self.connection, org_id=self.org_id, pipeline_id=self.pipeline_id)
        }
        leads = [lead for deal in deals if (lead := self._lead(deal, known)) is not None]
        await self._rank(leads)
        for table in ("member", "customer", "contact"):
            await self._copy(table, self.rows[table])
        await self._copy("lead", leads, report=True)
        await self._copy("stage_change", self.rows["stage_change"])
        await self._events()
        await refresh_totals(self.connection, self.org_id, [stage["id"] for stage in self.stages.values()])
        self.report.created = len(leads)

    async def _pipeline(self) -> None:
        name = self.options.pipeline
        found = await FIND_PIPELINE.first(self.connection, org_id=self.org_id, name=name)
        if found is not None:
            self.pipeline_id: UUID = found["id"]
            return
        if not self.options.create_missing:
            raise ImportFailed(
                f"There is no pipeline {name!r} in {self.options.organisation!r}."
                " Name another with --pipeline, or let it be made with --create-missing."
            )
        self.pipeline_id = self._make("pipeline", {"name": name, "type": self.options.type.value})
        await self._copy("pipeline", self.rows["pipeline"])

    async def _stages(self, deals: Iterable[Deal]) -> None:
        """Lock the pipeline's stages, and make those that are named and missing."""
        locked = await TAKE_STAGES.all(self.connection, org_id=self.org_id, id=self.pipeline_id)
        self.stages: dict[str, dict[str, Any]] = {row["name"].casefold(): dict(row) for row in locked}
        if self.options.create_missing:
            wanted = dict.fromkeys([*self.options.stages, *(deal.stage for deal in deals)])
            missing = list({name.casefold(): name for name in wanted if name.casefold() not in self.stages}.values())
            self._make_stages(missing, max((row["position"] for row in locked), default=-1) + 1)
            await self._copy("stage", self.rows["stage"])
        in_order = sorted(self.stages.values(), key=lambda stage: (stage["position"], stage["id"]))
        self.first_open = next((stage for stage in in_order if stage["kind"] == StageKind.OPEN), None)

    def _make_stages(self, names: Sequence[str], position: int) -> None:
        won = {name.casefold() for name in self.options.won}
        lost = {name.casefold() for name in self.options.lost}

        def kind(name: str) -> StageKind:
            folded = name.casefold()
            return StageKind.WON if folded in won else StageKind.LOST if folded in lost else StageKind.OPEN

        # Deals end at the right of a board, whatever line of the file names those stages first.
        ordered = sorted(names, key=lambda name: list(StageKind).index(kind(name)))
        open_count = sum(kind(name) == StageKind.OPEN for name in ordered)
        for nth, name in enumerate(ordered):
            odds = {StageKind.WON: 100, StageKind.LOST: 0}.get(kind(name), round(100 * (nth + 1) / (open_count + 1)))
            stage = {
                "pipeline_id": self.pipeline_id,
                "name": name,
                "kind": kind(name).value,
                "probability": odds,
                "position": position + nth,
                "required_fields": [],
            }
            self.stages[name.casefold()] = {**stage, "id": self._make("stage", stage)}

    async def _people(self) -> None:
        """What members, customers and contacts there are, by the names that a file may use."""
        self.members: dict[str, dict[str, Any]] = {}
        for row in await MEMBERS.all(self.connection, org_id=self.org_id):
            for name in (row["email"], row["name"]):
                if name:
                    self.members.setdefault(name.casefold(), dict(row))
        customers = await CUSTOMERS.all(self.connection, org_id=self.org_id)
        self.customers: dict[str, UUID] = {row["name"].casefold(): row["id"] for row in reversed(customers)}
        self.contacts: dict[tuple[str, Any], UUID] = {}
        for row in reversed(await CONTACTS.all(self.connection, org_id=self.org_id)):
            self.contacts[row["name"].casefold(), row["customer_id"]] = row["id"]
            if row["email"]:
                self.contacts[row["email"].casefold(), "e-mail"] = row["id"]

    def _lead(self, deal: Deal, known: set[str]) -> dict[str, Any] | None:
        """The row of a deal; None when it is there already, or cannot be taken."""
        if deal.external_id is not None and deal.external_id in known:
            self._skip(deal)
            return None
        stage = self.stages.get(deal.stage.casefold())
        reason = self._missing(deal, stage)
        if reason is not None or stage is None:
            self.report.rejected.append((deal.line, reason or "names no stage"))
            return None
        if deal.external_id is not None:
            known.add(deal.external_id)
            self.lines[deal.external_id] = deal.line
        customer = self._customer(deal)
        return self._row(deal, stage, self._owner(deal), customer, self._contact(deal, customer))

    def _skip(self, deal: Deal) -> None:
        assert deal.external_id is not None
        if deal.external_id in self.lines:
            reason = f"external_id: {deal.external_id!r} stands on line {self.lines[deal.external_id]} already"
            self.report.rejected.append((deal.line, reason))
        else:
            self.report.unchanged += 1

    def _missing(self, deal: Deal, stage: dict[str, Any] | None) -> str | None:
        """Why the deal cannot be taken, if something that it names is missing."""
        hint = "make it first, or import with --create-missing"
        if stage is None:
            return f"stage: there is no stage {deal.stage!r}; {hint}"
        if deal.owner is not None and (member := self.members.get(deal.owner.casefold())) is not None:
            if not member["active"]:
                return f"owner: {deal.owner!r} is no longer active; give the deal to somebody else"
        elif deal.owner is not None and not self.options.create_missing:
            return f"owner: there is no member {deal.owner!r}; {hint}"
        if self.options.create_missing:
            return None
        if deal.customer is not None and deal.customer.casefold() not in self.customers:
            return f"customer: there is no customer {deal.customer!r}; {hint}"
        if (deal.contact or deal.contact_email) and self._known_contact(deal, self._known_customer(deal)) is None:
            return f"contact: there is no contact {deal.contact or deal.contact_email!r}; {hint}"
        return None

    def _owner(self, deal: Deal) -> UUID | None:
        if deal.owner is None:
            return None
        member = self.members.get(deal.owner.casefold())
        if member is None:
            given = {"subject": f"imported:{deal.owner}", "name": deal.owner, "role": "REP", "active": True}
            if "@" in deal.owner:
                given["email"] = deal.owner
            member = self.members[deal.owner.casefold()] = {**given, "id": self._make("member", given)}
        owner_id: UUID = member["id"]
        return owner_id

    def _known_customer(self, deal: Deal) -> UUID | None:
        return None if deal.customer is None else self.customers.get(deal.customer.casefold())

    def _customer(self, deal: Deal) -> UUID | None:
        if deal.customer is None:
            return None
        known = self.customers.get(deal.customer.casefold())
        if known is None:
            known = self.customers[deal.customer.casefold()] = self._make("customer", {"name": deal.customer})
        return known

    def _known_contact(self, deal: Deal, customer: UUID | None) -> UUID | None:
        if deal.contact_email:
            return self.contacts.get((deal.contact_email.casefold(), "e-mail"))
        return self.contacts.get(((deal.contact or "").casefold(), customer))

    def _contact(self, deal: Deal, customer: UUID | None) -> UUID | None:
        name = deal.contact or deal.contact_email
        if name is None:
            return None
        known = self._known_contact(deal, customer)
        if known is None:
            known = self._make("contact", {"name": name, "email": deal.contact_email, "customer_id": customer})
            self.contacts[name.casefold(), customer] = known
            if deal.contact_email:
                self.contacts[deal.contact_email.casefold(), "e-mail"] = known
        return known

    def _row(
        self, deal: Deal, stage: dict[str, Any], owner: UUID | None, customer: UUID | None, contact: UUID | None
    ) -> dict[str, Any]:
        """The lead, with the steps of its history and its event beside it."""
        closed = stage["kind"] != StageKind.OPEN
        began = deal.created_at or (deal.closed_at if closed else None) or self.now
        ended = (deal.closed_at or began) if closed else None
        lead_id = new_id(began)
        path = [(stage, began)]
        if ended is not None and self.first_open is not None:
            path = [(self.first_open, began), (stage, ended)]
        previous: dict[str, Any] | None = None
        for step, at in path:
            self._step(lead_id, previous, step, at)
            previous = step
        self.rows["event"].append(
            {
                "id": new_id(),
                "type": "lead.created",
                "mutation": "import",
                "lead_id": lead_id,
                "owner_id": owner,
                "pipeline_id": self.pipeline_id,
                "stage_id": stage["id"],
                "data": "{}",
            }
        )
        return {
            "org_id": self.org_id,
            "id": lead_id,
            "pipeline_id": self.pipeline_id,
            "stage_id": stage["id"],
            "title": deal.title,
            "description": deal.description,
            "contact_id": contact,
            "customer_id": customer,
            "owner_id": owner,
            "value": deal.value,
            "currency": deal.currency,
            "expected_close_date": deal.expected_close_date,
            "source": deal.source,
            "external_id": deal.external_id,
            "stage_entered_at": ended or began,
            "closed_at": ended,
            "created_at": began,
            "updated_at": ended or began,
            "version": 1,
        }

    def _step(self, lead_id: UUID, previous: dict[str, Any] | None, stage: dict[str, Any], at: datetime) -> None:
        self.rows["stage_change"].append(
            {
                "org_id": self.org_id,
                "id": new_id(at),
                "lead_id": lead_id,
                "from_pipeline_id": previous and self.pipeline_id,
                "from_stage_id": previous and previous["id"],
                "to_pipeline_id": self.pipeline_id,
                "to_stage_id": stage["id"],
                "occurred_at": at,
            }
        )

    async def _rank(self, leads: Sequence[dict[str, Any]]) -> None:
        """Put the leads below the cards that each stage has, in the order of the file."""
        last = {
            row["id"]: row["rank"]
            for row in await LAST_RANKS.all(self.connection, org_id=self.org_id, pipeline_id=self.pipeline_id)
        }
        columns = defaultdict(list)
        for lead in leads:
            columns[lead["stage_id"]].append(lead)
        for stage_id, column in columns.items():
            for lead, rank in zip(column, spread(len(column), last.get(stage_id)), strict=True):
                lead["rank"] = rank

    async def _events(self) -> None:
        """Number the events and write them; nothing else is waited for while the log's counter is held."""
        events = self.rows["event"]
        if not events:
            return
        log = await ADVANCE.first(self.connection, org_id=self.org_id, count=len(events))
        assert log is not None
        at = datetime.now(UTC)
        for number, event in enumerate(events, log["before"] + 1):
            event.update(org_id=self.org_id, number=number, occurred_at=at)
        await self._copy("event", events)

    def _make(self, table: str, values: dict[str, Any]) -> UUID:
        """A new record, to be written later."""
        id = new_id()
        stamps = {"created_at": self.now, "updated_at": self.now, "version": 1}
        self.rows[table].append({"org_id": self.org_id, "id": id, **stamps, **values})
        self.report.made[table] += 1
        return id

    async def _copy(self, table: str, rows: Sequence[dict[str, Any]], *, report: bool = False) -> None:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        for at in range(0, len(rows), BATCH):
            batch = rows[at : at + BATCH]
            records = [tuple(row.get(name) for name in columns) for row in batch]
            await self.connection.copy_records_to_table(table, columns=columns, records=records)
            if report:
                self.progress(len(batch))
