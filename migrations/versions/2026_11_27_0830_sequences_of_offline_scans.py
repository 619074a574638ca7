"""The sequences that devices gave their offline scans, and shifts found by their enrolment."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offline_sequences",
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("enrolment_id", "sequence", name=op.f("pk_offline_sequences")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_shifts_enrolment_id_started_at"), "shifts", ["enrolment_id", "started_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_shifts_enrolment_id_started_at"), table_name="shifts")
    op.drop_table("offline_sequences")
