"""What an import names, and the records behind the names: pipeline, stages, members, customers and contacts.

Missing records are created if the options allow it; otherwise the lines that name them are rejected. Names are
compared without regard to case.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Statement
from models.rules.stage_kind import StageKind
from models.tables.base import organisation_id
from models.tables.pipeline import PipelineType
from resolvers.changes.imports.copying import Records
from resolvers.changes.imports.rows import Deal
from resolvers.changes.locks import TAKE_STAGES

FIND_PIPELINE = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND lower(name) = lower(:name) AND deleted_at IS NULL
        ORDER BY id LIMIT 1
        """
    ).bindparams(ORG)
)

HAS_DEFAULT = Statement(
    text(
        "SELECT EXISTS (SELECT FROM pipeline"
        " WHERE org_id = :org_id AND type = :type AND is_default AND deleted_at IS NULL)"
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


class ImportFailed(Exception):
    """The whole file cannot be imported; the message says what to do."""


@dataclass(frozen=True)
class Import:
    """The target and options of an import. `stages` gives the order of missing stages, `won` and `lost` their kinds."""

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


class Names:
    """Finds or creates the records that the lines of a file name."""

    def __init__(self, options: Import, records: Records) -> None:
        self.options = options
        self.records = records

    async def load(self, deals: Iterable[Deal]) -> None:
        """Look everything up, lock the stages, and create the missing pipeline and stages.

        Raises `ImportFailed` without a pipeline, or without an open stage in it.
        """
        await self._load_pipeline()
        await self._load_stages(deals)
        await self._load_people()

    async def _load_pipeline(self) -> None:
        name = self.options.pipeline
        found = await FIND_PIPELINE.first(self.records.connection, org_id=self.records.org_id, name=name)
        if found is not None:
            self.pipeline_id: UUID = found["id"]
            return
        if not self.options.create_missing:
            raise ImportFailed(
                f"There is no pipeline {name!r} in {self.options.organisation!r}."
                " Choose another with --pipeline, or create it with --create-missing."
            )
        type_ = self.options.type.value
        found = await HAS_DEFAULT.value(self.records.connection, org_id=self.records.org_id, type=type_)
        self.pipeline_id = self.records.make("pipeline", {"name": name, "type": type_, "is_default": not found})
        await self.records.copy("pipeline")

    async def _load_stages(self, deals: Iterable[Deal]) -> None:
        """Lock the pipeline's stages, and create the missing ones that are named."""
        locked = await TAKE_STAGES.all(self.records.connection, org_id=self.records.org_id, id=self.pipeline_id)
        self.stages: dict[str, dict[str, Any]] = {row["name"].casefold(): dict(row) for row in locked}
        if self.options.create_missing:
            wanted = dict.fromkeys([*self.options.stages, *(deal.stage for deal in deals)])
            missing = list({name.casefold(): name for name in wanted if name.casefold() not in self.stages}.values())
            self._make_stages(missing, max((row["position"] for row in locked), default=-1) + 1)
            await self.records.copy("stage")
        in_order = sorted(self.stages.values(), key=lambda stage: (stage["position"], stage["id"]))
        self.first_open = next((stage for stage in in_order if stage["kind"] == StageKind.OPEN), None)
        if self.first_open is None:
            raise ImportFailed("The pipeline would have no open stage. Add one with --stages, before the others.")

    def _make_stages(self, names: Sequence[str], position: int) -> None:
        won = {name.casefold() for name in self.options.won}
        lost = {name.casefold() for name in self.options.lost}

        def kind(name: str) -> StageKind:
            folded = name.casefold()
            return StageKind.WON if folded in won else StageKind.LOST if folded in lost else StageKind.OPEN

        # Closing stages stand at the right of a board, in whatever order the file names them.
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
            self.stages[name.casefold()] = {**stage, "id": self.records.make("stage", stage)}

    async def _load_people(self) -> None:
        """Index members, customers and contacts by the names that a file may use."""
        self.members: dict[str, dict[str, Any]] = {}
        for row in await MEMBERS.all(self.records.connection, org_id=self.records.org_id):
            for name in (row["email"], row["name"]):
                if name:
                    self.members.setdefault(name.casefold(), dict(row))
        customers = await CUSTOMERS.all(self.records.connection, org_id=self.records.org_id)
        self.customers: dict[str, UUID] = {row["name"].casefold(): row["id"] for row in reversed(customers)}
        self.contacts: dict[tuple[str, Any], UUID] = {}
        for row in reversed(await CONTACTS.all(self.records.connection, org_id=self.records.org_id)):
            self.contacts[row["name"].casefold(), row["customer_id"]] = row["id"]
            if row["email"]:
                self.contacts[row["email"].casefold(), "e-mail"] = row["id"]

    def missing(self, deal: Deal, stage: dict[str, Any] | None) -> str | None:
        """Why the deal is rejected, if something that it names is missing."""
        hint = "create it first, or import with --create-missing"
        if stage is None:
            return f"stage: there is no stage {deal.stage!r}; {hint}"
        if deal.owner is not None and (member := self.members.get(deal.owner.casefold())) is not None:
            if not member["active"]:
                return f"owner: {deal.owner!r} is no longer active; name another owner"
        elif deal.owner is not None and not self.options.create_missing:
            return f"owner: there is no member {deal.owner!r}; {hint}"
        if self.options.create_missing:
            return None
        if deal.customer is not None and deal.customer.casefold() not in self.customers:
            return f"customer: there is no customer {deal.customer!r}; {hint}"
        if (deal.contact or deal.contact_email) and self._known_contact(deal, self._known_customer(deal)) is None:
            return f"contact: there is no contact {deal.contact or deal.contact_email!r}; {hint}"
        return None

    def owner(self, deal: Deal) -> UUID | None:
        """The owner of the deal, created if missing."""
        if deal.owner is None:
            return None
        member = self.members.get(deal.owner.casefold())
        if member is None:
            given = {"subject": f"imported:{deal.owner}", "name": deal.owner, "role": "REP", "active": True}
            if "@" in deal.owner:
                given["email"] = deal.owner
            member = self.members[deal.owner.casefold()] = {**given, "id": self.records.make("member", given)}
        owner_id: UUID = member["id"]
        return owner_id

    def _known_customer(self, deal: Deal) -> UUID | None:
        return None if deal.customer is None else self.customers.get(deal.customer.casefold())

    def customer(self, deal: Deal) -> UUID | None:
        """The customer, created if missing."""
        if deal.customer is None:
            return None
        known = self.customers.get(deal.customer.casefold())
        if known is None:
            known = self.customers[deal.customer.casefold()] = self.records.make("customer", {"name": deal.customer})
        return known

    def _known_contact(self, deal: Deal, customer: UUID | None) -> UUID | None:
        if deal.contact_email:
            return self.contacts.get((deal.contact_email.casefold(), "e-mail"))
        return self.contacts.get(((deal.contact or "").casefold(), customer))

    def contact(self, deal: Deal, customer: UUID | None) -> UUID | None:
        """The contact, created if missing."""
        name = deal.contact or deal.contact_email
        if name is None:
            return None
        known = self._known_contact(deal, customer)
        if known is None:
            known = self.records.make("contact", {"name": name, "email": deal.contact_email, "customer_id": customer})
            self.contacts[name.casefold(), customer] = known
            if deal.contact_email:
                self.contacts[deal.contact_email.casefold(), "e-mail"] = known
        return known
