"""Every statement is limited to one organisation in each of its tables, which is read from the tree of its SQL."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from models import organisation_id
from tests.support.recipes import RECIPES
from tests.support.sql.statements import NAMED, REGISTERED, recorded
from tests.support.sql.tenancy import unlimited
from tests.support.world import World

ROOT = Path(__file__).parents[3]
FILES = [
    path for floor in ("models", "engine", "resolvers", "schema", "server") for path in (ROOT / floor).rglob("*.py")
]

ACROSS: Mapping[str, list[str]] = {
    "resolvers.changes.organisation.access.RESTRICTED": ["member member"],
    "resolvers.changes.organisation.access.SUSPENDED": ["organisation organisation"],
    "engine.live.feed.HEADS": ["event_log event_log"],
    "engine.change.idempotency.FORGETTABLE": ["organisation organisation", "outcome outcome", "outcome outcome"],
    "engine.background.runner.UNFINISHED": ["run run"],
    "engine.background.runs.WITH_ENDED": ["run run"],
    "engine.background.runner.COUNTS": ["run run"],
    "server.process.listing_runs.LISTED": ["run run", "organisation organisation"],
    "server.process.listing_runs.KNOWN": ["organisation organisation"],
    "engine.live.retention.OLD": ["event_log log", "event event"],
    "engine.background.behind.FIND": ["event_log log", "organisation own", "consumer consumer", "event event"],
    "engine.background.behind.LOOK": [
        *("event_log event_log", "event_log event_log", "organisation own", "consumer consumer", "event event"),
    ],
    "resolvers.reads.inbox.notified.MADE.heads": ["notification notification"],
    "resolvers.reads.events.attempted.ATTEMPTS.heads": ["attempt_log attempt_log"],
    "engine.background.positions.NOT_DONE": ["consumer consumer", "event_log log", "organisation own"],
    "resolvers.changes.missing_values.ANYWHERE": [
        "customer customer",
        "contact contact",
        "lead lead",
        "lead_search lead_search",
        *("lead lead", "contact contact", "customer customer", "member member"),
    ],
    "engine.background.leased.takers.LANES": ["lane lane", "organisation own"],
    "engine.background.leased.schedules.DUE": ["schedule schedule", "organisation own"],
    "resolvers.changes.created_values.UNFILLED": ["event_log event_log"],
    "resolvers.changes.spans.backfill.UNKNOWN": ["event_log event_log", "lead lead"],
    "resolvers.changes.tasks.reminders.DUE": ["task task"],
    "resolvers.changes.tasks.reminders.DAY_DUE": ["task task"],
    "resolvers.changes.tasks.day_reminders.WITHOUT_TIME": ["task task"],
    "resolvers.changes.tasks.overdue.LATE": ["task task"],
    "resolvers.changes.scoring.audit.SCORED_ORGANISATIONS": ["organisation organisation", "scoring_model m"],
    "server.process.scores_command.SCORED_ORGANISATIONS": ["organisation organisation", "scoring_model m"],
    "server.process.scores_command.KNOWN": ["organisation organisation"],
    "resolvers.changes.scoring.rescoring.DUE": ["lead_score lead_score"],
    "resolvers.changes.leads.rotten.DUE": ["stage stage", "lead lead"],
    "resolvers.reactions.mail.claims.DUE_MAIL": ["mail_due mail_due", "organisation organisation"],
    "resolvers.reactions.webhooks.leases.DUE": [
        *("webhook_state state", "webhook webhook", "event_log log", "organisation organisation"),
    ],
    "resolvers.reactions.webhooks.leases.ACTIVE": ["webhook webhook"],
    "resolvers.reactions.webhooks.leases.HELD": [
        *("webhook webhook", "webhook_state state", "organisation organisation"),
    ],
}
"""Statements of the server itself, on behalf of no caller, and their tables: which connected callers lost their access,
and which organisations have new, old or late records, records without words or keys, runs to work on, or events that a
consumer has not handled. Nothing of them is shown to anyone but operators."""

ON_DEMAND = {
    "resolvers/changes/ownership/route.py _first_match": "the rules of a pipeline; run below",
    "resolvers/changes/scoring/statement.py scoring": "the scoring rules of a pipeline; run below",
    "engine/read/compiler.py finished": "what a document asks; `test_scoping.py` compiles every root field",
}
"""Statements that are created per request, so that no module holds them, and where they are checked."""

MAKERS = {
    "resolvers/changes/contacts/merge_kinds.py _lock",
    "resolvers/changes/contacts/merge_kinds.py _take",
    "resolvers/changes/contacts/merge_kinds.py _point",
    "resolvers/changes/contacts/merge_kinds.py _count",
    "resolvers/changes/contacts/merge_kinds.py _end",
    "resolvers/changes/ownership/reassign_run.py _lock_tasks",
    "resolvers/changes/ownership/route.py _lock",
    "resolvers/changes/search_words.py _write",
    "resolvers/changes/missing_values.py _write_keys",
    "resolvers/changes/creations.py _lacking",
    "resolvers/changes/spans/backfill.py _write",
    "resolvers/changes/tasks/due.py lock_due",
    "engine/change/events.py appending",
    "engine/change/records.py make",
    "engine/change/records.py revise",
}
"""Functions that create the statements which modules hold."""

RAW = {
    "models/migrate.py: SELECT pg_advisory_xact_lock(:lock)": "before there are tables",
    "models/database.py: BEGIN; SET LOCAL statement_timeout = ": "reads nothing",
    "models/connection.py: SELECT": "reads nothing",
    "models/database.py: ROLLBACK": "reads nothing",
    "models/database.py: COMMIT": "reads nothing",
    "engine/live/retention.py: SET LOCAL synchronous_commit = off": "reads nothing",
    "resolvers/changes/missing_values.py: SET LOCAL synchronous_commit = off": "reads nothing",
    "resolvers/changes/created_values.py: SET LOCAL synchronous_commit = off": "reads nothing",
    "resolvers/changes/spans/backfill.py: SET LOCAL synchronous_commit = off": "reads nothing",
    "engine/live/wakeups_postgres.py: SELECT pg_notify($1, $2)": "reads nothing; carries the id of an organisation",
    "server/process/demo.py: SELECT pg_advisory_xact_lock(hashtext('dealboard demo'))": "reads nothing",
    "server/process/demo.py: SELECT EXISTS (SELECT FROM pipeline WHERE org_id = $1)": "limited; checked below",
    "models/migrate.py: SELECT version_num FROM alembic_version": "the revision of the tables",
    "server/process/runtime.py: SHOW server_version_num": "reads nothing",
    "models/connection.py: SET plan_cache_mode =  force_custom_plan": "reads nothing",
    "engine/explain.py: SELECT ": "reads nothing: writes the arguments as literals",
    "engine/explain.py: PREPARE explained AS ": "the statement of a query, which is checked as such",
    "engine/explain.py: EXPLAIN (ANALYZE, BUFFERS) ": "the same",
    "engine/explain.py: DEALLOCATE explained": "reads nothing",
}
"""SQL that goes to PostgreSQL without a `Statement`, and why it may."""

RUNS = {"fetch", "fetchrow", "fetchval", "execute", "executemany", "cursor", "prepare"}


def test_every_statement_is_known_by_a_name() -> None:
    """Each statement that registers itself at import is found below, wherever it is kept."""
    unknown = REGISTERED - set(NAMED.values())
    assert [statement.sql for statement in unknown] == []
    assert set(NAMED.values()) <= REGISTERED


@pytest.mark.parametrize("name", NAMED)
def test_every_table_of_a_statement_is_limited_to_the_organisation(name: str) -> None:
    """Each alias is compared with the bound organisation or with an alias that is, and each written row belongs to
    it."""
    statement = NAMED[name]
    found = unlimited(statement.sql, lambda number: statement.names[number - 1] == "org_id")
    assert found == ACROSS.get(name, [])


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call within a function, with the function's name."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((function.name, node) for node in ast.walk(function) if isinstance(node, ast.Call))


def test_statements_are_made_when_their_module_is_imported() -> None:
    """A statement that is created later is listed here, with how it is checked."""
    made = {
        f"{path.relative_to(ROOT)} {function}"
        for path in FILES
        for function, call in calls(ast.parse(path.read_text()))
        if isinstance(call.func, ast.Name) and call.func.id == "Statement"
    }
    assert made == ON_DEMAND.keys() | MAKERS


def raw() -> Iterator[tuple[str, str]]:
    """The file and the text of every SQL that is run as it is written."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNS:
                for argument in node.args[:1]:
                    texts = [
                        part.value
                        for part in ast.walk(argument)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ]
                    if texts and "versions" not in path.parts:
                        yield str(path.relative_to(ROOT)), " ".join(texts)


