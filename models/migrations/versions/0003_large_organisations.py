"""What large organisations need: an index for each order of a stage's leads, and leads that know of open tasks."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("created_at", "updated_at", "title", "value", "expected_close_date", "score", "stage_entered_at")


def upgrade() -> None:
    """An index for each order of a stage's leads; those that they replace go."""
    for column in COLUMNS:
        op.execute(f"CREATE INDEX lead_stage_{column}_idx ON lead (org_id, stage_id, {column}, id)")
    op.execute("CREATE INDEX lead_created_idx ON lead (org_id, created_at, id)")
    op.execute("DROP INDEX lead_owner_idx")
    op.execute("CREATE INDEX lead_owner_idx ON lead (org_id, owner_id, created_at, id)")
    op.execute("DROP INDEX lead_updated_idx")
    op.execute("ALTER TABLE lead ADD COLUMN has_open_task BOOLEAN DEFAULT false NOT NULL")
    op.execute(
        "UPDATE lead SET has_open_task = true WHERE EXISTS (SELECT FROM task"
        " WHERE task.org_id = lead.org_id AND task.lead_id = lead.id AND task.status = 'OPEN')"
    )
    op.execute(
        "CREATE INDEX lead_without_task_idx ON lead (org_id, stage_id) WHERE closed_at IS NULL AND NOT has_open_task"
    )
