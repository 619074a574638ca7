"""Staff accounts: made and reset by a security administrator, set up by their owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import select, update

from app.database import insert_into
from app.errors import Forbidden, NotFound
from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind, Role
from app.services import audit
from app.services.accounts.attempts import forgive_attempts
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import (
    LoginTaken,
    PasswordUnfit,
    SetupRefused,
    SignInRefused,
)
from app.services.accounts.grants import grant_to_staff
from app.services.accounts.passwords import hashes
from app.services.accounts.rules import fits_password, normal_login
from app.services.accounts.sign_ins import end_all_sign_ins
from app.services.accounts.staff_sign_in import password_hash_after_count
from app.work import OpenSignedWork, OpenWork, Scope, Work

SETUP_LIFETIME = timedelta(hours=72)
"""As an invitation's: it goes from hand to hand and should not lie about."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A staff account as security administrators see it."""

    id: UUID
    login: str
    created_at: datetime
    ended_at: datetime | None
    second_factor: bool
    """Whether an authenticator is in force."""

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            id=account.id,
            login=account.login or "",
            created_at=account.created_at,
            ended_at=account.ended_at,
            second_factor=account.totp_confirmed_at is not None,
        )


async def create_staff(
    work: Work, *, login: str, grants: Sequence[tuple[Role, Scope]]
) -> tuple[Account, str]:
    """A staff account with its roles, and the setup secret with which its owner sets a password.

    The secret is shown once. Raises Forbidden, LoginTaken, and what `grant_to_staff` raises.
    """
    work.actor.must(Role.security_admin)
    secret = new_secret()
    account = await work.session.scalar(
        insert_into(work.session, Account)
        .values(
            id=new_id(),
            kind=AccountKind.staff.value,
            created_at=work.now,
            login=normal_login(login),
            setup_digest=secret_digest(secret),
            setup_expires_at=work.now + SETUP_LIFETIME,
        )
        .on_conflict_do_nothing(index_elements=[Account.login])
        .returning(Account)
    )
    if account is None:
        raise LoginTaken
    audit.record(work, "accounts.staff_created", subject_kind="account", subject_id=account.id)
    for role, scope in grants:
        await grant_to_staff(work, account_id=account.id, role=role, scope=scope)
    return account, secret


async def staff_accounts(work: Work, *, before: UUID | None, limit: int) -> list[StaffMember]:
    """The staff accounts, newest first, at most `limit`, older than `before`."""
    query = select(Account).where(Account.kind == AccountKind.staff.value)
    if before is not None:
        query = query.where(Account.id < before)
    rows = await work.session.scalars(query.order_by(Account.id.desc()).limit(limit))
    return [StaffMember.of(account) for account in rows]


async def read_staff(work: Work, *, account_id: UUID) -> StaffMember:
    """One staff account; raises NotFound."""
    account = await work.session.scalar(
        select(Account).where(Account.id == account_id, Account.kind == AccountKind.staff.value)
    )
    if account is None:
        raise NotFound
    return StaffMember.of(account)


async def find_staff(work: Work, *, login: str) -> Account:
    """The live staff account of `login`; raises NotFound."""
    account = await work.session.scalar(
        select(Account).where(Account.login == normal_login(login), Account.ended_at.is_(None))
    )
    if account is None:
        raise NotFound
    return account


async def reset_staff(work: Work, *, account_id: UUID, reason: str) -> str:
    """Takes password and second factor from a staff account and ends its sign-ins; returns a setup secret.

    A lock of the login ends as well. Raises Forbidden and NotFound.
    """
    account = await _require_staff(work, account_id)
    secret = new_secret()
    account.password_hash = None
    account.totp_sealed = account.totp_confirmed_at = account.totp_last_step = None
    account.setup_digest = secret_digest(secret)
    account.setup_expires_at = work.now + SETUP_LIFETIME
    audit.record(work, "accounts.staff_reset", subject_kind="account", subject_id=account_id, reason=reason)
    await end_all_sign_ins(work, account_id=account_id, reason="reset")
    if account.login is not None:
        await forgive_attempts(work, login=account.login)
    await work.session.flush()
    return secret