def test_sql_without_a_statement_is_named() -> None:
    """SQL that runs without a `Statement` is a listed exception with its reason."""
    assert {f"{path}: {sql}" for path, sql in raw()} == RAW.keys()


def test_the_demo_looks_into_its_own_organisation() -> None:
    """Of the SQL without a statement, only the demo's reads a table."""
    assert unlimited("SELECT EXISTS (SELECT FROM pipeline WHERE org_id = $1)", lambda number: number == 1) == []


async def test_the_rules_of_a_pipeline_find_leads_of_its_organisation(world: World) -> None:
    """The statement built from the rules is limited to the organisation, and so is everything else that routing
    runs."""
    given = await RECIPES["routeUnassigned"](world)
    org_id = organisation_id(world.organisation)
    async with recorded(world.database) as ran:
        await world.change("routeUnassigned", given)
    made = [query for query in ran if "AS rule" in query.query]
    assert len(made) == 1
    for query in ran:
        is_control = query.query.startswith(("BEGIN; SET LOCAL statement_timeout", "COMMIT"))
        looks_up_types = "pg_catalog." in query.query  # asyncpg does, once a connection, before it sends a first array
        if not is_control and not looks_up_types:
            assert unlimited(query.query, lambda number: query.args[number - 1] == org_id) == []  # noqa: B023


