"""The usual way: Strawberry's own ASGI view, resolvers on SQLAlchemy's ORM, and a DataLoader for each relation.

Parsed and validated documents are cached, as Strawberry's documentation recommends. It does not authenticate.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self
from uuid import UUID

import strawberry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

import models
from bench.server import POOL
from models.database import SESSION
from models.migrate import asyncpg_url
from models.rules.ids import parse_id, public_id
from models.tables.base import organisation_id

StageKind = strawberry.enum(models.StageKind)


class Loaders:
    """The DataLoaders of one request. Each batch has a session of its own, since they run side by side."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], org_id: UUID) -> None:
        self.sessions = sessions
        self.org_id = org_id
        self.contacts = DataLoader(load_fn=self._by_id(models.Contact))
        self.members = DataLoader(load_fn=self._by_id(models.Member))
        self.stages = DataLoader(load_fn=self._by_id(models.Stage))
        self.next_tasks = DataLoader(load_fn=self._next_tasks)
        self.totals = DataLoader(load_fn=self._totals)

    async def all(self, statement: Any) -> Sequence[Any]:
        """The records that a statement returns."""
        async with self.sessions() as session:
            return (await session.scalars(statement)).all()

    def _by_id(self, model: Any) -> Callable[[list[UUID]], Any]:
        async def load(ids: list[UUID]) -> list[Any]:
            found = await self.all(select(model).where(model.org_id == self.org_id, model.id.in_(ids)))
            by_id = {record.id: record for record in found}
            return [by_id.get(id) for id in ids]

        return load

    async def _next_tasks(self, ids: list[UUID]) -> list[models.Task | None]:
        task = models.Task
        found = await self.all(
            select(task)
            .where(task.org_id == self.org_id, task.lead_id.in_(ids), task.status == "OPEN")
            .order_by(task.lead_id, task.deadline, task.id)
            .distinct(task.lead_id)
        )
        by_lead = {task.lead_id: task for task in found}
        return [by_lead.get(id) for id in ids]

    async def _totals(self, ids: list[UUID]) -> list[list[models.StageTotal]]:
        total = models.StageTotal
        found = await self.all(
            select(total).where(total.org_id == self.org_id, total.stage_id.in_(ids)).order_by(total.currency)
        )
        return [[total for total in found if total.stage_id == id] for id in ids]


def loaders(info: Info) -> Loaders:
    """The loaders of the request."""
    found: Loaders = info.context["loaders"]
    return found


@strawberry.type
class Named:
    """A contact or member, as a card shows it; a stage, as a lead shows it."""

    id: strawberry.ID
    name: str

    @classmethod
    def of(cls, prefix: str, record: Any) -> Self:
        """From a record."""
        return cls(id=strawberry.ID(public_id(prefix, record.id)), name=record.name)


@strawberry.type
class Task:
    """A task."""

    id: strawberry.ID
    title: str
    due_at: datetime | None


@strawberry.type
class Lead:
    """A lead."""

    id: strawberry.ID
    title: str
    value: Decimal | None
    currency: str | None
    expected_close_date: date | None
    version: int
    record: strawberry.Private[models.Lead]

    @classmethod
    def of(cls, record: models.Lead) -> Self:
        """From a record."""
        return cls(
            id=strawberry.ID(public_id("lead", record.id)),
            title=record.title,
            value=record.value,
            currency=record.currency,
            expected_close_date=record.expected_close_date,
            version=record.version,
            record=record,
        )

    @strawberry.field
    async def contact(self, info: Info) -> Named | None:
        """The lead's contact."""
        id = self.record.contact_id
        return None if id is None else Named.of("contact", await loaders(info).contacts.load(id))

    @strawberry.field
    async def owner(self, info: Info) -> Named | None:
        """The lead's owner."""
        id = self.record.owner_id
        return None if id is None else Named.of("member", await loaders(info).members.load(id))

    @strawberry.field
    async def stage(self, info: Info) -> Named:
        """The lead's stage."""
        return Named.of("stage", await loaders(info).stages.load(self.record.stage_id))

    @strawberry.field
    async def next_task(self, info: Info) -> Task | None:
        """The lead's next task."""
        found = await loaders(info).next_tasks.load(self.record.id)
        if found is None:
            return None
        return Task(id=strawberry.ID(public_id("task", found.id)), title=found.title, due_at=found.due_at)


