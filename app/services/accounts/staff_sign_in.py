"""Signs in staff by login, password and, where enrolled, a one-time password."""

from dataclasses import dataclass
from math import ceil

from sqlalchemy import func, select

from app.models.accounts import Account, Grant
from app.services.accounts.attempts import forgive_attempts, reserve_attempt
from app.services.accounts.errors import SecondFactorRequired, SignInLocked, SignInRefused
from app.services.accounts.passwords import hashes
from app.services.accounts.rules import WIDE, normal_login
from app.services.accounts.second_factor import use_one_time_password
from app.services.accounts.sign_ins import Tokens, open_sign_in
from app.work import OpenWork, Work


@dataclass(frozen=True, slots=True)
class StaffSignIn:
    """A sign-in of staff."""

    tokens: Tokens
    second_factor_due: bool
    """The account holds wide roles, which are withheld until it has enrolled an authenticator."""


async def sign_in_staff(
    open_work: OpenWork, *, login: str, password: str, totp: str | None, client: str
) -> StaffSignIn:
    """Signs in the staff account of `login`.

    Two transactions with the hash between them: the first counts the attempt as failed before
    anything is checked, the second forgives it. The work done and the answer are the same
    whether the login exists or not. Raises SignInLocked, SignInRefused, or SecondFactorRequired
    where the password is right and the one-time password missing.
    """
    async with open_work() as work:
        encoded = await password_hash_after_count(work, login=login)
    right = await hashes.verify(encoded, password)
    if encoded is None or not right:
        raise SignInRefused
    renewed = await hashes.make(password) if hashes.outdated(encoded) else encoded
    async with open_work() as work:
        account = await _require_unchanged(work, login=login, encoded=encoded)
        account.password_hash = renewed
        if account.totp_confirmed_at is not None:
            if totp is None:
                raise SecondFactorRequired
            use_one_time_password(work, account=account, given=totp)
        await forgive_attempts(work, login=login)
        wide = await work.session.scalar(
            select(func.count())
            .select_from(Grant)
            .where(Grant.account_id == account.id, Grant.revoked_at.is_(None), Grant.role.in_(sorted(WIDE)))
        )
        tokens = await open_sign_in(work, account=account, client=client)
        return StaffSignIn(tokens, bool(wide) and account.totp_confirmed_at is None)


async def password_hash_after_count(work: Work, *, login: str) -> str | None:
    """The hash of the login's password, or None, with the attempt counted; raises SignInLocked.

    A locked login writes nothing, so raising loses nothing.
    """
    locked_for = await reserve_attempt(work, login=login)
    if locked_for is not None:
        raise SignInLocked(retry_after=max(1, ceil(locked_for.total_seconds())))
    return await work.session.scalar(
        select(Account.password_hash).where(Account.login == normal_login(login), Account.ended_at.is_(None))
    )


async def _require_unchanged(work: Work, *, login: str, encoded: str) -> Account:
    account = await work.session.scalar(
        select(Account)
        .where(
            Account.login == normal_login(login),
            Account.password_hash == encoded,
            Account.ended_at.is_(None),
        )
        .with_for_update()
    )
    if account is None:
        raise SignInRefused
    return account
