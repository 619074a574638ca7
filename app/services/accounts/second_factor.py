"""One-time passwords by time (RFC 6238): enrolment, confirmation and use."""

from dataclasses import dataclass, field

import pyotp
from sqlalchemy import select

from app.errors import Forbidden
from app.models.accounts import Account, AccountKind
from app.services import audit
from app.services.accounts.errors import SecondFactorEnrolled, SecondFactorRefused, SignInRefused
from app.services.accounts.rules import TOTP_STEP, accepted_step
from app.services.accounts.sign_ins import end_all_sign_ins
from app.work import Work

ISSUER = "惠新码"
"""What authenticators show above the login."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What an authenticator is set up with. Its repr does not show it."""

    secret: str = field(repr=False)
    """Base32, for typing in."""
    uri: str = field(repr=False)
    """`otpauth://`, for a QR symbol."""


async def enrol_authenticator(work: Work) -> Authenticator:
    """A fresh secret for the signed-in staff account, which counts once it is confirmed.

    Asking again before that replaces it. Raises Forbidden for accounts that are not staff and
    SecondFactorEnrolled where one is confirmed.
    """
    account = await _own_staff_account(work)
    if account.totp_confirmed_at is not None:
        raise SecondFactorEnrolled
    secret = pyotp.random_base32()
    account.totp_sealed = work.vault.seal(
        secret.encode(), table="accounts", column="totp_sealed", row=account.id
    )
    account.totp_last_step = None
    await work.session.flush()
    uri = pyotp.TOTP(secret, interval=TOTP_STEP).provisioning_uri(name=account.login, issuer_name=ISSUER)
    return Authenticator(secret, uri)


async def confirm_authenticator(work: Work, *, given: str) -> None:
    """Puts the authenticator in force; the account's other sign-ins, made without it, end.

    Raises SecondFactorRefused where `given` is not its one-time password, SecondFactorEnrolled where
    it is in force already.
    """
    account = await _own_staff_account(work)
    if account.totp_confirmed_at is not None:
        raise SecondFactorEnrolled
    step = _step(work, account, given)
    if step is None:
        raise SecondFactorRefused
    account.totp_confirmed_at = work.now
    account.totp_last_step = step
    audit.record(work, "accounts.second_factor_enrolled", subject_kind="account", subject_id=account.id)
    await end_all_sign_ins(
        work, account_id=account.id, reason="second factor enrolled", but=work.actor.sign_in_id
    )
    await work.session.flush()


def use_one_time_password(work: Work, *, account: Account, given: str) -> None:
    """Spends a one-time password of `account`, whose row the caller has locked; raises SignInRefused."""
    step = _step(work, account, given)
    if step is None:
        raise SignInRefused
    account.totp_last_step = step


def _step(work: Work, account: Account, given: str) -> int | None:
    if account.totp_sealed is None:
        return None
    secret = work.vault.open(
        account.totp_sealed, table="accounts", column="totp_sealed", row=account.id
    ).decode()
    return accepted_step(secret, given, now=work.now, last_step=account.totp_last_step)


async def _own_staff_account(work: Work) -> Account:
    account = await work.session.scalar(
        select(Account)
        .where(Account.id == work.actor.account_id, Account.kind == AccountKind.staff.value)
        .with_for_update()
    )
    if account is None:
        raise Forbidden
    return account
