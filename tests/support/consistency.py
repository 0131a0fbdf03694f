"""What holds after any change: checked over all rows of all organisations."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from models import FOREVER, Base, organisation_id
from models.database import Database, Row
from models.rules.matching.keys import KEYS, with_keys
from tests.support.event_data import is_declared
from tests.support.reading.search import number_words, stored, words

RULES = {
    "the log has no gap, and its head is its last number": """
        SELECT org_id, head, count(number), max(number) FROM event_log LEFT JOIN event USING (org_id)
        GROUP BY org_id, head HAVING head <> count(number) OR head <> coalesce(max(number), 0)
    """,
    "every entry into a stage has one event of the same id, and the other way round": """
        SELECT step.id, event.id, event.type FROM stage_change AS step
        FULL JOIN (
            SELECT * FROM event WHERE type IN ('lead.created', 'lead.stage_changed')
        ) AS event ON event.org_id = step.org_id AND event.id = step.id
        WHERE step.id IS NULL OR event.id IS NULL OR event.lead_id <> step.lead_id
            OR event.stage_id <> step.to_stage_id OR event.pipeline_id <> step.to_pipeline_id
            OR event.from_stage_id IS DISTINCT FROM step.from_stage_id
            OR event.from_pipeline_id IS DISTINCT FROM step.from_pipeline_id
            OR event.actor_id IS DISTINCT FROM step.actor_id
    """,
    "a lead stands where its history says it went last, and each step begins where the one before ended": """
        SELECT lead.id, lead.title FROM lead JOIN LATERAL (
            SELECT step.*, event.number, lead(step.from_stage_id) OVER (ORDER BY event.number) AS next_from,
                row_number() OVER (ORDER BY event.number DESC) AS back
            FROM stage_change AS step JOIN event ON event.org_id = step.org_id AND event.id = step.id
            WHERE step.org_id = lead.org_id AND step.lead_id = lead.id
        ) AS step ON true
        WHERE CASE WHEN step.back = 1 THEN (step.to_stage_id, step.to_pipeline_id) <> (lead.stage_id, lead.pipeline_id)
            ELSE step.next_from IS DISTINCT FROM step.to_stage_id END
    """,
    "a lead entered its stage at the instant of its last step, and was not updated before it was created": """
        SELECT lead.id, lead.title FROM lead
        WHERE lead.updated_at < lead.created_at OR lead.stage_entered_at < lead.created_at
            OR lead.stage_entered_at IS DISTINCT FROM (
                SELECT step.occurred_at
                FROM stage_change AS step JOIN event ON event.org_id = step.org_id AND event.id = step.id
                WHERE step.org_id = lead.org_id AND step.lead_id = lead.id ORDER BY event.number DESC LIMIT 1
            )
    """,
    "steps name a lead, stages and a member of their organisation, as far as these are there": """
        SELECT step.id FROM stage_change AS step JOIN lead ON lead.id = step.lead_id AND lead.org_id <> step.org_id
        UNION ALL SELECT step.id FROM stage_change AS step
            JOIN stage ON stage.id = step.from_stage_id AND stage.org_id <> step.org_id
        UNION ALL SELECT step.id FROM stage_change AS step
            JOIN stage ON stage.id = step.to_stage_id AND stage.org_id <> step.org_id
        UNION ALL SELECT step.id FROM stage_change AS step
            JOIN member ON member.id = step.actor_id AND member.org_id <> step.org_id
    """,
    "the spans of a lead follow one another, the last one goes on while it is there, and outcomes are known": """
        SELECT lead_id, from_number, until_number, outcome FROM (
            SELECT *, lead(from_number) OVER (PARTITION BY org_id, lead_id ORDER BY until_number) AS next FROM lead_span
        ) AS span
        WHERE from_number >= until_number OR next <> until_number OR outcome NOT IN ('WON', 'LOST', 'CONVERTED')
            OR next IS NULL AND (until_number = 9223372036854775807) <> EXISTS (
                SELECT FROM lead WHERE lead.org_id = span.org_id AND lead.id = span.lead_id
            )
    """,
    "totals are the sums over the leads": """
        SELECT * FROM (
            SELECT org_id, stage_id, currency, leads, value, weighted FROM stage_total
            WHERE leads <> 0 OR value <> 0 OR weighted <> 0
        ) AS kept
        FULL JOIN (
            SELECT lead.org_id, stage_id, CASE WHEN value IS NULL THEN '' ELSE currency END AS currency,
                count(*) AS leads, coalesce(sum(value), 0) AS value,
                coalesce(sum(value * CASE
                    WHEN stage.kind <> 'OPEN' THEN stage.probability
                    WHEN lead.closed_at IS NOT NULL THEN 0
                    ELSE coalesce(lead.probability, stage.probability)
                END), 0) AS weighted
            FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id GROUP BY 1, 2, 3
        ) AS counted USING (org_id, stage_id, currency)
        WHERE (kept.leads, kept.value, kept.weighted) IS DISTINCT FROM (counted.leads, counted.value, counted.weighted)
    """,
    "a lead knows whether it has an open task": """
        SELECT lead.id, lead.title FROM lead WHERE has_open_task <> EXISTS (
            SELECT FROM task WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN'
        )
    """,
    "leads stand in stages that are there, of their own pipeline": """
        SELECT lead.id FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
        WHERE stage.deleted_at IS NOT NULL OR stage.pipeline_id <> lead.pipeline_id
    """,
    "a lead is closed where deals end, and open elsewhere, unless it was disqualified or converted there": """
        SELECT lead.id FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
        WHERE (lead.closed_at IS NOT NULL)
            <> (stage.kind <> 'OPEN' OR lead.disqualified_at IS NOT NULL OR lead.converted_at IS NOT NULL)
    """,
    "the stages of a pipeline have the positions 0, 1, 2, …": """
        SELECT pipeline_id FROM stage WHERE deleted_at IS NULL GROUP BY org_id, pipeline_id
        HAVING min(position) <> 0 OR max(position) <> count(*) - 1 OR count(DISTINCT position) <> count(*)
    """,
    "a pipeline that is there has an open stage": """
        SELECT id FROM pipeline WHERE deleted_at IS NULL AND NOT EXISTS (
            SELECT FROM stage WHERE stage.org_id = pipeline.org_id AND stage.pipeline_id = pipeline.id
                AND stage.kind = 'OPEN' AND stage.deleted_at IS NULL
        )
    """,
    "a task was completed when it is done, and has a deadline by the calendar of its assignee": """
        SELECT task.id, task.title FROM task JOIN organisation ON organisation.id = task.org_id
            LEFT JOIN member ON member.org_id = task.org_id AND member.id = task.assignee_id
        WHERE (task.completed_at IS NOT NULL) <> (task.status = 'DONE') OR task.status = 'OPEN'
            AND task.deadline IS DISTINCT FROM coalesce(
                task.due_at, timezone(coalesce(member.time_zone, organisation.time_zone), (task.due_on + 1)::timestamp)
            )
    """,
    "subtasks go one level deep, and repeat with their parent or not at all": """
        SELECT child.id, child.title FROM task AS child
            JOIN task AS parent ON parent.org_id = child.org_id AND parent.id = child.parent_id
        WHERE parent.parent_id IS NOT NULL OR child.recurrence IS NOT NULL
    """,
    "no task waits for itself, however indirectly": """
        WITH RECURSIVE step (org_id, waiting, awaited) AS (
            SELECT org_id, task_id, blocked_by_id FROM task_dependency
            UNION ALL SELECT org_id, parent_id, id FROM task WHERE parent_id IS NOT NULL
        ), way (org_id, waiting, awaited) AS (
            SELECT * FROM step
            UNION SELECT step.org_id, way.waiting, step.awaited FROM way
                JOIN step ON step.org_id = way.org_id AND step.waiting = way.awaited
        )
        SELECT task.id, task.title FROM way JOIN task ON task.org_id = way.org_id AND task.id = way.waiting
        WHERE way.waiting = way.awaited
    """,
    "what was merged is gone, and its id leads to what was not merged itself": """
        SELECT merged.id, merged.into_id FROM merged_record AS merged
        WHERE EXISTS (
            SELECT FROM merged_record AS next WHERE next.org_id = merged.org_id AND next.id = merged.into_id
        ) OR EXISTS (
            SELECT FROM (
                SELECT org_id, id FROM lead
                UNION ALL SELECT org_id, id FROM contact
                UNION ALL SELECT org_id, id FROM customer
            ) AS record WHERE record.org_id = merged.org_id AND record.id = merged.id
        )
    """,
    "what a merged record was recognised by is kept for one that was not merged itself": """
        SELECT former.kind, former.key, former.record_id FROM former_key AS former
        WHERE NOT EXISTS (
            SELECT FROM (SELECT org_id, id FROM contact UNION ALL SELECT org_id, id FROM customer) AS record
            WHERE record.org_id = former.org_id AND record.id = former.record_id
        )
    """,
    "what an event holds of a field begins where the one before ended": """
        SELECT number, type, key, held, before FROM (
            SELECT event.number, event.type, field.key, field.value AS held, lag(field.value) OVER steps AS before,
                lag(event.number) OVER steps + 1 = event.number AND lag(event.lead_id) OVER steps <> event.lead_id
                    AND lag(field.value) OVER steps = field.value AS is_repeated
            FROM event CROSS JOIN LATERAL (
                SELECT * FROM jsonb_each(event.data -> 'changes') WHERE key <> 'completedAt'
                UNION ALL SELECT 'ownerId', jsonb_build_array(event.data -> 'from', event.data -> 'to')
                WHERE event.type = 'lead.assigned'
            ) AS field
            WINDOW steps AS (
                PARTITION BY event.org_id, coalesce(event.record_id, event.lead_id), field.key ORDER BY event.number
            )
        ) AS step WHERE before -> 1 <> held -> 0 AND is_repeated IS NOT TRUE
    """,
    "an event of a lead names the stage, the pipeline and the owner that the lead had by then": """
        SELECT event.number, event.type, event.lead_id, event.stage_id, entered.stage_id AS stood_in, event.owner_id,
            owned.owner_id AS was_of
        FROM (
            SELECT *, max(number) FILTER (WHERE type IN ('lead.created', 'lead.stage_changed')) OVER so_far AS entered,
                max(number) FILTER (
                    WHERE type IN ('lead.created', 'lead.assigned')
                        OR (type = 'lead.updated' AND data -> 'changes' ? 'ownerId')
                ) OVER so_far AS owned,
                lead(type) OVER so_far = 'lead.assigned' AND lead(number) OVER so_far = number + 1
                    AND lead(owner_id) OVER so_far IS NOT DISTINCT FROM owner_id AS is_assigned_with_it
            FROM event WHERE lead_id IS NOT NULL
            WINDOW so_far AS (PARTITION BY org_id, lead_id ORDER BY number)
        ) AS event
            JOIN event AS entered ON entered.org_id = event.org_id AND entered.number = event.entered
            JOIN event AS owned ON owned.org_id = event.org_id AND owned.number = event.owned
        WHERE (event.stage_id, event.pipeline_id) IS DISTINCT FROM (entered.stage_id, entered.pipeline_id)
            OR (event.owner_id IS DISTINCT FROM owned.owner_id AND event.is_assigned_with_it IS NOT TRUE)
    """,
    "a lead that changes have made is what its span says that goes on; one that is gone has none": f"""
        SELECT * FROM (
            SELECT org_id, lead_id, ROW(
                pipeline_id, stage_id, owner_id, title, value, currency, probability, expected_close_date, outcome
            ) AS held FROM lead_span WHERE until_number = {FOREVER}
        ) AS span
        FULL JOIN (
            SELECT lead.org_id, lead.id AS lead_id, ROW(
                lead.pipeline_id, stage_id, owner_id, title, value, currency, lead.probability, expected_close_date,
                CASE
                    WHEN closed_at IS NULL THEN NULL
                    WHEN kind = 'WON' THEN 'WON'
                    WHEN converted_at IS NOT NULL THEN 'CONVERTED'
                    ELSE 'LOST'
                END
            ) AS held FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id
        ) AS lead USING (org_id, lead_id)
        WHERE span.held IS DISTINCT FROM lead.held AND EXISTS (
            SELECT FROM event WHERE event.org_id = coalesce(span.org_id, lead.org_id)
                AND event.lead_id = coalesce(span.lead_id, lead.lead_id)
        )
    """,
    "a stage is what its span says that goes on; one that is gone has none": f"""
        SELECT * FROM (
            SELECT org_id, stage_id, ROW(pipeline_id, name, kind, probability, position) AS held
            FROM stage_span WHERE until_number = {FOREVER}
        ) AS span
        FULL JOIN (
            SELECT org_id, id AS stage_id, ROW(pipeline_id, name, kind, probability, position) AS held
            FROM stage WHERE deleted_at IS NULL
        ) AS stage USING (org_id, stage_id)
        WHERE span.held IS DISTINCT FROM stage.held
    """,
    "the spans of a lead follow one another": """
        SELECT lead_id, from_number, until_number, next_from FROM (
            SELECT *, lead(from_number) OVER (PARTITION BY org_id, lead_id ORDER BY from_number) AS next_from
            FROM lead_span
        ) AS span WHERE next_from <> until_number
    """,
    "each type of pipeline has one default": """
        SELECT org_id, type FROM pipeline WHERE deleted_at IS NULL
        GROUP BY org_id, type HAVING count(*) FILTER (WHERE is_default) <> 1
    """,
}
"""Each rule, and the statement that finds rows that break it. The instant of a completion is that of its event, and
only an event of reopening names it. A task that moves from one lead to another has an event on both. An update that
also assigns a lead names the new owner in both of its events."""


EVENT_DATA = """
    SELECT DISTINCT ON (type, keys) type, data FROM event, LATERAL (
        SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM jsonb_object_keys(data) AS key
    ) AS held
