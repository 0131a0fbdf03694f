"""The limit: bare Starlette routes that run hand-written SQL over asyncpg and return its text.

The known optimisations are applied here, too: text concatenated with `concat`, to-one records joined rather than looked
up in subqueries, generic plans without JIT, and no round trip to reset a connection.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.limit_changes import CHANGES
from bench.server import POOL
from models.database import SESSION
from models.rules import rank
from models.tables.base import new_id

BOARD = """
SELECT concat('{"data":{"pipeline":', coalesce((
  SELECT concat('{"id":"pipeline_', pipeline.id, '","name":', to_json(pipeline.name)::text, ',"stages":[', (
    SELECT string_agg(concat(
      '{"id":"stage_', stage.id, '","name":', to_json(stage.name)::text, ',"kind":"', stage.kind,
      '","totals":{"count":', totals.count, ',"values":[', totals.values, ']},"leads":{"nodes":[', page.nodes,
      ']', page.info, '}}'), ',')
    FROM (
      SELECT id, name, kind FROM stage
      WHERE org_id = $1 AND pipeline_id = pipeline.id AND deleted_at IS NULL ORDER BY position, id
    ) AS stage
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(leads), 0) AS count, string_agg(concat(
        '{"currency":"', currency, '","value":"', value,
        '","weightedValue":"', round(weighted / 100, scale(value)), '"}'
      ), ',' ORDER BY currency) FILTER (WHERE currency <> '' AND leads > 0) AS values
      FROM stage_total WHERE org_id = $1 AND stage_id = stage.id
    ) AS totals
    CROSS JOIN LATERAL (
      SELECT string_agg(concat(
        '{"id":"lead_', lead.id, '","title":', to_json(lead.title)::text,
        ',"value":', coalesce('"' || lead.value || '"', 'null'),
        ',"currency":', coalesce(to_json(lead.currency)::text, 'null'),
        ',"expectedCloseDate":', coalesce(to_json(lead.expected_close_date)::text, 'null'),
        ',"version":', lead.version,
        ',"contact":', CASE WHEN contact.id IS NULL THEN 'null'
          ELSE concat('{"id":"contact_', contact.id, '","name":', to_json(contact.name)::text, '}') END,
        ',"owner":', CASE WHEN owner.id IS NULL THEN 'null'
          ELSE concat('{"id":"member_', owner.id, '","name":', to_json(owner.name)::text, '}') END,
        ',"nextTask":', CASE WHEN task.id IS NULL THEN 'null'
          ELSE concat('{"id":"task_', task.id, '","title":', to_json(task.title)::text,
            ',"dueAt":', coalesce(to_json(task.due_at)::text, 'null'), '}') END,
        '}'), ',') FILTER (WHERE lead.nth <= $3) AS nodes,
        concat(',"pageInfo":{"hasNextPage":', (count(*) > $3)::text, ',"endCursor":',
          CASE WHEN count(*) = 0 THEN 'null' ELSE concat('"', translate(encode(convert_to(json_build_array('BOARD',
            (array_agg(lead.rank))[least(count(*), $3)::int], (array_agg(lead.id))[least(count(*), $3)::int]
          )::text, 'UTF8'), 'base64'), E'\\n', ''), '"') END, '}') AS info
      FROM (
        SELECT id, title, value, currency, expected_close_date, version, contact_id, owner_id, rank,
          row_number() OVER (ORDER BY rank, id) AS nth
        FROM lead WHERE org_id = $1 AND stage_id = stage.id ORDER BY rank, id LIMIT $3::int + 1
      ) AS lead
      LEFT JOIN LATERAL (
        SELECT id, name FROM contact WHERE org_id = $1 AND id = lead.contact_id LIMIT 1
      ) AS contact ON true
      LEFT JOIN LATERAL (SELECT id, name FROM member WHERE org_id = $1 AND id = lead.owner_id LIMIT 1) AS owner ON true
      LEFT JOIN LATERAL (
        SELECT id, title, due_at FROM task
        WHERE org_id = $1 AND lead_id = lead.id AND status = 'OPEN' ORDER BY deadline, id LIMIT 1
      ) AS task ON true
    ) AS page
  ), ']}') FROM pipeline WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
), 'null'), '}}')
"""

LEAD = """
SELECT concat('{"data":{"lead":', (
  SELECT concat('{"id":"lead_', lead.id, '","title":', to_json(lead.title)::text,
    ',"value":', coalesce('"' || lead.value || '"', 'null'),
    ',"currency":', coalesce(to_json(lead.currency)::text, 'null'), ',"version":', lead.version,
    ',"stage":{"id":"stage_', stage.id, '","name":', to_json(stage.name)::text, '}',
    ',"owner":', CASE WHEN owner.id IS NULL THEN 'null'
      ELSE concat('{"id":"member_', owner.id, '","name":', to_json(owner.name)::text, '}') END, '}')
  FROM lead
  JOIN stage ON stage.org_id = $1 AND stage.id = lead.stage_id
  LEFT JOIN member AS owner ON owner.org_id = $1 AND owner.id = lead.owner_id
  WHERE lead.org_id = $1 AND lead.id = $2
), '}}')
"""

MEMBER = "SELECT id, active FROM member WHERE org_id = $1 AND subject = $2"
STAGES = """
SELECT id, pipeline_id, kind, probability, deleted_at FROM stage
WHERE org_id = $1 AND (id = $2 OR id = (SELECT stage_id FROM lead WHERE org_id = $1 AND id = $3))
ORDER BY id FOR KEY SHARE
"""
LOCKED = """
SELECT id, pipeline_id, stage_id, owner_id, value, currency, probability, version FROM lead
WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
TOP = "SELECT rank FROM lead WHERE org_id = $1 AND stage_id = $2 AND id <> $3 ORDER BY rank, id LIMIT 1"
MOVE = """
WITH moved AS (
  UPDATE lead SET pipeline_id = $3, stage_id = $4, rank = $5, stage_entered_at = clock_timestamp(),
    updated_at = clock_timestamp(), version = version + 1,
    closed_at = CASE WHEN $6 THEN coalesce(closed_at, clock_timestamp()) END
  WHERE org_id = $1 AND id = $2 RETURNING stage_entered_at
)
INSERT INTO stage_change
  (org_id, id, lead_id, from_pipeline_id, from_stage_id, to_pipeline_id, to_stage_id, actor_id, occurred_at)
SELECT $1, $7, $2, $8, $9, $3, $4, $10, stage_entered_at FROM moved
"""
APPEND = """
WITH log AS (
  UPDATE event_log SET head = head + 1 WHERE org_id = $1 RETURNING head
), totals AS (
  INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
  SELECT $1, total.stage_id, $2, total.leads, total.value, total.weighted
  FROM log, (VALUES ($3::uuid, -1, -$5::numeric, -$6::numeric), ($4::uuid, 1, $5::numeric, $7::numeric))
    AS total (stage_id, leads, value, weighted)
  ON CONFLICT (org_id, stage_id, currency) DO UPDATE SET leads = stage_total.leads + excluded.leads,
    value = stage_total.value + excluded.value, weighted = stage_total.weighted + excluded.weighted
)
INSERT INTO event (org_id, number, id, type, occurred_at, actor_id, lead_id, owner_id,
  pipeline_id, stage_id, from_pipeline_id, from_stage_id, data)
SELECT $1, head, $8, 'lead.stage_changed', clock_timestamp(), $9, $10, $11, $12, $4, $13, $3, '{}' FROM log
"""
TOTALS = """
INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
SELECT $1, total.stage_id, $2, total.leads, total.value, total.weighted
FROM (VALUES ($3::uuid, -1, -$5::numeric, -$6::numeric), ($4::uuid, 1, $5::numeric, $7::numeric))
  AS total (stage_id, leads, value, weighted)
ORDER BY total.stage_id
ON CONFLICT (org_id, stage_id, currency) DO UPDATE SET leads = stage_total.leads + excluded.leads,
  value = stage_total.value + excluded.value, weighted = stage_total.weighted + excluded.weighted
"""
MOVED = """
SELECT concat('{"data":{"moveLead":{"lead":{"id":"lead_', lead.id, '","version":', lead.version,
  ',"stage":{"id":"stage_', stage.id, '","name":', to_json(stage.name)::text, '}},"userErrors":[]}}}')
FROM lead JOIN stage ON stage.org_id = $1 AND stage.id = lead.stage_id
WHERE lead.org_id = $1 AND lead.id = $2
"""


