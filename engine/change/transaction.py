"""A change: one transaction that locks what it decides on, writes, and appends its events to the organisation's log.

async with one transaction:
    the caller's member record     made on the first change, refused when deactivated
    the change itself              a function of this package; locks in the order pipeline, stage, lead, task
    totals and events              in one statement that takes the log's counter last, so its lock is short
wake-up                            after the commit; it carries nothing but the organisation's id
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import select, text

from engine.caller import Scope
from engine.read.redirects import MERGED, current_ids
from engine.read.rows import ORG, SUBJECT
from models.database import Connection, Database, Row, Statement
from models.rules.refusal import Refusal, Refused
from models.tables.base import new_id
from models.tables.event import EventType
from models.tables.lead import chance
from models.tables.member import Member

ATTEMPTS = 5
"""How often a change is tried when PostgreSQL breaks a deadlock at its expense."""

FIND_MEMBER = Statement(select(Member.id, Member.active).where(Member.org_id == ORG, Member.subject == SUBJECT))

FOUND_ORGANISATION = Statement(
    text(
        """
        WITH made AS (
            INSERT INTO organisation (id, key, name) VALUES (:org_id, :organisation, :organisation)
            ON CONFLICT DO NOTHING
        )
        INSERT INTO event_log (org_id) VALUES (:org_id) ON CONFLICT DO NOTHING
        """
    ).bindparams(ORG)
)
"""The organisation's own rows. Foreign keys are checked at the end of a statement, so both fit in one."""

JOIN = Statement(
    text(
        """
        INSERT INTO member (org_id, id, subject, name, email, role)
        VALUES (:org_id, :id, :subject, :name, :email, :role)
        ON CONFLICT (org_id, subject) DO UPDATE SET subject = excluded.subject
        RETURNING id, active
        """
    )
)
"""Make the caller a member. The empty update returns the row even if another transaction made it just now."""

APPEND = Statement(
    text(
        """
        WITH log AS (
            UPDATE event_log SET head = head + cardinality(CAST(:ids AS uuid[])) WHERE org_id = :org_id
            RETURNING head - cardinality(CAST(:ids AS uuid[])) AS before
        ), totals AS (
            INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
            SELECT :org_id, total.stage_id, total.currency, total.leads, total.value, total.weighted
            FROM log, unnest(
                CAST(:stages AS uuid[]), CAST(:currencies AS text[]), CAST(:leads AS int[]),
                CAST(:values AS numeric[]), CAST(:weights AS numeric[])
            ) AS total (stage_id, currency, leads, value, weighted)
            ON CONFLICT (org_id, stage_id, currency) DO UPDATE SET
                leads = stage_total.leads + excluded.leads,
                value = stage_total.value + excluded.value,
                weighted = stage_total.weighted + excluded.weighted
        )
        INSERT INTO event (
            org_id, number, id, type, occurred_at, actor_id, mutation, lead_id, owner_id,
            pipeline_id, stage_id, from_pipeline_id, from_stage_id, record_id, data
        )
        SELECT :org_id, log.before + happened.nth, happened.id, happened.type, clock_timestamp(), :actor_id, :mutation,
            happened.lead_id, happened.owner_id, happened.pipeline_id, happened.stage_id, happened.from_pipeline_id,
            happened.from_stage_id, happened.record_id, happened.data
        FROM log, unnest(
            CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:lead_ids AS uuid[]), CAST(:owner_ids AS uuid[]),
            CAST(:pipeline_ids AS uuid[]), CAST(:stage_ids AS uuid[]), CAST(:from_pipeline_ids AS uuid[]),
            CAST(:from_stage_ids AS uuid[]), CAST(:record_ids AS uuid[]), CAST(:data AS jsonb[])
        ) WITH ORDINALITY AS happened (
            id, type, lead_id, owner_id, pipeline_id, stage_id, from_pipeline_id, from_stage_id, record_id, data, nth
        )
        """
    ).bindparams(ORG)
)
"""Number the events and write them, and bring the totals of the stages up to date. Both wait for the counter's lock,
so totals are only ever touched by the transaction that holds it, and no two can deadlock over them."""

