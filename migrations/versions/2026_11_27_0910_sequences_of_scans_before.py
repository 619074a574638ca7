"""The sequences of the offline scans that are stored already."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO offline_sequences (enrolment_id, sequence, scan)"
        " SELECT enrolment_id, sequence, id FROM scans WHERE sequence IS NOT NULL"
        " ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    """What the table held goes with it."""