"""
"""An event of each type with each set of keys that occurs."""


async def breaches(database: Database, rule: str) -> Sequence[Row]:
    """The rows that break a rule, however long it takes to find them: the time limit of reads is for the API."""
    async with database.transaction(None) as connection:
        found: Sequence[Row] = await connection.fetch(rule)
    return found


async def expect_consistent(database: Database) -> None:
    """Every rule holds, and events hold what their types declare."""
    broken = {name: await breaches(database, rule) for name, rule in RULES.items()}
    told = [f"{rule}: {[dict(row) for row in found]}" for rule, found in broken.items() if found]
    told += [
        f"an event holds what its type declares: {dict(event)}"
        for event in await database.pool.fetch(EVENT_DATA)
        if not is_declared(event["type"], json.loads(event["data"]))
    ]
    told += await wrong_words(database)
    told += await wrong_keys(database)
    assert not told, "\n".join(told)


async def wrong_words(database: Database) -> list[str]:
    """The contacts, customers and leads whose stored words are not those of their fields now, and of what was merged
    into them."""
    tables = {
        table: {(row["org_id"], row[key]): row for row in await database.pool.fetch(f"SELECT * FROM {table}")}
        for table, key in (("contact", "id"), ("customer", "id"), ("lead", "id"), ("lead_search", "lead_id"))
    }
    right = {
        noun: {id: stored(noun, row) for id, row in tables[noun].items()} for noun in ("contact", "customer", "lead")
    }
    for row in await database.pool.fetch("SELECT * FROM former_key"):
        held = number_words(row["key"]) if row["kind"] == "PHONE" else words(row["key"])
        for noun in ("contact", "customer"):
            if (id := (row["org_id"], row["record_id"])) in right[noun]:
                right[noun][id] |= {str(row["org_id"])[:8] + word for word in held}
    wrong = [
        f"a {noun} is found by its words: {row['name']} has {row['words']}"
        for noun in ("contact", "customer")
        for id, row in tables[noun].items()
        if lexemes(row["words"]) != right[noun][id]
    ]
    for id, lead in tables["lead"].items():
        parts = {"own_words": right["lead"][id]}
        for noun in ("contact", "customer"):
            parts[f"{noun}_words"] = right[noun].get((id[0], lead[f"{noun}_id"]), set())
        expected = {**parts, "words": set[str]().union(*parts.values())}
        found = tables["lead_search"].get(id, {})
        if {name: lexemes(found.get(name)) for name in expected} != expected:
            wrong.append(f"a lead is found by its words: {lead['title']} has {dict(found)}")
    return wrong


async def wrong_keys(database: Database) -> list[str]:
    """The records that are not sorted and recognised by their fields as they are now."""
    return [
        f"a {table} has the keys of its fields: {wrong}"
        for table in KEYS
        for row in await database.pool.fetch(f"SELECT * FROM {table}")
        if (wrong := set(with_keys(table, row).items()) - set(dict(row).items()))
    ]


def lexemes(vector: str | None) -> set[str]:
    """The lexemes of a `tsvector` as PostgreSQL writes it; none of ours has an apostrophe."""
    return set(re.findall("'([^']*)'", vector or ""))


async def writers(database: Database, organisation: str) -> Mapping[str, set[str]]:
    """The transactions that wrote the present rows of an organisation, each with its tables."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in (table.name for table in Base.metadata.sorted_tables if "org_id" in table.columns):
        select = f"SELECT DISTINCT xmin::text FROM {table} WHERE org_id = $1"
        for row in await database.pool.fetch(select, organisation_id(organisation)):
            found[row["xmin"]].add(table)
    return found
