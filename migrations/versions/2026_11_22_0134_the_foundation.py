"""The foundation: accounts, organisations, couriers, codes and scans."""

from datetime import date

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FIRST_MONTH = date(2026, 11, 1)
"""Months before it go to the partition for all others; so do those that nobody made in time."""
MONTHS = 14
"""More than a year without a worker; after that the partition for all others still takes every scan."""


def _partition_scans() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute("CREATE TABLE scans_other PARTITION OF scans DEFAULT")
    for number in range(MONTHS):
        start, end = _month(number), _month(number + 1)
        op.execute(
            f"CREATE TABLE scans_y{start:%Y}m{start:%m} PARTITION OF scans"
            f" FOR VALUES FROM ('{start} 00:00:00+00') TO ('{end} 00:00:00+00')"
        )


def _month(number: int) -> date:
    months = FIRST_MONTH.year * 12 + FIRST_MONTH.month - 1 + number
    return date(months // 12, months % 12 + 1, 1)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("openid_index", sa.LargeBinary(length=32), nullable=True),
        sa.Column("next_openid_index", sa.LargeBinary(length=32), nullable=True),
        sa.Column("openid_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("login", sa.String(length=64), nullable=True),
        sa.Column("password_hash", sa.String(length=128), nullable=True),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("setup_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("setup_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("secret_digest", sa.LargeBinary(length=32), nullable=True),
        sa.CheckConstraint(
            "(kind = 'wechat') = (openid_index IS NOT NULL) AND (kind = 'staff') = (login IS NOT NULL) AND (kind = 'device') = (secret_digest IS NOT NULL)",
            name=op.f("ck_accounts_signs_in_by_its_kind"),
        ),
        sa.CheckConstraint("kind IN ('wechat', 'staff', 'device')", name=op.f("ck_accounts_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_accounts_login")),
        sa.UniqueConstraint("next_openid_index", name=op.f("uq_accounts_next_openid_index")),
        sa.UniqueConstraint("openid_index", name=op.f("uq_accounts_openid_index")),
        sa.UniqueConstraint("setup_digest", name=op.f("uq_accounts_setup_digest")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("login_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("login_digest", name=op.f("pk_sign_in_attempts")),
    )
    op.create_index(op.f("ix_sign_in_attempts_last_at"), "sign_in_attempts", ["last_at"], unique=False)
    op.create_table(
        "areas",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("path", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=9), nullable=False),
        sa.Column("parent_code", sa.String(length=12), nullable=True),
        sa.CheckConstraint(
            "level IN ('province', 'city', 'district', 'street', 'community')",
            name=op.f("ck_areas_level_known"),
        ),
        sa.ForeignKeyConstraint(["parent_code"], ["areas.code"], name=op.f("fk_areas_parent_code_areas")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_areas")),
        sa.UniqueConstraint("path", name=op.f("uq_areas_path")),
    )
    op.create_index(op.f("ix_areas_parent_code"), "areas", ["parent_code"], unique=False)
    op.create_table(
        "audit_records",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "details",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_records")),
    )
    op.create_index(
        op.f("ix_audit_records_subject_kind_subject_id_id"),
        "audit_records",
        ["subject_kind", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "code_uses",
        sa.Column("issuer", sa.String(length=4), nullable=False),
        sa.Column("kid", sa.String(length=2), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=8), nullable=False),
        sa.Column("jti", sa.LargeBinary(length=6), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kid", "subject", "jti", name=op.f("pk_code_uses")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "employers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('platform', 'partner', 'courier_company')",
            name=op.f("ck_employers_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_employers")),
        sa.UniqueConstraint("credit_code", name=op.f("uq_employers_credit_code")),
        sa.UniqueConstraint("name", name=op.f("uq_employers_name")),
    )
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("document_type", sa.String(length=31), nullable=False),
        sa.Column("document_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("next_document_index", sa.LargeBinary(length=32), nullable=True),
        sa.Column("document_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("name_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "document_type IN ('resident_id', 'hk_macao_permit', 'taiwan_permit', 'residence_permit', 'foreign_permanent_resident_card')",
            name=op.f("ck_persons_document_type_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("document_index", name=op.f("uq_persons_document_index")),
        sa.UniqueConstraint("next_document_index", name=op.f("uq_persons_next_document_index")),
    )
    op.create_index(op.f("ix_persons_phone_index"), "persons", ["phone_index"], unique=False)
    op.create_table(
        "rate_counters",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_counters")),
    )
    op.create_index(
        op.f("ix_rate_counters_expires_at"),
        "rate_counters",
        ["expires_at"],
        unique=False,
    )
    op.create_table(
        "scan_annulments",
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("scan", name=op.f("pk_scan_annulments")),
    )
    op.create_table(
        "scan_keys",
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("enrolment_id", "scan_id", name=op.f("pk_scan_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scan_outcomes",
        sa.Column("scan", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=11), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('let_in', 'turned_away')",
            name=op.f("ck_scan_outcomes_outcome_known"),
        ),
        sa.PrimaryKeyConstraint("scan", name=op.f("pk_scan_outcomes")),
    )
    op.create_table(
        "scans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=True),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=True),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("device_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issuer", sa.String(length=4), nullable=True),
        sa.Column("kid", sa.String(length=2), nullable=True),
        sa.Column("subject", sa.LargeBinary(length=8), nullable=True),
        sa.Column("jti", sa.LargeBinary(length=6), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ttl", sa.SmallInteger(), nullable=True),
        sa.Column("code_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_length", sa.Integer(), nullable=True),
        sa.Column("unreadable_cause", sa.String(length=32), nullable=True),
        sa.Column("verdict", sa.String(length=6), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column(
            "details",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
        ),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("server_verdict", sa.String(length=6), nullable=True),
        sa.Column("server_reason", sa.String(length=32), nullable=True),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(sequence IS NULL) = (server_verdict IS NULL) AND (sequence IS NULL) = (server_reason IS NULL)",
            name=op.f("ck_scans_judged_twice_offline"),
        ),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_scans_direction_known")),
        sa.CheckConstraint(
            "verdict IN ('admit', 'check', 'refuse')",
            name=op.f("ck_scans_verdict_known"),
        ),
        sa.CheckConstraint(
            "server_verdict IN ('admit', 'check', 'refuse')",
            name=op.f("ck_scans_server_verdict_known"),
        ),
        sa.PrimaryKeyConstraint("id", "recorded_at", name=op.f("pk_scans")),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    op.create_index(
        op.f("ix_scans_compound_id_happened_at"),
        "scans",
        ["compound_id", "happened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_scans_courier_id_happened_at"),
        "scans",
        ["courier_id", "happened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_scans_gate_id_happened_at"),
        "scans",
        ["gate_id", "happened_at"],
        unique=False,
    )
    _partition_scans()
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=4), nullable=False),
        sa.Column("kid", sa.String(length=2), nullable=False),
        sa.Column(
            "public_jwk",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("sealed_private", sa.LargeBinary(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("issuer", "kid", name=op.f("uq_signing_keys_issuer_kid")),
    )
    op.create_table(
        "wechat_access_tokens",
        sa.Column("base_url", sa.String(length=255), nullable=False),
        sa.Column("appid", sa.String(length=64), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lease_holder", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forced_on", sa.Date(), nullable=True),
        sa.Column("forced_count", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(lease_holder IS NULL) = (leased_until IS NULL)",
            name=op.f("ck_wechat_access_tokens_lease_has_end"),
        ),
        sa.CheckConstraint(
            "(sealed_token IS NULL) = (expires_at IS NULL)",
            name=op.f("ck_wechat_access_tokens_expires_with_token"),
        ),
        sa.CheckConstraint(
            "forced_count >= 0",
            name=op.f("ck_wechat_access_tokens_forced_count_counts"),
        ),
        sa.PrimaryKeyConstraint("base_url", "appid", name=op.f("pk_wechat_access_tokens")),
    )
    op.create_table(
        "compounds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=11), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=True),
        sa.Column("latitude", sa.Float(precision=53), nullable=True),
        sa.Column("longitude", sa.Float(precision=53), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('residential', 'park', 'office')",
            name=op.f("ck_compounds_kind_known"),
        ),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name=op.f("ck_compounds_latitude_on_earth")),
        sa.CheckConstraint(
            "longitude BETWEEN -180 AND 180",
            name=op.f("ck_compounds_longitude_on_earth"),
        ),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f("fk_compounds_area_code_areas")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compounds")),
        sa.UniqueConstraint("area_code", "name", name=op.f("uq_compounds_area_code_name")),
        sa.UniqueConstraint("reference", name=op.f("uq_compounds_reference")),
    )
    op.create_index(op.f("ix_compounds_area_code"), "compounds", ["area_code"], unique=False)
    op.create_table(
        "couriers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("photo_id", sa.Uuid(), nullable=True),
        sa.Column("codes_from", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'verified', 'suspended', 'left')",
            name=op.f("ck_couriers_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_couriers_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_couriers_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_couriers")),
        sa.UniqueConstraint("account_id", name=op.f("uq_couriers_account_id")),
        sa.UniqueConstraint("person_id", name=op.f("uq_couriers_person_id")),
    )
    op.create_index(op.f("ix_couriers_codes_from"), "couriers", ["codes_from"], unique=False)
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('phone', 'handheld')", name=op.f("ck_devices_kind_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_devices_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("account_id", name=op.f("uq_devices_account_id")),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("scope_kind", sa.String(length=10), nullable=False),
        sa.Column("scope_id", sa.String(length=64), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(scope_kind = 'everywhere') = (scope_id = '')",
            name=op.f("ck_grants_scope_named"),
        ),
        sa.CheckConstraint(
            "role IN ('operator', 'security_admin', 'auditor', 'registrar', 'reviewer', 'property_manager', 'guard', 'employer_user', 'analyst', 'organizer', 'handler', 'police_auditor')",
            name=op.f("ck_grants_role_known"),
        ),
        sa.CheckConstraint(
            "scope_kind IN ('everywhere', 'area', 'compound', 'employer', 'union')",
            name=op.f("ck_grants_scope_kind_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_grants_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(
        "uq_grants_live",
        "grants",
        ["account_id", "role", "scope_kind", "scope_id"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(
        "uq_grants_administration",
        "grants",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("role IN ('operator', 'security_admin', 'auditor') AND revoked_at IS NULL"),
        postgresql_where=sa.text("role IN ('operator', 'security_admin', 'auditor') AND revoked_at IS NULL"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=17), nullable=False),
        sa.Column(
            "details",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('profile_moved', 'verified', 'review_declined', 'suspended', 'restored', 'affiliation_ended')",
            name=op.f("ck_notices_kind_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notices_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_account_id_id"), "notices", ["account_id", "id"], unique=False)
    op.create_table(
        "rosters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employer_id", sa.Uuid(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_by", sa.Uuid(), nullable=True),
        sa.Column("content_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("verified", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["employer_id"],
            ["employers.id"],
            name=op.f("fk_rosters_employer_id_employers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rosters")),
    )
    op.create_index(op.f("ix_rosters_employer_id_id"), "rosters", ["employer_id", "id"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_sign_ins_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
    )
    op.create_index(
        op.f("ix_sign_ins_account_id_id"),
        "sign_ins",
        ["account_id", "id"],
        unique=False,
    )
    op.create_table(
        "affiliations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("employer_id", sa.Uuid(), nullable=False),
        sa.Column("kind_of_work", sa.String(length=16), nullable=False),
        sa.Column("vehicle", sa.String(length=10), nullable=False),
        sa.Column("plate_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vouched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind_of_work IN ('food_delivery', 'parcel_delivery', 'errand', 'ride_hailing', 'freight', 'domestic_service', 'other')",
            name=op.f("ck_affiliations_kind_of_work_known"),
        ),
        sa.CheckConstraint(
            "vehicle IN ('on_foot', 'bicycle', 'e_bike', 'motorcycle', 'tricycle', 'car', 'van', 'truck')",
            name=op.f("ck_affiliations_vehicle_known"),
        ),
        sa.ForeignKeyConstraint(
            ["courier_id"],
            ["couriers.id"],
            name=op.f("fk_affiliations_courier_id_couriers"),
        ),
        sa.ForeignKeyConstraint(
            ["employer_id"],
            ["employers.id"],
            name=op.f("fk_affiliations_employer_id_employers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_affiliations")),
    )
    op.create_index(
        op.f("ix_affiliations_employer_id"),
        "affiliations",
        ["employer_id"],
        unique=False,
    )
    op.create_index(
        "uq_affiliations_live",
        "affiliations",
        ["courier_id", "employer_id", "kind_of_work"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.id"], name=op.f("fk_cards_courier_id_couriers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
    )
    op.create_index(op.f("ix_cards_courier_id"), "cards", ["courier_id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('gate', 'rating', 'portrait', 'sharing')",
            name=op.f("ck_consents_purpose_known"),
        ),
        sa.ForeignKeyConstraint(
            ["courier_id"],
            ["couriers.id"],
            name=op.f("fk_consents_courier_id_couriers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        op.f("ix_consents_courier_id_purpose_id"),
        "consents",
        ["courier_id", "purpose", "id"],
        unique=False,
    )
    op.create_table(
        "courier_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.String(length=9), nullable=True),
        sa.Column("to_state", sa.String(length=9), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["courier_id"],
            ["couriers.id"],
            name=op.f("fk_courier_changes_courier_id_couriers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courier_changes")),
    )
    op.create_index(
        op.f("ix_courier_changes_courier_id_id"),
        "courier_changes",
        ["courier_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_courier_changes_at"), "courier_changes", ["at"], unique=False)
    op.create_table(
        "day_handles",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("handle", sa.LargeBinary(length=8), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["courier_id"],
            ["couriers.id"],
            name=op.f("fk_day_handles_courier_id_couriers"),
        ),
        sa.PrimaryKeyConstraint("day", "handle", name=op.f("pk_day_handles")),
    )
    op.create_index(op.f("ix_day_handles_courier_id_day"), "day_handles", ["courier_id", "day"], unique=False)
    op.create_table(
        "gates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("compound_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=True),
        sa.Column("longitude", sa.Float(precision=53), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name=op.f("ck_gates_latitude_on_earth")),
        sa.CheckConstraint("longitude BETWEEN -180 AND 180", name=op.f("ck_gates_longitude_on_earth")),
        sa.ForeignKeyConstraint(
            ["compound_id"],
            ["compounds.id"],
            name=op.f("fk_gates_compound_id_compounds"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gates")),
        sa.UniqueConstraint("compound_id", "name", name=op.f("uq_gates_compound_id_name")),
    )
    op.create_table(
        "photos",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.id"], name=op.f("fk_photos_courier_id_couriers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photos")),
    )
    op.create_index(op.f("ix_photos_courier_id"), "photos", ["courier_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["sign_in_id"],
            ["sign_ins.id"],
            name=op.f("fk_refresh_tokens_sign_in_id_sign_ins"),
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(
        op.f("ix_refresh_tokens_sign_in_id"),
        "refresh_tokens",
        ["sign_in_id"],
        unique=False,
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("employer_id", sa.Uuid(), nullable=True),
        sa.Column(
            "reasons",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("claim_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('verification', 'recovery', 'departures', 'sharing')",
            name=op.f("ck_reviews_kind_known"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'declined')",
            name=op.f("ck_reviews_state_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_reviews_account_id_accounts")),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.id"], name=op.f("fk_reviews_courier_id_couriers")),
        sa.ForeignKeyConstraint(
            ["employer_id"],
            ["employers.id"],
            name=op.f("fk_reviews_employer_id_employers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_courier_id"), "reviews", ["courier_id"], unique=False)
    op.create_index(op.f("ix_reviews_state_id"), "reviews", ["state", "id"], unique=False)
    op.create_index(
        "uq_reviews_open",
        "reviews",
        ["kind", "courier_id", "account_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open' AND courier_id IS NOT NULL"),
        postgresql_where=sa.text("state = 'open' AND courier_id IS NOT NULL"),
    )
    op.create_index(
        "uq_reviews_sharing",
        "reviews",
        ["courier_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open' AND kind = 'sharing'"),
        postgresql_where=sa.text("state = 'open' AND kind = 'sharing'"),
    )
    op.create_table(
        "roster_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employer_id", sa.Uuid(), nullable=False),
        sa.Column("document_type", sa.String(length=31), nullable=False),
        sa.Column("document_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind_of_work", sa.String(length=16), nullable=True),
        sa.Column("vehicle", sa.String(length=10), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("roster_id", sa.Uuid(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "document_type IN ('resident_id', 'hk_macao_permit', 'taiwan_permit', 'residence_permit', 'foreign_permanent_resident_card')",
            name=op.f("ck_roster_entries_document_type_known"),
        ),
        sa.CheckConstraint(
            "kind_of_work IN ('food_delivery', 'parcel_delivery', 'errand', 'ride_hailing', 'freight', 'domestic_service', 'other')",
            name=op.f("ck_roster_entries_kind_of_work_known"),
        ),
        sa.CheckConstraint(
            "vehicle IN ('on_foot', 'bicycle', 'e_bike', 'motorcycle', 'tricycle', 'car', 'van', 'truck')",
            name=op.f("ck_roster_entries_vehicle_known"),
        ),
        sa.ForeignKeyConstraint(
            ["employer_id"],
            ["employers.id"],
            name=op.f("fk_roster_entries_employer_id_employers"),
        ),
        sa.ForeignKeyConstraint(
            ["roster_id"],
            ["rosters.id"],
            name=op.f("fk_roster_entries_roster_id_rosters"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_entries")),
        sa.UniqueConstraint(
            "employer_id",
            "document_index",
            name=op.f("uq_roster_entries_employer_id_document_index"),
        ),
    )
    op.create_index(
        op.f("ix_roster_entries_document_index"),
        "roster_entries",
        ["document_index"],
        unique=False,
    )
    op.create_table(
        "roster_refusals",
        sa.Column("roster_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("column", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["roster_id"],
            ["rosters.id"],
            name=op.f("fk_roster_refusals_roster_id_rosters"),
        ),
        sa.PrimaryKeyConstraint("roster_id", "line", name=op.f("pk_roster_refusals")),
    )
    op.create_table(
        "departures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employer_id"],
            ["employers.id"],
            name=op.f("fk_departures_employer_id_employers"),
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["roster_entries.id"],
            name=op.f("fk_departures_entry_id_roster_entries"),
        ),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_departures_review_id_reviews")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departures")),
    )
    op.create_index(
        op.f("ix_departures_employer_id_day"),
        "departures",
        ["employer_id", "day"],
        unique=False,
    )
    op.create_index(op.f("ix_departures_review_id"), "departures", ["review_id"], unique=False)
    op.create_index(
        "uq_departures_held",
        "departures",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("applied_at IS NULL AND cancelled_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_table(
        "enrolments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_enrolments_device_id_devices")),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_enrolments_gate_id_gates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    op.create_index(op.f("ix_enrolments_gate_id"), "enrolments", ["gate_id"], unique=False)
    op.create_index(
        "uq_enrolments_open",
        "enrolments",
        ["device_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=True),
        sa.Column("scope_kind", sa.String(length=10), nullable=True),
        sa.Column("scope_id", sa.String(length=64), nullable=True),
        sa.Column("gate_id", sa.Uuid(), nullable=True),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('operator', 'security_admin', 'auditor', 'registrar', 'reviewer', 'property_manager', 'guard', 'employer_user', 'analyst', 'organizer', 'handler', 'police_auditor')",
            name=op.f("ck_invitations_role_known"),
        ),
        sa.CheckConstraint(
            "scope_kind IN ('everywhere', 'area', 'compound', 'employer', 'union')",
            name=op.f("ck_invitations_scope_kind_known"),
        ),
        sa.CheckConstraint(
            "(role IS NULL) <> (gate_id IS NULL)",
            name=op.f("ck_invitations_role_or_gate"),
        ),
        sa.ForeignKeyConstraint(["gate_id"], ["gates.id"], name=op.f("fk_invitations_gate_id_gates")),
        sa.ForeignKeyConstraint(
            ["invited_by"],
            ["accounts.id"],
            name=op.f("fk_invitations_invited_by_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_invitations_secret_digest")),
    )
    op.create_table(
        "shifts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_shifts_account_id_accounts")),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolments.id"],
            name=op.f("fk_shifts_enrolment_id_enrolments"),
        ),
        sa.ForeignKeyConstraint(["sign_in_id"], ["sign_ins.id"], name=op.f("fk_shifts_sign_in_id_sign_ins")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_index(op.f("ix_shifts_account_id"), "shifts", ["account_id"], unique=False)
    op.create_index(
        "uq_shifts_open",
        "shifts",
        ["enrolment_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_shifts_open",
        table_name="shifts",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_shifts_account_id"), table_name="shifts")
    op.drop_table("shifts")
    op.drop_table("invitations")
    op.drop_index(
        "uq_enrolments_open",
        table_name="enrolments",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(op.f("ix_enrolments_gate_id"), table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_index(
        "uq_departures_held",
        table_name="departures",
        sqlite_where=sa.text("applied_at IS NULL AND cancelled_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL AND cancelled_at IS NULL"),
    )
    op.drop_index(op.f("ix_departures_review_id"), table_name="departures")
    op.drop_index(op.f("ix_departures_employer_id_day"), table_name="departures")
    op.drop_table("departures")
    op.drop_table("roster_refusals")
    op.drop_index(op.f("ix_roster_entries_document_index"), table_name="roster_entries")
    op.drop_table("roster_entries")
    op.drop_index(
        "uq_reviews_open",
        table_name="reviews",
        sqlite_where=sa.text("state = 'open' AND courier_id IS NOT NULL"),
        postgresql_where=sa.text("state = 'open' AND courier_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_reviews_sharing",
        table_name="reviews",
        sqlite_where=sa.text("state = 'open' AND kind = 'sharing'"),
        postgresql_where=sa.text("state = 'open' AND kind = 'sharing'"),
    )
    op.drop_index(op.f("ix_reviews_state_id"), table_name="reviews")
    op.drop_index(op.f("ix_reviews_courier_id"), table_name="reviews")
    op.drop_table("reviews")
    op.drop_index(op.f("ix_refresh_tokens_sign_in_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_photos_courier_id"), table_name="photos")
    op.drop_table("photos")
    op.drop_table("gates")
    op.drop_index(op.f("ix_day_handles_courier_id_day"), table_name="day_handles")
    op.drop_table("day_handles")
    op.drop_index(op.f("ix_courier_changes_at"), table_name="courier_changes")
    op.drop_index(op.f("ix_courier_changes_courier_id_id"), table_name="courier_changes")
    op.drop_table("courier_changes")
    op.drop_index(op.f("ix_consents_courier_id_purpose_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_index(op.f("ix_cards_courier_id"), table_name="cards")
    op.drop_table("cards")
    op.drop_index(
        "uq_affiliations_live",
        table_name="affiliations",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_affiliations_employer_id"), table_name="affiliations")
    op.drop_table("affiliations")
    op.drop_index(op.f("ix_sign_ins_account_id_id"), table_name="sign_ins")
    op.drop_table("sign_ins")
    op.drop_index(op.f("ix_rosters_employer_id_id"), table_name="rosters")
    op.drop_table("rosters")
    op.drop_index(op.f("ix_notices_account_id_id"), table_name="notices")
    op.drop_table("notices")
    op.drop_index(
        "uq_grants_administration",
        table_name="grants",
        sqlite_where=sa.text("role IN ('operator', 'security_admin', 'auditor') AND revoked_at IS NULL"),
        postgresql_where=sa.text("role IN ('operator', 'security_admin', 'auditor') AND revoked_at IS NULL"),
    )
    op.drop_index(
        "uq_grants_live",
        table_name="grants",
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_table("grants")
    op.drop_table("devices")
    op.drop_index(op.f("ix_couriers_codes_from"), table_name="couriers")
    op.drop_table("couriers")
    op.drop_index(op.f("ix_compounds_area_code"), table_name="compounds")
    op.drop_table("compounds")
    op.drop_table("wechat_access_tokens")
    op.drop_table("signing_keys")
    op.drop_index(op.f("ix_scans_gate_id_happened_at"), table_name="scans")
    op.drop_index(op.f("ix_scans_courier_id_happened_at"), table_name="scans")
    op.drop_index(op.f("ix_scans_compound_id_happened_at"), table_name="scans")
    op.drop_table("scans")
    op.drop_table("scan_outcomes")
    op.drop_table("scan_keys")
    op.drop_table("scan_annulments")
    op.drop_index(op.f("ix_rate_counters_expires_at"), table_name="rate_counters")
    op.drop_table("rate_counters")
    op.drop_index(op.f("ix_persons_phone_index"), table_name="persons")
    op.drop_table("persons")
    op.drop_table("jobs")
    op.drop_table("employers")
    op.drop_table("code_uses")
    op.drop_index(op.f("ix_audit_records_subject_kind_subject_id_id"), table_name="audit_records")
    op.drop_table("audit_records")
    op.drop_index(op.f("ix_areas_parent_code"), table_name="areas")
    op.drop_table("areas")
    op.drop_index(op.f("ix_sign_in_attempts_last_at"), table_name="sign_in_attempts")
    op.drop_table("sign_in_attempts")
    op.drop_table("accounts")
