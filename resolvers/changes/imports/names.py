"""What an import names, and the records behind the names: pipeline, stages, members, customers and contacts.

Missing records are created if the options allow it; otherwise the lines that name them are rejected. Names are
compared without regard to case.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.rules.stage_kind import ForecastCategory, StageKind
from models.rules.time_zone import time_zone
from resolvers.changes.imports.copying import Records
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.people import HINT, People, Survey
from resolvers.changes.imports.rows import Deal
from resolvers.changes.locks import KEEP_STAGES, LOCK_PIPELINE
from resolvers.changes.pipeline_stages import STAGES_IN_ORDER

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

KEEP_NAMED = {
    column: Statement(
        text(
            f"SELECT id FROM {table} WHERE org_id = :org_id AND id = ANY(:ids) AND {there} ORDER BY id FOR KEY SHARE"
        ).bindparams(ORG, IDS)
    )
    for column, table, there in (
        ("contact_id", "contact", "archived_at IS NULL"),
        ("customer_id", "customer", "archived_at IS NULL"),
        ("owner_id", "member", "active"),
    )
}
"""What the leads of a batch name, by their column."""


TIME_ZONE = Statement(text("SELECT time_zone FROM organisation WHERE id = :org_id").bindparams(ORG))


class OutOfDate(Exception):
    """A record behind a name has changed since it was looked up."""


class Names:
    """Finds or creates the records that the lines of a file name; `records` are those of the current batch."""

    people: People

    def __init__(self, options: Import) -> None:
        self.options = options
        self.records = Records(options.org_id)

    def write_to(self, records: Records) -> None:
        """Create missing people among the records of a batch."""
        self.records = self.people.records = records

    async def load(self, connection: Connection, deals: Sequence[Deal]) -> None:
        """Look everything up, and create the missing pipeline and stages.

        Raises `ImportFailed` without a pipeline, or without an open stage in it.
        """
        zone = await TIME_ZONE.value(connection, org_id=self.options.org_id)
        self.zone = time_zone(zone)
        await self._load_pipeline(connection)
        await self._load_stages(connection, deals)
        self.people = People(self.options, Survey(deals), self.records)
        await self.people.load(connection)
        self.actor_id = self._actor()

    def _actor(self) -> UUID | None:
        by = self.options.by
        if by is None:
            return None
        member = self.people.members.get(by.casefold())
        if member is None or not member["active"]:
            raise ImportFailed(f"--by {by}: there is no active member of this name or e-mail address.")
        actor_id: UUID = member["id"]
        return actor_id

    async def keep(self, connection: Connection) -> None:
        """Keep the stages as they were looked up until the end of a batch. Raises `OutOfDate` if one has changed."""
        kept = await KEEP_STAGES.all(connection, org_id=self.options.org_id, id=None, ids=list(self._versions))
        if {row["id"]: row["version"] for row in kept} != self._versions:
            raise OutOfDate

    async def keep_named(self, connection: Connection, leads: Sequence[Mapping[str, Any]]) -> None:
        """Keep what these leads name and the batch does not create. Raises `OutOfDate` if some of it is there no
        longer."""
        made = {row["id"] for rows in self.records.rows.values() for row in rows}
        for column, statement in KEEP_NAMED.items():
            ids = {lead[column] for lead in leads} - made - {None}
            if ids and len(await statement.all(connection, org_id=self.options.org_id, ids=list(ids))) < len(ids):
                raise OutOfDate

    async def _load_pipeline(self, connection: Connection) -> None:
        name = self.options.pipeline
        found = await FIND_PIPELINE.first(connection, org_id=self.options.org_id, name=name)
        if found is not None:
            self.pipeline_id: UUID = found["id"]
            return
        if not self.options.create_missing:
            raise ImportFailed(
                f"There is no pipeline {name!r} in {self.options.organisation!r}."
                " Choose another with --pipeline, or create it with --create-missing."
            )
        type_ = self.options.type.value
        found = await HAS_DEFAULT.value(connection, org_id=self.options.org_id, type=type_)
        self.pipeline_id = self.records.make("pipeline", {"name": name, "type": type_, "is_default": not found})
        await self.records.copy(connection, "pipeline")

    async def _load_stages(self, connection: Connection, deals: Sequence[Deal]) -> None:
        """Look up the pipeline's stages, and create the missing ones that are named."""
        in_order = await self._stages_in_order(connection)
        self._expect_stages(deals)
        if self.options.create_missing:
            wanted = dict.fromkeys(
                [*self.options.stages, *(name for deal in deals for name in (*dict(deal.entered), deal.stage))]
            )
            if any(name.casefold() not in self.stages for name in wanted):
                await LOCK_PIPELINE.run(connection, org_id=self.options.org_id, id=self.pipeline_id)
                in_order = await self._stages_in_order(connection)
            missing = list({name.casefold(): name for name in wanted if name.casefold() not in self.stages}.values())
            self._make_stages(missing, max((row["position"] for row in in_order), default=-1) + 1)
            await self.records.copy(connection, "stage")
            in_order = await self._stages_in_order(connection)
        self.first_open = next((stage for stage in in_order if stage["kind"] == StageKind.OPEN), None)
        if self.first_open is None:
            raise ImportFailed("The pipeline would have no open stage. Add one with --stages, before the others.")

    def _expect_stages(self, deals: Sequence[Deal]) -> None:
        """Raises `ImportFailed` for a stage of an option that is in neither the pipeline, the file nor `--stages`."""
        known = {*self.stages, *(name.casefold() for name in self.options.stages)}
        known |= {name.casefold() for deal in deals for name in (*dict(deal.entered), deal.stage)}
        for option, kind, names in (
            ("--won", StageKind.WON, self.options.won),
            ("--lost", StageKind.LOST, self.options.lost),
        ):
            for name in names:
                if name.casefold() not in known:
                    raise ImportFailed(
                        f"{option} {name}: there is no such stage in the pipeline, the file or --stages."
                        " Check its name, or leave it out."
                    )
                stage = self.stages.get(name.casefold())
                if stage is not None and stage["kind"] != kind:
                    raise ImportFailed(
                        f"{option} {name}: this stage of the pipeline is of the kind {stage['kind']}. Change the stage,"
                        " or leave the option out."
                    )

    async def _stages_in_order(self, connection: Connection) -> list[Row]:
        found = await STAGES_IN_ORDER.all(connection, org_id=self.options.org_id, id=self.pipeline_id)
        self.stages: dict[str, Row] = {row["name"].casefold(): row for row in found}
        names = [row["name"].casefold() for row in found]
        self._twice = {name for name in names if names.count(name) > 1}
        self._versions = {row["id"]: row["version"] for row in found}
        return found

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
                "forecast_category": ForecastCategory.PIPELINE.value,
            }
            self.records.make("stage", stage)

    def missing(self, deal: Deal, stage: Row | None) -> str | None:
        """Why the deal is rejected, if something that it names is missing."""
        if stage is None:
            return f"stage: there is no stage {deal.stage!r}; {HINT}"
        for name in (deal.stage, *dict(deal.entered)):
            if name.casefold() in self._twice:
                return f"stage: the pipeline has two stages {name!r}; rename one"
        for name, _ in deal.entered:
            if name.casefold() not in self.stages:
                return f"stage: there is no stage {name!r}, which it entered; {HINT}"
        if stage["deleting_run_id"] is not None:
            return f"stage: {deal.stage!r} is being deleted; name another stage"
        return self.people.missing(deal)

    def found(self, deal: Deal) -> dict[str, UUID | None]:
        """The people whom the deal names, by column of the lead; missing ones are created."""
        customer = self.people.customer(deal.customer)
        return {
            "customer_id": customer,
            "owner_id": self.people.owner(deal.owner),
            "contact_id": self.people.contact(deal, customer),
        }