async def test_scoring_rules_score_leads_of_their_organisation(world: World) -> None:
    """The statement built from the rules is limited to the organisation in each of its tables."""
    given = await RECIPES["scoreLeads"](world)
    await world.change("setScoringRules", await RECIPES["setScoringRules"](world))
    org_id = organisation_id(world.organisation)
    async with recorded(world.database) as ran:
        await world.change("scoreLeads", given)
    [made] = [query for query in ran if "raw AS MATERIALIZED" in query.query]
    assert unlimited(made.query, lambda number: made.args[number - 1] == org_id) == []


COPIES = {"resolvers/changes/imports/copying.py", "server/process/demo.py"}
"""Files that copy rows into tables, and name the organisation in every row."""


def test_rows_are_copied_only_where_each_has_its_organisation() -> None:
    """Copied rows are not SQL, so the checks above do not see them: each names its organisation."""
    assert {str(path.relative_to(ROOT)) for path in FILES if "copy_records_to_table(" in path.read_text()} == COPIES


WRONG: Mapping[str, tuple[str, list[str]]] = {
    "no condition": ("SELECT id FROM lead", ["lead lead"]),
    "another column": ("SELECT id FROM lead WHERE id = $1", ["lead lead"]),
    "another parameter": ("SELECT id FROM lead WHERE org_id = $2", ["lead lead"]),
    "another comparison": ("SELECT id FROM lead WHERE org_id <> $1", ["lead lead"]),
    "any of several": ("SELECT id FROM lead WHERE org_id = ANY($1)", ["lead lead"]),
    "an alternative": ("SELECT id FROM lead WHERE org_id = $1 OR version = 1", ["lead lead"]),
    "the opposite": ("SELECT id FROM lead WHERE NOT (org_id = $1)", ["lead lead"]),
    "within an expression": ("SELECT id FROM lead WHERE (org_id = $1) IS NOT NULL", ["lead lead"]),
    "itself": ("SELECT id FROM lead WHERE org_id = org_id", ["lead lead"]),
    "an organisation by its key": ("SELECT id FROM organisation WHERE key = $1", ["organisation organisation"]),
    "a join by id only": (
        "SELECT lead.id FROM stage JOIN lead ON lead.stage_id = stage.id WHERE stage.org_id = $1",
        ["lead lead"],
    ),
    "a join in which both follow each other": (
        "SELECT lead.id FROM stage JOIN lead ON lead.org_id = stage.org_id",
        ["stage stage", "lead lead"],
    ),
    "the kept side of an outer join": (
        "SELECT lead.id FROM lead LEFT JOIN contact ON contact.org_id = $1 AND lead.org_id = $1",
        ["lead lead"],
    ),
    "both sides of a full join": (
        "SELECT lead.id FROM lead FULL JOIN contact ON contact.org_id = $1 AND lead.org_id = $1",
        ["lead lead", "contact contact"],
    ),
    "a sub-select in FROM": (
        "SELECT found.id FROM (SELECT id, stage_id FROM lead) AS found JOIN stage ON stage.id = found.stage_id"
        " WHERE stage.org_id = $1",
        ["lead lead"],
    ),
    "a sub-select that renames another column": (
        "SELECT lead.id FROM (SELECT id AS org_id FROM stage WHERE org_id = $1) AS stage"
        " JOIN lead ON lead.org_id = stage.org_id",
        ["lead lead"],
    ),
    "one half of a union": (
        "SELECT id FROM lead WHERE org_id = $1 UNION ALL SELECT id FROM task",
        ["task task"],
    ),
    "a join with a union that is limited by half": (
        "SELECT lead.id FROM (SELECT $1 AS org_id UNION SELECT $2) AS mine JOIN lead ON lead.org_id = mine.org_id",
        ["lead lead"],
    ),
    "EXISTS": (
        "SELECT id FROM lead WHERE org_id = $1 AND EXISTS (SELECT FROM task WHERE task.lead_id = lead.id)",
        ["task task"],
    ),
    "EXISTS that only limits the outer": (
        "SELECT id FROM lead WHERE EXISTS (SELECT FROM task WHERE task.org_id = $1 AND lead.org_id = $1)",
        ["lead lead"],
    ),
    "NOT EXISTS": (
        "DELETE FROM event WHERE org_id = $1 AND NOT EXISTS (SELECT FROM lead WHERE lead.id = event.lead_id)",
        ["lead lead"],
    ),
    "IN": (
        "SELECT id FROM lead WHERE org_id = $1 AND id IN (SELECT lead_id FROM task)",
        ["task task"],
    ),
    "a value that is looked up": (
        "SELECT (SELECT name FROM member WHERE member.id = lead.owner_id) FROM lead WHERE org_id = $1",
        ["member member"],
    ),
    "ORDER BY": (
        "SELECT id FROM lead WHERE org_id = $1 ORDER BY (SELECT name FROM member WHERE member.id = lead.owner_id)",
        ["member member"],
    ),
    "LATERAL": (
        "SELECT lead.id FROM lead LEFT JOIN LATERAL (SELECT id FROM task WHERE task.lead_id = lead.id LIMIT 1) AS next"
        " ON true WHERE lead.org_id = $1",
        ["task task"],
    ),
    "LATERAL in the condition of its join": (
        "SELECT lead.id FROM lead LEFT JOIN LATERAL (SELECT org_id FROM task) AS next ON next.org_id = lead.org_id"
        " WHERE lead.org_id = $1",
        ["task task"],
    ),
    "the argument of a function": (
        "SELECT * FROM unnest(ARRAY(SELECT id FROM lead)) AS given (id)",
        ["lead lead"],
    ),
    "a CTE": (
        "WITH mine AS (SELECT id FROM lead) SELECT task.id FROM mine JOIN task ON task.lead_id = mine.id"
        " WHERE task.org_id = $1",
        ["lead lead"],
    ),
    "a join with a CTE that is not limited": (
        "WITH log AS (SELECT * FROM event_log) SELECT event.id FROM log JOIN event ON event.org_id = log.org_id",
        ["event_log event_log", "event event"],
    ),
    "a recursive CTE": (
        "WITH RECURSIVE part AS (SELECT id FROM task WHERE org_id = $1 UNION"
        " SELECT task.id FROM task JOIN part ON task.parent_id = part.id) SELECT id FROM part",
        ["task task"],
    ),
    "a CTE that changes": (
        "WITH gone AS (DELETE FROM task WHERE lead_id = $2) DELETE FROM lead WHERE org_id = $1 AND id = $2",
        ["task task"],
    ),
    "UPDATE": ("UPDATE lead SET title = $2 WHERE id = $1", ["lead lead"]),
    "UPDATE FROM": (
        "UPDATE lead SET rank = '' FROM stage WHERE lead.org_id = $1 AND stage.id = lead.stage_id",
        ["stage stage"],
    ),
    "UPDATE to another organisation": ("UPDATE lead SET org_id = $2 WHERE org_id = $1", ["lead SET org_id"]),
    "the new value of an UPDATE": (
        "UPDATE lead SET title = (SELECT name FROM contact WHERE id = lead.contact_id) WHERE org_id = $1",
        ["contact contact"],
    ),
    "DELETE USING": (
        "DELETE FROM lead USING stage WHERE stage.org_id = $1 AND stage.org_id = $1 AND lead.stage_id = stage.id",
        ["lead lead"],
    ),
    "RETURNING": (
        "DELETE FROM lead WHERE org_id = $1 RETURNING (SELECT name FROM stage WHERE stage.id = lead.stage_id)",
        ["stage stage"],
    ),
    "INSERT without it": ("INSERT INTO lead (id) VALUES ($1)", ["INSERT INTO lead"]),
    "INSERT of another": ("INSERT INTO lead (id, org_id) VALUES ($1, $2)", ["INSERT INTO lead"]),
    "INSERT of several rows": ("INSERT INTO lead (org_id, id) VALUES ($1, $2), ($2, $1)", ["INSERT INTO lead"]),
    "INSERT SELECT": (
        "INSERT INTO task (org_id, lead_id) SELECT org_id, id FROM lead WHERE id = $2",
        ["INSERT INTO task", "lead lead"],
    ),
    "INSERT SELECT of another column": (
        "INSERT INTO task (org_id, lead_id) SELECT id, org_id FROM lead WHERE org_id = $1",
        ["INSERT INTO task"],
    ),
    "ON CONFLICT across organisations": (
        "INSERT INTO lead (org_id, id) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = excluded.title",
        ["INSERT INTO lead ON CONFLICT"],
    ),
    "ON CONFLICT that looks elsewhere": (
        "INSERT INTO lead (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id)"
        " DO UPDATE SET title = (SELECT name FROM contact WHERE contact.id = lead.contact_id)",
        ["contact contact"],
    ),
}
"""A statement for each way to read or change another organisation's rows, and the message of the check; `$1` is bound
to the organisation."""


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_is_not_limited_is_noticed(name: str) -> None:
    """Each of these statements fails, with the table at fault in the message."""
    sql, expected = WRONG[name]
    assert sorted(unlimited(sql, lambda number: number == 1)) == sorted(expected)