CLAIM = Statement(
    text(
        """
        INSERT INTO outcome (org_id, subject, key, fingerprint, result)
        VALUES (:org_id, :subject, :key, :fingerprint, '{}') ON CONFLICT DO NOTHING RETURNING key
        """
    )
)
"""Take an idempotency key. Another transaction with the same key waits here until this one ends."""

REMEMBER = Statement(
    text(
        """
        UPDATE outcome SET result = CAST(:result AS jsonb)
        WHERE org_id = :org_id AND subject = :subject AND key = :key
        """
    )
)

RECALL = Statement(
    text("SELECT fingerprint, result FROM outcome WHERE org_id = :org_id AND subject = :subject AND key = :key")
)


@dataclass(frozen=True)
class Happening:
    """An event before it has its number. `record_id` names what it happened to when none of the others does."""

    type: str
    lead_id: UUID | None = None
    owner_id: UUID | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    from_pipeline_id: UUID | None = None
    from_stage_id: UUID | None = None
    record_id: UUID | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)

    @classmethod
    def of_lead(cls, type_: str, lead: Mapping[str, Any], record_id: UUID | None = None, **data: Any) -> Self:
        """An event of a lead, where it stands; or of a record of the lead's."""
        return cls(
            type_,
            lead_id=lead["id"],
            owner_id=lead["owner_id"],
            pipeline_id=lead["pipeline_id"],
            stage_id=lead["stage_id"],
            record_id=record_id,
            data=data,
        )

    def __post_init__(self) -> None:
        EventType(self.type)  # what is not published there, nobody could ask for