def create_app(url: str) -> Starlette:
    """The application; ids and the organisation are in the path."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            url, min_size=POOL, max_size=POOL, server_settings=SESSION, statement_cache_size=1024, reset=_keep
        ) as pool:
            app.state.pool = pool
            yield

    return Starlette(
        routes=[
            Route("/board/{org_id}/{pipeline_id}/{first:int}", board),
            Route("/lead/{org_id}/{lead_id}", lead),
            Route("/move/{org_id}/{lead_id}/{stage_id}", move, methods=["POST"]),
            Route("/unlogged-move/{org_id}/{lead_id}/{stage_id}", unlogged_move, methods=["POST"]),
            Route("/change/{name}/{org_id}/{lead_id}/{member_id}", change, methods=["POST"]),
        ],
        lifespan=lifespan,
    )


async def _keep(connection: asyncpg.Connection) -> None:
    """Keep the connection as it is: nothing here changes its session."""


async def board(request: Request) -> Response:
    """The board of a pipeline."""
    given = request.path_params
    async with request.app.state.pool.acquire() as connection:
        text = await connection.fetchval(BOARD, given["org_id"], given["pipeline_id"], given["first"])
    return Response(text, media_type="application/json")


async def lead(request: Request) -> Response:
    """One lead."""
    given = request.path_params
    async with request.app.state.pool.acquire() as connection:
        text = await connection.fetchval(LEAD, given["org_id"], given["lead_id"])
    return Response(text, media_type="application/json")


async def move(request: Request) -> Response:
    """Move a lead to the top of another stage."""
    return await _moved(request, logged=True)


async def unlogged_move(request: Request) -> Response:
    """The same without an event: no counter of the organisation, no row in the log. It shows the cost of the log."""
    return await _moved(request, logged=False)


async def _moved(request: Request, logged: bool) -> Response:
    org_id, lead_id, stage_id = (UUID(request.path_params[name]) for name in ("org_id", "lead_id", "stage_id"))
    async with request.app.state.pool.acquire() as connection:
        async with connection.transaction():
            await _move(connection, org_id, lead_id, stage_id, logged)
        text = await connection.fetchval(MOVED, org_id, lead_id)
    return Response(text, media_type="application/json")


async def change(request: Request) -> Response:
    """Make one of the changes of `limit_changes`, and return the lead."""
    org_id, lead_id, member_id = (UUID(request.path_params[name]) for name in ("org_id", "lead_id", "member_id"))
    async with request.app.state.pool.acquire() as connection:
        async with connection.transaction():
            await CHANGES[request.path_params["name"]](connection, org_id, lead_id, member_id)
        text = await connection.fetchval(MOVED, org_id, lead_id)
    return Response(text, media_type="application/json")


async def _move(connection: Any, org_id: UUID, lead_id: UUID, stage_id: UUID, logged: bool) -> None:
    member = await connection.fetchrow(MEMBER, org_id, "member-0")
    if not member["active"]:
        raise PermissionError
    stages = {row["id"]: row for row in await connection.fetch(STAGES, org_id, stage_id, lead_id)}
    lead = await connection.fetchrow(LOCKED, org_id, lead_id)
    left, entered = stages[lead["stage_id"]], stages[stage_id]
    top = await connection.fetchval(TOP, org_id, stage_id, lead_id)
    at = lead["pipeline_id"], left["id"]
    pipeline_id, id = entered["pipeline_id"], new_id()
    closed = entered["kind"] != "OPEN"
    place = rank.between(None, top)
    await connection.execute(MOVE, org_id, lead_id, pipeline_id, stage_id, place, closed, id, *at, member["id"])
    value = lead["value"] or Decimal(0)
    currency = lead["currency"] if lead["value"] is not None else ""
    weights = value * _chance(lead, left), value * _chance(lead, entered)
    totals = org_id, currency, left["id"], stage_id, value, *weights
    if logged:
        about = lead_id, lead["owner_id"], pipeline_id, lead["pipeline_id"]
        await connection.execute(APPEND, *totals, id, member["id"], *about)
    else:
        await connection.execute(TOTALS, *totals)


def _chance(lead: Mapping[str, Any], stage: Mapping[str, Any]) -> int:
    own: int | None = lead["probability"] if stage["kind"] == "OPEN" else None
    odds: int = stage["probability"] if own is None else own
    return odds
