"""Organisations of any number of leads, made inside PostgreSQL: a million take two minutes.

What follows from records is written with them as changes would: totals, words, sort keys and the flags of open tasks.
There are no tasks, no history and no events.
"""

from uuid import UUID

import asyncpg

from bench.data import TOTALS
from models.rules.search import vector, words
from models.rules.sort_key import sort_key
from models.tables.base import organisation_id
from resolvers.changes.missing_values import fill
from resolvers.changes.spans.held import OF_LEAD

LARGE = "growth-large"
"""The key of the organisation that is measured."""

SMALL = 20
"""Leads of each of the small organisations."""

PER_CONTACT = 25
"""Leads of each contact; a customer has four contacts."""

ORGANISATIONS = """
    INSERT INTO organisation (id, key, name) SELECT id, 'growth ' || id, 'Growth' FROM unnest($1::uuid[]) AS id
"""

HEADS = "INSERT INTO event_log (org_id, head) SELECT id, 0 FROM unnest($1::uuid[]) AS id"

_ID = "('01900000-000{kind}-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"


def _id(kind: int, number: str) -> str:
    """A UUIDv7 of a kind of record, by its number within the organisation."""
    return _ID.format(kind=kind, number=number)


PEOPLE = f"""
    WITH org AS (SELECT id FROM unnest($1::uuid[]) AS id), made AS (
        INSERT INTO member (org_id, id, subject, name, email, role)
        SELECT org.id, {_id(1, "n")}, 'member-' || n, 'Member ' || n, 'member' || n || '@example.com', 'ADMIN'
        FROM org, generate_series(1, 24) AS n
    ), customers AS (
        INSERT INTO customer (org_id, id, name) SELECT org.id, {_id(2, "n")}, 'Company ' || n
        FROM org, generate_series(0, $2::int / {4 * PER_CONTACT}) AS n
    ), pipelines AS (
        INSERT INTO pipeline (org_id, id, name, type, is_default)
        SELECT org.id, {_id(4, "n")}, 'Pipeline ' || n, (ARRAY['OPPORTUNITY', 'LEAD'])[n], true
        FROM org, generate_series(1, 2) AS n
    ), stages AS (
        INSERT INTO stage (org_id, id, pipeline_id, name, kind, probability, position)
        SELECT org.id, {_id(5, "n")}, {_id(4, "CASE WHEN n < 7 THEN 1 ELSE 2 END")}, 'Stage ' || n,
            (ARRAY['OPEN', 'OPEN', 'OPEN', 'OPEN', 'WON', 'LOST', 'OPEN'])[n], (ARRAY[10, 20, 40, 60, 100, 0, 10])[n],
            (ARRAY[0, 1, 2, 3, 4, 5, 0])[n]
        FROM org, generate_series(1, 7) AS n
    )
    INSERT INTO contact (org_id, id, name, email, customer_id)
    SELECT org.id, {_id(3, "n")}, 'Contact ' || n, 'contact' || n || '@example.com', {_id(2, "n / 4")}
    FROM org, generate_series(0, $2::int / {PER_CONTACT}) AS n
"""

