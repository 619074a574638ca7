"""Counts the attempts at one login or badge, so that passwords and PINs cannot be guessed."""

from datetime import timedelta

from sqlalchemy import delete, select

from app.database import insert_into
from app.models.accounts import Attempts
from app.services.accounts.rules import FAILURES_FORGOTTEN, lock_after, normal_login
from app.services.sealing import keyed_digest
from app.work import Work

PIECE = 1000
"""Rows deleted in one transaction, so that no sign-in waits behind them for long."""


PASSWORDS = "login"
"""The attempts at the passwords of staff, by login."""
PINS = "badge"
"""The attempts at the PINs of guards, by compound and badge: no login that anybody types is counted here."""


async def reserve_attempt(work: Work, *, login: str, at: str = PASSWORDS) -> timedelta | None:
    """Counts an attempt as failed before it is made; returns for how long the login is locked, or None.

    Counting first keeps many guesses at once from all being checked before one is counted. Every
    login is counted, whether or not an account has it, so that a lock tells nobody which exist.
    Commit before the attempt: it counts even though its reply is a refusal.
    """
    key = _digest(work, login, at)
    await work.session.execute(
        insert_into(work.session, Attempts)
        .values(login_digest=key, failures=0, last_at=work.now)
        .on_conflict_do_nothing(index_elements=[Attempts.login_digest])
    )
    attempts = (
        await work.session.scalars(select(Attempts).where(Attempts.login_digest == key).with_for_update())
    ).one()
    if attempts.locked_until is not None and attempts.locked_until > work.now:
        return attempts.locked_until - work.now
    if work.now - attempts.last_at > FAILURES_FORGOTTEN:
        attempts.failures = 0
    attempts.failures += 1
    attempts.last_at = work.now
    lock = lock_after(attempts.failures)
    attempts.locked_until = work.now + lock if lock else None
    await work.session.flush()
    return None


async def forgive_attempts(work: Work, *, login: str, at: str = PASSWORDS) -> None:
    """Forgets the failures of a login, after a success or a reset of what was guessed at."""
    await work.session.execute(delete(Attempts).where(Attempts.login_digest == _digest(work, login, at)))


async def purge_attempts(work: Work) -> bool:
    """Deletes some failures that no longer count, and says whether there may be more. For the worker."""
    old = select(Attempts.login_digest).where(Attempts.last_at < work.now - FAILURES_FORGOTTEN).limit(PIECE)
    gone = await work.session.scalars(
        delete(Attempts).where(Attempts.login_digest.in_(old)).returning(Attempts.login_digest)
    )
    return len(gone.all()) == PIECE


def _digest(work: Work, login: str, at: str) -> bytes:
    key = work.deployment.secrets.digest_key.get_secret_value()
    return keyed_digest(key, at, normal_login(login).encode())