async def end_staff(work: Work, *, account_id: UUID, reason: str) -> None:
    """Ends a staff account, its sign-ins and its shifts for good. Raises Forbidden and NotFound."""
    account = await _require_staff(work, account_id)
    account.ended_at = work.now
    account.setup_digest = account.setup_expires_at = None
    audit.record(work, "accounts.staff_ended", subject_kind="account", subject_id=account_id, reason=reason)
    await end_all_sign_ins(work, account_id=account_id, reason="account ended")
    await work.session.flush()


async def end_sign_ins_of(work: Work, *, account_id: UUID, reason: str) -> None:
    """Signs an account of whatever kind out everywhere. Raises Forbidden and NotFound."""
    work.actor.must(Role.security_admin)
    if await work.session.get(Account, account_id) is None:
        raise NotFound
    await end_all_sign_ins(work, account_id=account_id, reason=reason)


async def set_first_password(open_work: OpenWork, *, setup_secret: str, password: str) -> None:
    """Sets the password of the account that was given `setup_secret`, once.

    Raises SetupRefused and PasswordUnfit; the secret stays good after the latter.
    """
    async with open_work() as work:
        login = await work.session.scalar(
            select(Account.login).where(
                Account.setup_digest == secret_digest(setup_secret),
                Account.setup_expires_at > work.now,
                Account.ended_at.is_(None),
            )
        )
    if login is None:
        raise SetupRefused
    if not fits_password(password, login=login):
        raise PasswordUnfit
    encoded = await hashes.make(password)
    async with open_work() as work:
        account_id = await work.session.scalar(
            update(Account)
            .where(
                Account.setup_digest == secret_digest(setup_secret),
                Account.setup_expires_at > work.now,
                Account.ended_at.is_(None),
            )
            .values(password_hash=encoded, setup_digest=None, setup_expires_at=None)
            .returning(Account.id)
        )
        if account_id is None:
            raise SetupRefused
        audit.record(work, "accounts.password_set", subject_kind="account", subject_id=account_id)


async def change_password(open_work: OpenSignedWork, *, password: str, new_password: str) -> None:
    """Replaces the signed-in staff account's password; its other sign-ins end.

    The old password is guarded like a sign-in: the same failures lock both. Raises Forbidden for
    accounts that are not staff, SignInLocked, SignInRefused, PasswordUnfit.
    """
    async with open_work(write=True) as work:
        login = await work.session.scalar(select(Account.login).where(Account.id == work.actor.account_id))
        if login is None:
            raise Forbidden
        encoded = await password_hash_after_count(work, login=login)
    right = await hashes.verify(encoded, password)
    if encoded is None or not right:
        raise SignInRefused
    if not fits_password(new_password, login=login):
        raise PasswordUnfit
    renewed = await hashes.make(new_password)
    async with open_work(write=True) as work:
        account_id = await work.session.scalar(
            update(Account)
            .where(Account.id == work.actor.account_id, Account.password_hash == encoded)
            .values(password_hash=renewed)
            .returning(Account.id)
        )
        if account_id is None:
            raise SignInRefused
        audit.record(work, "accounts.password_changed", subject_kind="account", subject_id=account_id)
        await forgive_attempts(work, login=login)
        await end_all_sign_ins(
            work, account_id=account_id, reason="password changed", but=work.actor.sign_in_id
        )


async def _require_staff(work: Work, account_id: UUID) -> Account:
    work.actor.must(Role.security_admin)
    account = await work.session.scalar(
        select(Account)
        .where(Account.id == account_id, Account.kind == AccountKind.staff.value, Account.ended_at.is_(None))
        .with_for_update()
    )
    if account is None:
        raise NotFound
    return account