@dataclass
class Change:
    """What a change works with: its transaction, who does it, its own name, and what it leaves for the end."""

    connection: Connection
    scope: Scope
    actor_id: UUID
    mutation: str
    happenings: list[Happening] = field(default_factory=list)
    totals: dict[tuple[UUID, str], tuple[int, Decimal, Decimal]] = field(default_factory=dict)

    @property
    def org_id(self) -> UUID:
        """The caller's organisation."""
        return self.scope.org_id

    async def first(self, statement: Statement, **values: Any) -> Row | None:
        """The first row of a statement, in the caller's organisation."""
        return await statement.first(self.connection, org_id=self.org_id, **values)

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows of a statement, in the caller's organisation."""
        return await statement.all(self.connection, org_id=self.org_id, **values)

    async def run(self, statement: Statement, **values: Any) -> None:
        """Run a statement for its effect, in the caller's organisation."""
        await statement.run(self.connection, org_id=self.org_id, **values)

    async def merged(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Those of the ids that stand for other records, and the ids of these."""
        return {row["id"]: row["into_id"] for row in await self.all(MERGED, ids=list(ids))} if ids else {}

    def emit(self, happening: Happening) -> None:
        """Add an event to the log when the change is complete."""
        self.happenings.append(happening)

    def count(self, lead: Mapping[str, Any], stage: Mapping[str, Any], sign: int) -> None:
        """A lead enters (`sign` 1) or leaves (-1) the totals of a stage; a lead without a value is only counted."""
        value = lead["value"]
        key = (stage["id"], lead["currency"] if value is not None else "")
        leads, total, weighted = self.totals.get(key, (0, Decimal(0), Decimal(0)))
        amount = (value or Decimal(0)) * sign
        self.totals[key] = (leads + sign, total + amount, weighted + amount * chance(lead, stage))

    async def finish(self) -> None:
        """Write the events and the totals."""
        totals = sorted((key, found) for key, found in self.totals.items() if any(found))
        if self.happenings:
            await append(self.connection, self.org_id, self.happenings, totals, self.actor_id, self.mutation)


EVENT_IDS = ("lead_id", "owner_id", "pipeline_id", "stage_id", "from_pipeline_id", "from_stage_id", "record_id")


async def append(
    connection: Connection,
    org_id: UUID,
    happenings: Sequence[Happening],
    totals: Sequence[tuple[tuple[UUID, str], tuple[int, Decimal, Decimal]]] = (),
    actor_id: UUID | None = None,
    mutation: str | None = None,
) -> None:
    """Append events to an organisation's log, last in their transaction. Nobody does what time alone brings about."""
    await APPEND.run(
        connection,
        org_id=org_id,
        actor_id=actor_id,
        mutation=mutation,
        ids=[one.id for one in happenings],
        types=[one.type for one in happenings],
        data=[orjson.dumps(one.data).decode() for one in happenings],
        **{f"{name}s": [getattr(one, name) for one in happenings] for name in EVENT_IDS},
        stages=[key[0] for key, _ in totals],
        currencies=[key[1] for key, _ in totals],
        leads=[found[0] for _, found in totals],
        values=[found[1] for _, found in totals],
        weights=[found[2] for _, found in totals],
    )


ChangeFunction = Callable[..., Awaitable[Mapping[str, Any]]]
"""Does a change, given the `Change` and the fields of its input; returns what the payload shows, by field."""


@dataclass(frozen=True)
class Idempotency:
    """The key that a caller chose for a change, and a fingerprint of everything else that was sent with it."""

    key: str
    fingerprint: str


async def perform(
    database: Database,
    scope: Scope,
    function: ChangeFunction,
    values: Mapping[str, Any],
    idempotency: Idempotency | None = None,
) -> Mapping[str, Any]:
    """Do a change in one transaction and return what its payload shows. Raises `Refused`; then nothing has changed.

    With an idempotency key, a repeated change is not done again: what the first one showed is returned. A refusal
    changes nothing, so it is not remembered. The id of a record that was merged stands for the one it was merged into:
    a change that does not find a record is tried again with that, so that it costs nothing where all are there. Only
    what is to be deleted has to be named by its own id: who asks for that has seen one record, not the joined ones.
    """
    deletes = function.__name__.startswith("delete_")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.acquire() as connection, connection.transaction():
                return await _perform(connection, scope, function, values, idempotency)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == ATTEMPTS:
                raise
        except Refused as refused:
            if refused.code is not Refusal.NOT_FOUND or deletes or attempt == ATTEMPTS:
                raise
            async with database.acquire() as connection:
                current = await current_ids(connection, scope.org_id, values)
            if current == values:
                raise
            values = current
    raise AssertionError


async def _perform(
    connection: Connection,
    scope: Scope,
    function: ChangeFunction,
    values: Mapping[str, Any],
    idempotency: Idempotency | None,
) -> Mapping[str, Any]:
    actor_id = await _actor(connection, scope)
    if idempotency is not None:
        remembered = await _remembered(connection, scope, idempotency)
        if remembered is not None:
            return remembered
    change = Change(connection, scope, actor_id, function.__name__)
    shown = await function(change, **values)
    await change.finish()
    if idempotency is not None:
        result = orjson.dumps(dict(shown), default=str).decode()
        await REMEMBER.run(connection, org_id=scope.org_id, subject=scope.subject, key=idempotency.key, result=result)
    return shown


async def _actor(connection: Connection, scope: Scope) -> UUID:
    """The caller's member record. A first change makes caller and organisation known."""
    found = await FIND_MEMBER.first(connection, org_id=scope.org_id, subject=scope.subject)
    if found is None:
        await FOUND_ORGANISATION.run(connection, org_id=scope.org_id, organisation=scope.organisation)
        found = await JOIN.first(
            connection,
            org_id=scope.org_id,
            id=new_id(),
            subject=scope.subject,
            name=scope.name or scope.email or scope.subject,
            email=scope.email,
            role=scope.role.value,
        )
    assert found is not None
    if not found["active"]:
        raise Refused(Refusal.FORBIDDEN, "You are no longer an active member here. Ask an admin to activate you.")
    actor_id: UUID = found["id"]
    return actor_id


async def _remembered(connection: Connection, scope: Scope, idempotency: Idempotency) -> Mapping[str, Any] | None:
    """What a change with this key showed before, or None when this is the first, which now holds the key."""
    who = {"org_id": scope.org_id, "subject": scope.subject, "key": idempotency.key}
    if await CLAIM.first(connection, **who, fingerprint=idempotency.fingerprint) is not None:
        return None
    found = await RECALL.first(connection, **who)
    if found is None or found["fingerprint"] != idempotency.fingerprint:
        raise Refused(
            Refusal.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key was used for another change. Make a new key for each change.",
            "idempotencyKey",
        )
    remembered: Mapping[str, Any] = orjson.loads(found["result"])
    return remembered
