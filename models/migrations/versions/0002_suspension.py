"""Organisations can be suspended, and who may no longer ask is found fast."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column, and indexes of nothing but what was withdrawn."""
    op.execute("ALTER TABLE organisation ADD COLUMN suspended_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX organisation_suspended_idx ON organisation (id) WHERE suspended_at IS NOT NULL")
    op.execute("CREATE INDEX member_inactive_idx ON member (org_id, subject) WHERE NOT active")
