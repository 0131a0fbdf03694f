"""The statements with which workers find work that is due, take it, and write how it ended.

A lane is the work of one kind in one organisation. Only what finds due lanes looks at several organisations, and it
locks and changes nothing. All else is one statement on the shard of its organisation. Each finds its runs by an index
whatever PostgreSQL estimates: it may have seen the table empty. So ids are also compared with a list.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, Double, Integer, Text, Uuid, bindparam, text
from sqlalchemy.types import TypeEngine

from engine.change.records import ID
from engine.change.shards import CLOCK, OWN
from engine.read.rows import ORG
from models.database import Statement

SECONDS = 30
"""Seconds of a lease. It is renewed long before its end; after a kill, another process takes the run when it ends."""

UNTIL = f"(clock.now AT TIME ZONE 'UTC' + interval '{SECONDS} seconds') AT TIME ZONE 'UTC'"

AFTER = "(clock.now AT TIME ZONE 'UTC' + make_interval(secs => one.seconds)) AT TIME ZONE 'UTC'"

KIND = bindparam("kind", type_=Text())

TAKE_RUNS = Statement(
    text(
        f"""
        WITH turn AS MATERIALIZED (
            SELECT :at_most - (
                SELECT count(*) FROM run
                WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'RUNNING' AND run.owner IS NOT NULL
                    AND run.due_at > statement_timestamp()
            ) AS free
            FROM lane
            WHERE lane.org_id = :org_id AND lane.kind = :kind AND lane.last_turn IS NOT DISTINCT FROM :last_turn
            FOR UPDATE SKIP LOCKED
        ), late AS MATERIALIZED (
            SELECT id FROM run
            WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'RUNNING' AND run.owner IS NOT NULL
                AND run.due_at <= statement_timestamp()
            ORDER BY run.due_at LIMIT coalesce((SELECT greatest(least(free, :most), 0) FROM turn), 0)
            FOR UPDATE SKIP LOCKED
        ), due AS MATERIALIZED (
            SELECT id FROM run
            WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'WAITING'
                AND run.due_at <= statement_timestamp()
            ORDER BY run.due_at, run.id
            LIMIT coalesce(
                (SELECT greatest(least(free, :most) - (SELECT count(*) FROM late), 0) FROM turn), 0
            )
            FOR UPDATE SKIP LOCKED
        ), both_of AS MATERIALIZED (
            SELECT ARRAY(SELECT id FROM late UNION ALL SELECT id FROM due) AS ids
        ), taken AS (
            UPDATE run SET state = 'RUNNING', attempt = attempt + 1, due_at = {UNTIL},
                failures = failures + CASE WHEN state = 'RUNNING' THEN 1 ELSE 0 END, updated_at = clock.now
            FROM {CLOCK} WHERE run.org_id = :org_id AND run.id = ANY(ARRAY(SELECT unnest(ids) FROM both_of))
            RETURNING run.id, run.owner, run.key, run.input, run.attempt, run.failures, run.depth
        ), moved AS (
            UPDATE lane SET last_turn = clock.now, next_due = CASE
                WHEN lane.changes <> :changes THEN clock.now
                WHEN cardinality(both_of.ids) >= turn.free THEN least({UNTIL}, (
                    SELECT min(run.due_at) FROM run
                    WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'RUNNING'
                        AND run.owner IS NOT NULL AND run.id <> ALL(both_of.ids)
                )) ELSE least(
                    CASE WHEN cardinality(both_of.ids) > 0 THEN {UNTIL} END,
                    (
                        SELECT min(run.due_at) FROM run
                        WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'WAITING'
                            AND run.id <> ALL(both_of.ids)
                    ), (
                        SELECT min(run.due_at) FROM run
                        WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'RUNNING'
                            AND run.owner IS NOT NULL AND run.id <> ALL(both_of.ids)
                    )
                ) END
            FROM turn, both_of, {CLOCK} WHERE lane.org_id = :org_id AND lane.kind = :kind
        )
        SELECT id, owner, key, input, attempt, failures, depth FROM taken ORDER BY id
        """
    ).bindparams(
        ORG,
        KIND,
        bindparam("at_most", type_=BigInteger()),
        bindparam("most", type_=BigInteger()),
        bindparam("last_turn", type_=DateTime(timezone=True)),
        bindparam("changes", type_=BigInteger()),
    )
)
"""Take what is due of a lane: of a lease that has ended first, then what waits, longest due first.

