"""What substitutes for a code: spoken codes, the wrong tries at them, and printed cards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spoken_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("digits", sa.String(length=6), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["courier_id"], ["couriers.id"], name=op.f("fk_spoken_codes_courier_id_couriers")
        ),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_spoken_codes_gate_id_gates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spoken_codes")),
        sa.UniqueConstraint("gate_id", "digits", name=op.f("uq_spoken_codes_gate_id_digits")),
    )
    op.create_index(op.f("ix_spoken_codes_expires_at"), "spoken_codes", ["expires_at"], unique=False)
    op.create_index(
        "uq_spoken_codes_current",
        "spoken_codes",
        ["courier_id"],
        unique=True,
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.create_table(
        "spoken_tries",
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column(
            "wrong",
            sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"),
            nullable=False,
        ),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_spoken_tries_gate_id_gates")),
        sa.PrimaryKeyConstraint("gate_id", name=op.f("pk_spoken_tries")),
    )
    op.create_table(
        "printed_cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["courier_id"], ["couriers.id"], name=op.f("fk_printed_cards_courier_id_couriers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_printed_cards")),
        sa.UniqueConstraint("digest", name=op.f("uq_printed_cards_digest")),
    )
    op.create_index(
        op.f("ix_printed_cards_courier_id_id"), "printed_cards", ["courier_id", "id"], unique=False
    )
    op.create_index(
        "uq_printed_cards_live",
        "printed_cards",
        ["courier_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_printed_cards_live",
        table_name="printed_cards",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_printed_cards_courier_id_id"), table_name="printed_cards")
    op.drop_table("printed_cards")
    op.drop_table("spoken_tries")
    op.drop_index(
        "uq_spoken_codes_current",
        table_name="spoken_codes",
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.drop_index(op.f("ix_spoken_codes_expires_at"), table_name="spoken_codes")
    op.drop_table("spoken_codes")