LEADS = f"""
    INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, sort_key, contact_id, customer_id, owner_id,
        value, currency, score, expected_close_date, stage_entered_at, closed_at, created_at, updated_at, has_open_task)
    SELECT org.id, {_id(6, "n")}, {_id(4, "1")}, {_id(5, "stage")},
        lpad(to_hex((n::bigint * 7919) % 4294967291), 8, '0') || 'V', n || ' ' || thing || ' for Jansen',
        '0' || chr(48 + length(n::text)) || n || ' ' || thing || ' for jansen' || chr(1),
        {_id(3, f"n / {PER_CONTACT}")}, {_id(2, f"n / {4 * PER_CONTACT}")},
        CASE WHEN n % 10 > 0 THEN {_id(1, "1 + n % 24")} END,
        CASE WHEN n % 20 > 0 THEN round((n::bigint * 7919) % 90000000 / 100.0, 2) END,
        CASE WHEN n % 3 > 0 THEN 'USD' ELSE 'EUR' END, CASE WHEN n % 7 > 0 THEN n * 31 % 101 END,
        CASE WHEN n % 11 > 0 THEN date '2026-01-05' + n % 120 END, at + interval '9 days',
        CASE WHEN stage IN (5, 6) THEN at + interval '9 days' END, at, at + interval '9 days',
        stage < 5 AND n % 9 > 0
    FROM unnest($1::uuid[]) AS org (id), generate_series(1, $2::int) AS n,
        LATERAL (SELECT n * 37 % 100 AS share, timestamptz '2025-01-05' + n * interval '30 seconds' AS at,
            (ARRAY['licences', 'seats', 'renewal', 'rollout', 'support', 'training', 'audit', 'pilot', 'upgrade',
            'integration'])[1 + n % 10] AS thing) AS one,
        LATERAL (SELECT CASE WHEN share < 40 THEN 1 WHEN share < 60 THEN 2 WHEN share < 72 THEN 3 WHEN share < 80 THEN 4
            WHEN share < 92 THEN 5 ELSE 6 END AS stage) AS two
"""
"""Leads of a pipeline, two of five in its first stage, none in the other pipeline; a word of all titles is Jansen."""

WORDS = """
    INSERT INTO lead_search (org_id, lead_id, own_words, contact_words, customer_words)
    SELECT lead.org_id, lead.id, (
            SELECT string_agg('''' || left(lead.org_id::text, 8) || word || '''', ' ')
            FROM unnest(string_to_array(' ' || lower(title), ' ')) AS word
        )::tsvector, contact.words, customer.words
    FROM lead JOIN contact ON contact.org_id = lead.org_id AND contact.id = lead.contact_id
        JOIN customer ON customer.org_id = lead.org_id AND customer.id = lead.customer_id
    WHERE lead.org_id = ANY($1::uuid[])
"""

SPANS = f"""
    INSERT INTO lead_span (org_id, lead_id, from_number, {", ".join(OF_LEAD)})
    SELECT lead.org_id, lead.id, 0, {", ".join(OF_LEAD.values())}
    FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
    WHERE lead.org_id = ANY($1)
"""

INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename IN ('lead', 'lead_search') AND indexname !~ '(_pkey|_key)$'
"""


async def load(connection: asyncpg.Connection, organisations: list[UUID], leads: int) -> None:
    """Make organisations of so many leads each. Indexes are built at the end, which takes half as long."""
    indexes = await connection.fetch(INDEXES)
    # The rows are correct by construction; checking eight foreign keys per lead takes most of the time.
    await connection.execute("SET session_replication_role = replica")
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute(ORGANISATIONS, organisations)
    await connection.execute(HEADS, organisations)
    await connection.execute(PEOPLE, organisations, leads)
    await fill(connection)
    await connection.execute(LEADS, organisations, leads)
    await connection.execute(WORDS, organisations)
    await connection.execute(SPANS, organisations)
    for organisation in organisations:
        await connection.execute(TOTALS, organisation)
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("RESET session_replication_role")
    await connection.execute("VACUUM (ANALYZE)")
    await _expect_right(connection, organisations[0])


async def load_large(connection: asyncpg.Connection, leads: int) -> None:
    """Make the organisation that is measured."""
    await load(connection, [organisation_id(LARGE)], leads)
    await connection.execute("UPDATE organisation SET key = $1 WHERE id = $2", LARGE, organisation_id(LARGE))


async def _expect_right(connection: asyncpg.Connection, organisation: UUID) -> None:
    """What SQL has made of a title is what changes make of it."""
    row = await connection.fetchrow(
        "SELECT title, sort_key, own_words::text, $2::tsvector::text AS words FROM lead"
        " JOIN lead_search ON lead_search.org_id = lead.org_id AND lead_id = id WHERE lead.org_id = $1 AND title = $3",
        organisation,
        vector(organisation, words("12 renewal for Jansen")),
        "12 renewal for Jansen",
    )
    assert row is not None
    assert row["sort_key"] == sort_key(row["title"])
    assert row["own_words"] == row["words"]
