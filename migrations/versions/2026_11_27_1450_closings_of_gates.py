"""When gates and compounds were closed that are open again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=True),
        sa.Column("compound_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(gate_id IS NULL) <> (compound_id IS NULL)", name=op.f("ck_closings_of_one")),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_closings_gate_id_gates")),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name=op.f("fk_closings_compound_id_compounds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closings")),
    )
    op.create_index(op.f("ix_closings_gate_id"), "closings", ["gate_id"])
    op.create_index(op.f("ix_closings_compound_id"), "closings", ["compound_id"])


def downgrade() -> None:
    op.drop_table("closings")
