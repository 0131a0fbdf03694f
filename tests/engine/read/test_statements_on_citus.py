"""Every statement can run on Citus, on the shard of its organisation alone; those of several say why they are."""

from collections.abc import Mapping

import pytest

from models.database import Database
from tests.support.sql.citus import VOLATILITIES, Volatility, changes, locks_rows, refused
from tests.support.sql.statements import NAMED
from tests.support.sql.tenancy import unlimited

SEVERAL: Mapping[str, str] = {
    "resolvers.changes.organisation.access.RESTRICTED": "who of all connected callers lost access; each second",
    "resolvers.changes.organisation.access.SUSPENDED": "which organisations are suspended; each second",
    "engine.live.feed.HEADS": "whether a reader of this process is behind; each second",
    "engine.change.idempotency.FORGETTABLE": "which organisations have outcomes to forget; each hour",
    "engine.live.retention.OLD": "which organisations have events to prune; each hour",
    "engine.background.behind.FIND": "which consumers of organisations that were named are behind",
    "engine.background.behind.LOOK": "which consumers of the next 500 organisations are behind; each second",
    "resolvers.reads.inbox.notified.MADE.heads": "whether a reader of notifications is behind; each second",
    "resolvers.reads.events.attempted.ATTEMPTS.heads": "whether a reader of attempts is behind; each second",
    "engine.background.positions.NOT_DONE": "which consumers are behind; shown to operators",
    "engine.background.runs.WITH_ENDED": "which organisations have runs to delete; each hour",
    "engine.background.runner.COUNTS": "how many runs there are, for metrics; every 15 seconds",
    "server.process.listing_runs.LISTED": "the runs of all organisations, for the command `dealboard runs`",
    "server.process.listing_runs.KNOWN": "whether there is an organisation of this key; the same command",
    "engine.background.leased.takers.LANES": "which lanes have work that is due; each second",
    "engine.background.leased.schedules.DUE": "which schedules have a time that has come; each second",
    "engine.background.runner.UNFINISHED": "which organisations have runs to work on",
    "resolvers.changes.missing_values.ANYWHERE": "whether an upgrade left anything to do; at the start",
    "resolvers.changes.created_values.UNFILLED": "the same, of events; at the start",
    "resolvers.changes.spans.backfill.UNKNOWN": "the same, of spans; at the start",
    "resolvers.changes.tasks.reminders.DUE": "which organisations have reminders that came due",
    "resolvers.changes.tasks.reminders.DAY_DUE": "the same, of tasks that are due on a day",
    "resolvers.changes.tasks.day_reminders.WITHOUT_TIME": "which organisations have days to remind of",
    "resolvers.reactions.webhooks.leases.DUE": "which webhooks have something to send; each second",
    "resolvers.reactions.webhooks.leases.ACTIVE": "which organisations have webhooks; each second",
    "resolvers.reactions.webhooks.leases.HELD": "whether webhooks that are sent to have changed; each second",
    "resolvers.reactions.mail.claims.DUE_MAIL": "which organisations have mail that is due; every five seconds",
    "resolvers.changes.tasks.overdue.LATE": "which organisations have tasks that became overdue",
    "resolvers.changes.scoring.audit.SCORED_ORGANISATIONS": "those with scoring rules, for `dealboard scores`",
    "server.process.scores_command.SCORED_ORGANISATIONS": "the same",
    "server.process.scores_command.KNOWN": "whether there is an organisation of this key; the same command",
    "resolvers.changes.scoring.rescoring.DUE": "which organisations have scores that are due",
    "resolvers.changes.leads.rotten.DUE": "which organisations have leads that may have gone stale",
}
"""Statements of several organisations, which Citus sends to all nodes, and what for. None is part of a request."""


@pytest.fixture(scope="module")
async def volatility(migrated: Database) -> Volatility:
    """What PostgreSQL says of its functions."""
    return {(row["name"], row["arguments"]): row["volatility"] for row in await migrated.pool.fetch(VOLATILITIES)}


@pytest.mark.parametrize("name", NAMED)
async def test_citus_takes_every_statement(name: str, volatility: Volatility) -> None:
    """No function that it refuses, and no rows that it would send to every node."""
    assert refused(NAMED[name].sql, volatility) == []


@pytest.mark.parametrize("name", NAMED)
async def test_every_statement_names_its_organisation(name: str) -> None:
    """All but those listed run on one shard; those listed change and lock nothing."""
    statement = NAMED[name]
    of_several = unlimited(statement.sql, lambda number: statement.names[number - 1] == "org_id") != []
    assert of_several == (name in SEVERAL)
    if of_several:
        assert not changes(statement.sql)
        assert not locks_rows(statement.sql)