Nothing is taken if somebody else has had a turn since the lane was found, so the count of what is under way is right.
The lane is due again when more is, or when one of the leases ends. If somebody has asked for work since, which this may
not see, it is due at once.
"""

_ENDED: Mapping[str, TypeEngine[Any]] = {
    "ids": Uuid(),
    "attempts": BigInteger(),
    "states": Text(),
    "failures": Integer(),
    "errors": Text(),
    "seconds": Double(),
    "inputs": Text(),
}

END_RUNS = Statement(
    text(
        f"""
        WITH ended AS (
            UPDATE run SET state = one.state, failures = one.failures, error = one.error, version = version + 1,
                updated_at = clock.now, input = coalesce(CAST(one.input AS jsonb), run.input),
                done = CASE WHEN one.state = 'FINISHED' THEN run.total ELSE run.done END,
                due_at = CASE WHEN one.state = 'WAITING' THEN {AFTER} END,
                finished_at = CASE WHEN one.state <> 'WAITING' THEN clock.now END
            FROM {CLOCK}, unnest({", ".join(f":{name}" for name in _ENDED)})
                AS one (id, attempt, state, failures, error, seconds, input)
            WHERE run.org_id = :org_id AND run.id = ANY(:ids) AND run.id = one.id AND run.kind = :kind
                AND run.attempt = one.attempt AND run.state = 'RUNNING'
            RETURNING run.id, run.due_at
        ), soonest AS MATERIALIZED (
            SELECT least((SELECT min(due_at) FROM ended), (
                SELECT min(run.due_at) FROM run
                WHERE run.org_id = :org_id AND run.kind = :kind AND run.state = 'WAITING'
            )) AS due_at
        ), moved AS (
            UPDATE lane SET next_due = least(lane.next_due, soonest.due_at), changes = lane.changes + 1
            FROM soonest WHERE lane.org_id = :org_id AND lane.kind = :kind AND soonest.due_at IS NOT NULL
        )
        SELECT id FROM ended
        """
    ).bindparams(ORG, KIND, *(bindparam(name, type_=ARRAY(type_)) for name, type_ in _ENDED.items()))
)
"""Write how attempts ended, of one lane: FINISHED, FAILED, or WAITING for so many seconds. An attempt that is not the
newest any more writes nothing. The lane is due again, because there is room in it."""

FORGET = Statement(
    text(
        """
        DELETE FROM run WHERE org_id = :org_id AND id = ANY(:ids) AND state = 'FINISHED' AND owner IS NOT NULL
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())))
)
"""Delete what has finished and is not kept."""

RENEW = Statement(
    text(
        f"""
        UPDATE run SET due_at = {UNTIL}
        FROM {CLOCK}, organisation AS own, unnest(:ids, :attempts) AS held (id, attempt)
        WHERE run.org_id = :org_id AND own.id = :org_id AND own.suspended_at IS NULL AND run.id = ANY(:ids)
            AND run.id = held.id AND run.attempt = held.attempt AND run.state = 'RUNNING'
        RETURNING run.id
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())), bindparam("attempts", type_=ARRAY(BigInteger())))
)
"""Renew the leases of an organisation; those that are not returned are lost."""

LOCK_ATTEMPT = Statement(
    text(
        """
        SELECT id FROM run WHERE org_id = :org_id AND id = :id AND attempt = :attempt AND state = 'RUNNING'
        FOR NO KEY UPDATE
        """
    ).bindparams(ORG, ID, bindparam("attempt", type_=BigInteger()))
)

_ASKED: Mapping[str, TypeEngine[Any]] = {
    "ids": Uuid(),
    "kinds": Text(),
    "owners": Text(),
    "keys": Text(),
    "inputs": Text(),
    "dues": DateTime(timezone=True),
    "depths": Integer(),
}

ASK = Statement(
    text(
        f"""
        WITH made AS (
            INSERT INTO run (org_id, id, kind, input, state, total, owner, key, due_at, depth)
            SELECT own.id, one.id, one.kind, CAST(one.input AS jsonb), 'WAITING', 1, one.owner, one.key,
                coalesce(one.due_at, clock.now), one.depth
            FROM {OWN}, {CLOCK}, unnest({", ".join(f":{name}" for name in _ASKED)})
                AS one (id, kind, owner, key, input, due_at, depth)
            WHERE own.id = :org_id
            ORDER BY one.owner, one.key
            ON CONFLICT (org_id, owner, key) WHERE owner IS NOT NULL DO NOTHING
            RETURNING kind, due_at
        ), moved AS (
            INSERT INTO lane (org_id, kind, next_due)
            SELECT own.id, made.kind, min(made.due_at) FROM made, {OWN} WHERE own.id = :org_id
            GROUP BY own.id, made.kind ORDER BY made.kind
            ON CONFLICT (org_id, kind) DO UPDATE SET next_due = least(lane.next_due, excluded.next_due),
                changes = lane.changes + 1
        )
        SELECT count(*) FROM made
        """
    ).bindparams(ORG, *(bindparam(name, type_=ARRAY(type_)) for name, type_ in _ASKED.items()))
)
"""Ask for work, each by the key of its owner once; and have its lanes found."""