RIGHT = {
    "compared with the parameter": "SELECT id FROM lead WHERE org_id = CAST($1 AS uuid) AND version = 1",
    "joined to one that is": (
        "SELECT task.id FROM lead AS one JOIN task ON task.org_id = one.org_id AND task.lead_id = one.id"
        " WHERE $1 = one.org_id"
    ),
    "rows compared": (
        "SELECT a.id FROM lead AS a, lead AS b WHERE (a.org_id, a.id) = (b.org_id, b.id) AND b.org_id = $1"
    ),
    "the other side of an outer join": (
        "SELECT lead.id FROM lead LEFT JOIN contact ON contact.org_id = lead.org_id WHERE lead.org_id = $1"
    ),
    "through a CTE": (
        "WITH mine AS (SELECT org_id, id FROM lead WHERE org_id = $1)"
        " SELECT task.id FROM mine JOIN task ON task.org_id = mine.org_id AND task.lead_id = mine.id"
    ),
    "through what a CTE returns": (
        "WITH gone AS (DELETE FROM lead WHERE org_id = $1 RETURNING *)"
        " INSERT INTO task (org_id, lead_id) SELECT gone.org_id, gone.id FROM gone"
    ),
    "LATERAL": (
        "SELECT lead.id FROM lead, LATERAL (SELECT id FROM task WHERE task.org_id = lead.org_id) AS next"
        " WHERE lead.org_id = $1"
    ),
    "ON CONFLICT": (
        "INSERT INTO lead (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id) DO UPDATE SET title = excluded.title"
    ),
}
"""Statements that are limited in less obvious ways."""


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_limited_is_not_reported(name: str) -> None:
    """The check accepts all ways in which one alias limits another."""
    assert unlimited(RIGHT[name], lambda number: number == 1) == []
