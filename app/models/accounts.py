"""Accounts, what they may do, and their sign-ins."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Id, Instant, must_be_one_of, one_of


class AccountKind(StrEnum):
    """What an account signs in by."""

    wechat = "wechat"
    staff = "staff"
    device = "device"


class Role(StrEnum):
    """What an account may do within a scope."""

    operator = "operator"
    """Installs, migrates, rotates keys; sees no person."""
    security_admin = "security_admin"
    """Creates staff, grants roles, ends sign-ins."""
    auditor = "auditor"
    """Reads the audit records."""
    registrar = "registrar"
    """Union staff who create employers, compounds and gates and appoint their people."""
    reviewer = "reviewer"
    """Decides verifications and recoveries."""
    property_manager = "property_manager"
    guard = "guard"
    employer_user = "employer_user"
    analyst = "analyst"
    organizer = "organizer"
    handler = "handler"
    police_auditor = "police_auditor"


ADMINISTRATION = (Role.operator, Role.security_admin, Role.auditor)
"""System, security and audit administration lie in different hands (GB/T 22239, three administrators)."""


class ScopeKind(StrEnum):
    """Within what a role holds."""

    everywhere = "everywhere"
    area = "area"
    compound = "compound"
    employer = "employer"
    union = "union"


class Account(Base):
    """What signs in: a WeChat openid, a staff login, or a device."""

    __tablename__ = "accounts"
    __table_args__ = (
        must_be_one_of("kind", AccountKind),
        CheckConstraint(
            "(kind = 'wechat') = (openid_index IS NOT NULL) AND (kind = 'staff') = (login IS NOT NULL)"
            " AND (kind = 'device') = (secret_digest IS NOT NULL)",
            name="signs_in_by_its_kind",
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(one_of(AccountKind))
    created_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    openid_index: Mapped[bytes | None] = mapped_column(Digest, unique=True)
    next_openid_index: Mapped[bytes | None] = mapped_column(Digest, unique=True)
    openid_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)

    login: Mapped[str | None] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(128))
    """argon2id in its own encoded form; None until the account has set one."""
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    totp_last_step: Mapped[int | None] = mapped_column(Integer)
    """The last 30 s step that was used, so that a one-time password is used one time (RFC 6238, 5.2)."""

    setup_digest: Mapped[bytes | None] = mapped_column(Digest, unique=True)
    """Digest of the one-time secret with which a staff member sets a password."""
    setup_expires_at: Mapped[datetime | None] = mapped_column(Instant)

    secret_digest: Mapped[bytes | None] = mapped_column(Digest)


class Attempts(Base):
    """The attempts to sign in with one login that led nowhere, whether or not there is such an account."""

    __tablename__ = "sign_in_attempts"

    login_digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(Instant, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(Instant)


_LIVE_ADMINISTRATION = (
    f"role IN ({', '.join(repr(role.value) for role in ADMINISTRATION)}) AND revoked_at IS NULL"
)


class Grant(Base):
    """One role of one account within one scope; of the administration roles an account holds at most one."""

    __tablename__ = "grants"
    __table_args__ = (
        must_be_one_of("role", Role),
        must_be_one_of("scope_kind", ScopeKind),
        CheckConstraint("(scope_kind = 'everywhere') = (scope_id = '')", name="scope_named"),
        Index(
            "uq_grants_live",
            "account_id",
            "role",
            "scope_kind",
            "scope_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index(
            "uq_grants_administration",
            "account_id",
            unique=True,
            sqlite_where=text(_LIVE_ADMINISTRATION),
            postgresql_where=text(_LIVE_ADMINISTRATION),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    role: Mapped[str] = mapped_column(one_of(Role))
    scope_kind: Mapped[str] = mapped_column(one_of(ScopeKind))
    scope_id: Mapped[str] = mapped_column(String(64))
    """Area path, compound id or employer id as text; empty for everywhere."""
    granted_at: Mapped[datetime] = mapped_column(Instant)
    granted_by: Mapped[UUID | None] = mapped_column(Id)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class Invitation(Base):
    """A single-use, expiring offer of a role, or of a place for a device at a gate."""

    __tablename__ = "invitations"
    __table_args__ = (
        must_be_one_of("role", Role),
        must_be_one_of("scope_kind", ScopeKind),
        CheckConstraint("(role IS NULL) <> (gate_id IS NULL)", name="role_or_gate"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    secret_digest: Mapped[bytes] = mapped_column(Digest, unique=True)
    role: Mapped[str | None] = mapped_column(one_of(Role))
    scope_kind: Mapped[str | None] = mapped_column(one_of(ScopeKind))
    scope_id: Mapped[str | None] = mapped_column(String(64))
    gate_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("gates.id"))
    """For a device: the gate that it will be enrolled at."""
    invited_by: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    used_by: Mapped[UUID | None] = mapped_column(Id)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class SignIn(Base):
    """One sign-in and the family of refresh tokens that keeps it alive."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index(None, "account_id", "id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    client: Mapped[str] = mapped_column(String(80))
    """What the client calls itself, so that its owner can tell sign-ins apart."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    refreshed_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    end_reason: Mapped[str | None] = mapped_column(Text)


class RefreshToken(Base):
    """One link of a family. Only its digest is here; its successor is derived from the token itself."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id"), index=True)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)
