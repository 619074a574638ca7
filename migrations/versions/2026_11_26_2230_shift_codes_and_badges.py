"""Shift codes, badges, and the sign-ins that they make."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "badges",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pin_hash", sa.String(length=128), nullable=False),
        sa.Column("pin_set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_badges_number_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_badges_account_id_accounts")),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name=op.f("fk_badges_compound_id_compounds")
        ),
        sa.PrimaryKeyConstraint("account_id", "compound_id", name=op.f("pk_badges")),
        sa.UniqueConstraint("compound_id", "number", name=op.f("uq_badges_compound_id_number")),
    )
    op.create_table(
        "shift_sign_ins",
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name=op.f("fk_shift_sign_ins_sign_in_id_sign_ins")
        ),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name=op.f("fk_shift_sign_ins_compound_id_compounds")
        ),
        sa.PrimaryKeyConstraint("sign_in_id", name=op.f("pk_shift_sign_ins")),
    )
    op.create_table(
        "shift_codes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shift_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_shift_codes_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name=op.f("fk_shift_codes_sign_in_id_sign_ins")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["shifts.id"], name=op.f("fk_shift_codes_shift_id_shifts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_shift_codes")),
        sa.UniqueConstraint("digest", name=op.f("uq_shift_codes_digest")),
    )


def downgrade() -> None:
    op.drop_table("shift_codes")
    op.drop_table("shift_sign_ins")
    op.drop_table("badges")
