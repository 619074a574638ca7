"""What devices decide alone, what the server thinks of it afterwards, and where couriers passed last."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "whereabouts",
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_whereabouts_direction_known")),
        sa.ForeignKeyConstraint(
            ["courier_id"], ["couriers.id"], name=op.f("fk_whereabouts_courier_id_couriers")
        ),
        sa.PrimaryKeyConstraint("courier_id", name=op.f("pk_whereabouts")),
    )
    op.create_index(
        "ix_whereabouts_inside",
        "whereabouts",
        ["compound_id", "at"],
        unique=False,
        sqlite_where=sa.text("direction = 'in'"),
        postgresql_where=sa.text("direction = 'in'"),
    )
    op.create_table(
        "differences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ticked_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_differences_gate_id_gates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_differences")),
        sa.UniqueConstraint("scan", "reason", name=op.f("uq_differences_scan_reason")),
    )
    op.create_index(
        op.f("ix_differences_gate_id_id"),
        "differences",
        ["gate_id", "id"],
        unique=False,
    )
    op.create_table(
        "bundles",
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_bundles_enrolment_id_enrolments")
        ),
        sa.PrimaryKeyConstraint("enrolment_id", name=op.f("pk_bundles")),
    )
    op.create_table(
        "syncs",
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_syncs_enrolment_id_enrolments")
        ),
        sa.PrimaryKeyConstraint("enrolment_id", "counter", name=op.f("pk_syncs")),
    )


def downgrade() -> None:
    op.drop_table("syncs")
    op.drop_table("bundles")
    op.drop_index(op.f("ix_differences_gate_id_id"), table_name="differences")
    op.drop_table("differences")
    op.drop_index(
        "ix_whereabouts_inside",
        table_name="whereabouts",
        sqlite_where=sa.text("direction = 'in'"),
        postgresql_where=sa.text("direction = 'in'"),
    )
    op.drop_table("whereabouts")
