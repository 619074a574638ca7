"""Gate rules, holidays, blocks, and the notices that blocks give rise to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "profile_moved",
    "verified",
    "review_declined",
    "suspended",
    "restored",
    "affiliation_ended",
)
KINDS = (*KINDS_BEFORE, "blocked", "block_lifted", "block_upheld")
"""Of notices, before this step and after it."""


def _say_kinds(kinds: tuple[str, ...]) -> None:
    """Let notices be of these kinds and no others."""
    known = ", ".join(f"'{kind}'" for kind in kinds)
    condition = f"kind IN ({known})"
    if op.get_context().dialect.name == "postgresql":
        # The new kinds are more, so no notice stops being allowed; and notices are few beside scans,
        # so that looking through them all takes no longer than a lock may be waited for.
        op.execute(
            "-- squawk-ignore ban-drop-constraint\nALTER TABLE notices DROP CONSTRAINT ck_notices_kind_known"
        )
        op.execute(
            "-- squawk-ignore constraint-missing-not-valid\n"
            f"ALTER TABLE notices ADD CONSTRAINT ck_notices_kind_known CHECK ({condition})"
        )
        return
    # SQLite changes no constraint, so the table is made anew; nothing refers to it.
    op.drop_index(op.f("ix_notices_account_id_id"), table_name="notices")
    op.rename_table("notices", "notices_before")
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=17), nullable=False),
        sa.Column("details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(condition, name=op.f("ck_notices_kind_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notices_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.execute(
        "INSERT INTO notices (id, account_id, kind, details, created_at, read_at)"
        " SELECT id, account_id, kind, details, created_at, read_at FROM notices_before"
    )
    op.drop_table("notices_before")
    op.create_index(op.f("ix_notices_account_id_id"), "notices", ["account_id", "id"], unique=False)


def upgrade() -> None:
    op.create_table(
        "holidays",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holidays")),
    )
    op.create_table(
        "blocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.Column("appeal_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(appealed_at IS NULL) = (appeal_sealed IS NULL)", name=op.f("ck_blocks_appeal_is_whole")
        ),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (upheld IS NULL)", name=op.f("ck_blocks_decision_is_whole")
        ),
        sa.CheckConstraint("until > made_at", name=op.f("ck_blocks_until_is_later")),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name=op.f("fk_blocks_compound_id_compounds")
        ),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.id"], name=op.f("fk_blocks_courier_id_couriers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
    )
    op.create_index(
        "ix_blocks_appeals",
        "blocks",
        ["id"],
        unique=False,
        sqlite_where=sa.text("appealed_at IS NOT NULL AND decided_at IS NULL"),
        postgresql_where=sa.text("appealed_at IS NOT NULL AND decided_at IS NULL"),
    )
    op.create_index(op.f("ix_blocks_compound_id_id"), "blocks", ["compound_id", "id"], unique=False)
    op.create_index(op.f("ix_blocks_courier_id_id"), "blocks", ["courier_id", "id"], unique=False)
    op.create_index(
        "uq_blocks_live",
        "blocks",
        ["compound_id", "courier_id"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "gate_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_gate_rules_version_counts")),
        sa.ForeignKeyConstraint(
            ["compound_id"], ["compounds.id"], name=op.f("fk_gate_rules_compound_id_compounds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_rules")),
        sa.UniqueConstraint("compound_id", "version", name=op.f("uq_gate_rules_compound_id_version")),
    )
    op.add_column("compounds", sa.Column("rules_id", sa.Uuid(), nullable=True))
    _say_kinds(KINDS)


def downgrade() -> None:
    op.execute("DELETE FROM notices WHERE kind IN ('blocked', 'block_lifted', 'block_upheld')")
    _say_kinds(KINDS_BEFORE)
    op.drop_column("compounds", "rules_id")
    op.drop_table("gate_rules")
    op.drop_index(
        "uq_blocks_live",
        table_name="blocks",
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.drop_index(op.f("ix_blocks_courier_id_id"), table_name="blocks")
    op.drop_index(op.f("ix_blocks_compound_id_id"), table_name="blocks")
    op.drop_index(
        "ix_blocks_appeals",
        table_name="blocks",
        sqlite_where=sa.text("appealed_at IS NOT NULL AND decided_at IS NULL"),
        postgresql_where=sa.text("appealed_at IS NOT NULL AND decided_at IS NULL"),
    )
    op.drop_table("blocks")
    op.drop_table("holidays")