@strawberry.type
class PageInfo:
    """The position of a page."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Leads:
    """A page of leads."""

    nodes: list[Lead]
    page_info: PageInfo


@strawberry.type
class CurrencyTotal:
    """A sum in one currency."""

    currency: str
    value: Decimal
    weighted_value: Decimal

    @classmethod
    def of(cls, total: models.StageTotal) -> Self:
        """From a record."""
        weighted = (total.weighted / 100).quantize(total.value, rounding=ROUND_HALF_UP)
        return cls(currency=total.currency, value=total.value, weighted_value=weighted)


@strawberry.type
class StageTotals:
    """The totals of a stage."""

    count: int
    values: list[CurrencyTotal]


@strawberry.type
class Stage:
    """A stage."""

    id: strawberry.ID
    name: str
    kind: StageKind  # type: ignore[valid-type]
    record: strawberry.Private[models.Stage]

    @classmethod
    def of(cls, record: models.Stage) -> Self:
        """From a record."""
        id = strawberry.ID(public_id("stage", record.id))
        return cls(id=id, name=record.name, kind=models.StageKind(record.kind), record=record)

    @strawberry.field
    async def totals(self, info: Info) -> StageTotals:
        """The totals of the stage."""
        found = await loaders(info).totals.load(self.record.id)
        values = [CurrencyTotal.of(total) for total in found if total.currency and total.leads]
        return StageTotals(count=sum(total.leads for total in found), values=values)

    @strawberry.field
    async def leads(self, info: Info, first: int | None = 20) -> Leads:
        """The leads in it, in the order of the board."""
        lead, first = models.Lead, first or 20
        found = await loaders(info).all(
            select(lead)
            .where(lead.org_id == self.record.org_id, lead.stage_id == self.record.id)
            .order_by(lead.rank, lead.id)
            .limit(first + 1)
        )
        page = found[:first]
        info_ = PageInfo(has_next_page=len(found) > first, end_cursor=cursor(page[-1]) if page else None)
        return Leads(nodes=[Lead.of(one) for one in page], page_info=info_)


@strawberry.type
class Pipeline:
    """A pipeline."""

    id: strawberry.ID
    name: str
    record: strawberry.Private[models.Pipeline]

    @strawberry.field
    async def stages(self, info: Info) -> list[Stage]:
        """Its stages, in order."""
        stage, record = models.Stage, self.record
        found = await loaders(info).all(
            select(stage)
            .where(stage.org_id == record.org_id, stage.pipeline_id == record.id, stage.deleted_at.is_(None))
            .order_by(stage.position, stage.id)
        )
        return [Stage.of(one) for one in found]


@strawberry.type
class Query:
    """The queries of the schema."""

    @strawberry.field
    async def pipeline(self, info: Info, id: strawberry.ID) -> Pipeline | None:
        """One pipeline."""
        model, org_id = models.Pipeline, loaders(info).org_id
        found = await loaders(info).all(
            select(model).where(
                model.org_id == org_id, model.id == parse_id("pipeline", id), model.deleted_at.is_(None)
            )
        )
        return Pipeline(id=id, name=found[0].name, record=found[0]) if found else None

    @strawberry.field
    async def lead(self, info: Info, id: strawberry.ID) -> Lead | None:
        """One lead."""
        model, org_id = models.Lead, loaders(info).org_id
        found = await loaders(info).all(select(model).where(model.org_id == org_id, model.id == parse_id("lead", id)))
        return Lead.of(found[0]) if found else None


def cursor(lead: models.Lead) -> str:
    """The cursor after which the next page starts."""
    return b64encode(json.dumps(["BOARD", lead.rank, str(lead.id)]).encode()).decode()


class View(GraphQL[Any, Any]):
    """Strawberry's view, with the loaders of each request in its context."""

    sessions: async_sessionmaker[AsyncSession]

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        """The loaders, for the organisation that the request names."""
        return {"loaders": Loaders(self.sessions, organisation_id(request.headers["orgid"]))}


def create_app(url: str) -> Starlette:
    """The application."""
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
    view = View(schema)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        engine = create_async_engine(
            asyncpg_url(url), pool_size=POOL, max_overflow=0, connect_args={"server_settings": SESSION}
        )
        view.sessions = async_sessionmaker(engine, expire_on_commit=False)
        yield
        await engine.dispose()

    return Starlette(routes=[Route("/graphql", view)], lifespan=lifespan)
