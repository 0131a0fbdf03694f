"""SQL that keeps a change on the one shard of its organisation, where tables are distributed by Citus.

Citus evaluates `statement_timestamp()` once and sends the instant to the shard. It refuses functions like
`clock_timestamp()` in changes, and any function of the time inside CASE and COALESCE. PostgreSQL plans both fragments
away, or nearly so: see docs/operating/citus.md. `tests/engine/read/test_statements_on_citus.py` checks all statements.
"""

CLOCK = "(SELECT statement_timestamp() AS now) AS clock"
"""In the FROM of an UPDATE: `clock.now` is the instant that CASE and COALESCE may hold."""

OWN = "organisation AS own"
"""In the FROM of an INSERT that writes rows of a CTE, with `own.id = :org_id`: without a table of the organisation, the
rows of the CTE are sent to every node."""