WRONG: Mapping[str, tuple[str, list[str]]] = {
    "a volatile function in an UPDATE": (
        "UPDATE lead SET updated_at = clock_timestamp() WHERE org_id = $1",
        ["VOLATILE clock_timestamp"],
    ),
    "a volatile function in a CTE": (
        "WITH one AS (SELECT random() AS of) SELECT of FROM one",
        ["VOLATILE random"],
    ),
    "a volatile function in an INSERT": (
        "INSERT INTO task (org_id, id) SELECT org_id, gen_random_uuid() FROM lead WHERE org_id = $1",
        ["VOLATILE gen_random_uuid"],
    ),
    "a sequence": ("UPDATE lead SET rank = nextval('ranks')::text WHERE org_id = $1", ["VOLATILE nextval"]),
    "the time in CASE": (
        "UPDATE lead SET closed_at = CASE WHEN $2 THEN now() END WHERE org_id = $1",
        ["now in CASE or COALESCE"],
    ),
    "the time in COALESCE": (
        "WITH one AS (UPDATE lead SET closed_at = coalesce(closed_at, statement_timestamp()) WHERE org_id = $1)"
        " SELECT 1",
        ["statement_timestamp in CASE or COALESCE"],
    ),
    "the time as a keyword": (
        "UPDATE lead SET closed_at = coalesce(closed_at, CURRENT_TIMESTAMP) WHERE org_id = $1",
        ["CURRENT_TIMESTAMP in CASE or COALESCE"],
    ),
    "a stable function of a column": (
        "UPDATE lead SET title = to_char(created_at, 'YYYY') WHERE org_id = $1",
        ["to_char of a column"],
    ),
    "an interval and a column": (
        "UPDATE lead SET closed_at = closed_at + interval '1 day' WHERE org_id = $1",
        ["interval added to a column"],
    ),
    "the time in RETURNING": (
        "UPDATE lead SET title = '' WHERE org_id = $1 RETURNING now()",
        ["RETURNING now"],
    ),
    "the time after a conflict": (
        "INSERT INTO lead (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id) DO UPDATE SET updated_at = now()",
        ["ON CONFLICT now"],
    ),
    "rows of a change that are inserted": (
        "WITH moved AS (UPDATE lead SET title = '' WHERE org_id = $1 RETURNING id)"
        " INSERT INTO task (org_id, lead_id) SELECT $1, id FROM moved",
        ["INSERT INTO task from moved alone"],
    ),
    "rows of a change beside a table, for a value": (
        "WITH moved AS (UPDATE lead SET title = '' WHERE org_id = $1 RETURNING id)"
        " INSERT INTO task (org_id, lead_id) SELECT $1, moved.id FROM moved, organisation AS own WHERE own.id = $1",
        ["INSERT INTO task of no table's organisation"],
    ),
}
"""A statement for each thing that Citus refuses, and the message of the check."""


@pytest.mark.parametrize("name", WRONG)
async def test_what_citus_refuses_is_noticed(name: str, volatility: Volatility) -> None:
    """Each of these statements fails, with the part at fault in the message."""
    sql, expected = WRONG[name]
    assert refused(sql, volatility) == expected


RIGHT = {
    "the time of the statement": "UPDATE lead SET updated_at = statement_timestamp() WHERE org_id = $1",
    "the time from FROM": (
        "UPDATE lead SET closed_at = coalesce(closed_at, clock.now)"
        " FROM (SELECT statement_timestamp() AS now) AS clock WHERE org_id = $1"
    ),
    "an interval and a time in a zone": (
        "UPDATE lead SET closed_at = (closed_at AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC'"
        " WHERE org_id = $1"
    ),
    "rows of a change for a table's organisation": (
        "WITH moved AS (UPDATE lead SET title = '' WHERE org_id = $1 RETURNING id)"
        " INSERT INTO task (org_id, lead_id) SELECT own.id, moved.id FROM moved, organisation AS own WHERE own.id = $1"
    ),
    "a volatile function in a SELECT": "SELECT clock_timestamp()",
}


@pytest.mark.parametrize("name", RIGHT)
async def test_what_citus_takes_is_taken(name: str, volatility: Volatility) -> None:
    """None of these is refused."""
    assert refused(RIGHT[name], volatility) == []


def test_locks_and_changes_are_seen() -> None:
    """What a statement of several organisations must not do."""
    assert locks_rows("SELECT id FROM (SELECT id FROM lead FOR UPDATE) AS held")
    assert not locks_rows("SELECT id FROM lead")
    assert changes("WITH gone AS (DELETE FROM lead RETURNING id) SELECT id FROM gone")
    assert not changes("SELECT id FROM lead")
