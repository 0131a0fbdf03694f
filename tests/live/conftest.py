"""A board to move leads on, and a way to listen to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from models import Role, new_id, organisation_id
from models.database import Database
from models.ids import public_id
from models.rank import spread
from resolvers.scope import Scope
from resolvers.streams import Told
from schema.engine import Engine

STAGES = ("New", "Talking", "Offer", "Deal")

SUBSCRIPTION = """
subscription ($after: String, $pipelineId: ID, $leadId: ID, $ownerId: ID) {
  stageChanged(after: $after, pipelineId: $pipelineId, leadId: $leadId, ownerId: $ownerId) {
    cursor lead { id } fromStage { name } toStage { name }
  }
}
"""

MOVE = """
mutation ($input: MoveLeadInput!) {
  moveLead(input: $input) { lead { id version } userErrors { code message field } }
}
"""


@dataclass(frozen=True)
class Board:
    """A pipeline of four stages with leads in the first, as public ids."""

    engine: Engine
    organisation: str
    pipeline: str
    stages: dict[str, str]
    leads: list[str]
    members: list[str]

    @property
    def scope(self) -> Scope:
        """An admin of the board's organisation."""
        return Scope(self.organisation, "tester", Role.ADMIN)

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of an operation; it must have no errors."""
        answer = await self.engine.execute(self.engine.documents.prepare(query), variables, self.scope)
        body = orjson.loads(answer.body)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def move(self, lead: str, stage: str, **more: Any) -> dict[str, Any]:
        """Move a lead; returns the payload."""
        given = {"leadId": lead, "stageId": self.stages[stage], **more}
        payload: dict[str, Any] = (await self.ask(MOVE, {"input": given}))["moveLead"]
        return payload

    async def cursor(self) -> str:
        """Where the event log stands."""
        cursor: str = (await self.ask("{ cursor }"))["cursor"]
        return cursor

    @asynccontextmanager
    async def listening(self, scope: Scope | None = None, **variables: Any) -> AsyncIterator["Listener"]:
        """A running subscription. Without `after`, it has begun when this returns."""
        prepared = self.engine.documents.prepare(SUBSCRIPTION)
        variables.setdefault("after", await self.cursor())
        stream = self.engine.subscribe(prepared, variables, scope or self.scope)
        listener = Listener()
        task = asyncio.create_task(listener.listen(stream))
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass
class Listener:
    """What a subscription has delivered so far."""

    events: list[dict[str, Any]] = field(default_factory=list)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    failure: Exception | None = None

    async def listen(self, stream: AsyncIterator[Told]) -> None:
        """Take events until cancelled."""
        try:
            async with aclosing(stream) as results:  # type: ignore[type-var]
                async for told in results:
                    async with self.heard:
                        self.events.append(orjson.loads(told.body)["data"]["stageChanged"])
                        self.heard.notify_all()
        except Exception as failure:
            async with self.heard:
                self.failure = failure
                self.heard.notify_all()

    async def until(self, count: int) -> list[dict[str, Any]]:
        """The events, once there are `count`. Fails when they do not come, or when more come."""
        async with asyncio.timeout(20), self.heard:
            await self.heard.wait_for(lambda: len(self.events) >= count or self.failure is not None)
        if self.failure is not None:
            raise self.failure
        assert len(self.events) == count
        return self.events

    def steps(self) -> list[tuple[str, str]]:
        """From where to where, of each event."""
        return [(event["fromStage"]["name"], event["toStage"]["name"]) for event in self.events]


MakeBoard = Callable[..., Any]


@pytest.fixture
def make_board(database: Database, engine: Engine) -> MakeBoard:
    """Makes a board in an organisation of its own."""

    async def make(organisation: str = "demo", leads: int = 5) -> Board:
        org_id = organisation_id(organisation)
        async with database.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO organisation (id, key, name) VALUES ($1, $2, $2)", org_id, organisation
            )
            await connection.execute("INSERT INTO event_log (org_id) VALUES ($1)", org_id)
            members = [new_id() for _ in range(2)]
            for member in members:
                await connection.execute(
                    "INSERT INTO member (org_id, id, subject, name) VALUES ($1, $2, $3, $3)",
                    org_id,
                    member,
                    str(member),
                )
            pipeline = new_id()
            await connection.execute(
                "INSERT INTO pipeline (org_id, id, name, type) VALUES ($1, $2, 'Sales', 'OPPORTUNITY')",
                org_id,
                pipeline,
            )
            stages = {name: new_id() for name in STAGES}
            for position, (name, stage) in enumerate(stages.items()):
                await connection.execute(
                    "INSERT INTO stage (org_id, id, pipeline_id, name, probability, position)"
                    " VALUES ($1, $2, $3, $4, $5, $6)",
                    *(org_id, stage, pipeline, name, 20 * position, position),
                )
            made: list[UUID] = [new_id() for _ in range(leads)]
            for nth, (lead, rank) in enumerate(zip(made, spread(leads), strict=True)):
                await connection.execute(
                    "INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, owner_id, value, currency,"
                    " stage_entered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'USD', now())",
                    *(org_id, lead, pipeline, stages["New"], rank, f"Lead {nth}", members[nth % 2], Decimal("10.00")),
                )
            await connection.execute(
                "INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)"
                " VALUES ($1, $2, 'USD', $3, $4, 0)",
                *(org_id, stages["New"], leads, Decimal("10.00") * leads),
            )
        return Board(
            engine,
            organisation,
            public_id("pipeline", pipeline),
            {name: public_id("stage", stage) for name, stage in stages.items()},
            [public_id("lead", lead) for lead in made],
            [public_id("member", member) for member in members],
        )

    return make
