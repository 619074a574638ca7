"""The schedules of the worker: what is done again and again, by one process at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.database import insert_into
from app.models.accounts import RefreshToken, SignIn
from app.models.jobs import Job
from app.models.limits import RateCounter
from app.services.accounts.attempts import purge_attempts
from app.services.codes.spoken import purge_spoken_codes
from app.services.keys.lifecycle import retire_keys
from app.services.scans.partitions import ensure_partitions
from app.work import Work

LEASE = timedelta(minutes=5)
"""A worker that died holds up a job for so long. No piece of a job comes near it: a statement has 15 s."""
RETRY = timedelta(minutes=1)
"""After a failed run; sooner where the job is due sooner by itself."""
PIECE = 1000
"""Rows deleted in one transaction: some milliseconds, so that no scan at a gate waits behind them."""
REUSE_KNOWN = timedelta(days=7)
"""For so long a replaced refresh token that comes back ends its family. Later it is merely unknown; every
link of every family for 30 days would be 4,320 rows a sign-in."""


class LeaseLost(Exception):
    """The run took longer than its lease and another process has begun the job; this run is undone."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One job: how often it is due, and one piece of it."""

    name: str
    every: timedelta
    run: Callable[[Work], Awaitable[bool]]
    """Does one piece in the given transaction; returns whether there is more to do at once."""


async def claim(work: Work, *, schedule: Schedule, owner: UUID) -> bool:
    """Takes the lease on a job that is due, for `owner`; False where it is not due or another has it."""
    await work.session.execute(_insert_once(work, schedule.name))
    claimed = await work.session.execute(
        update(Job)
        .where(
            Job.name == schedule.name,
            Job.due_at <= work.now,
            or_(Job.lease_until.is_(None), Job.lease_until < work.now),
        )
        .values(lease_owner=owner, lease_until=work.now + LEASE)
        .returning(Job.name)
    )
    return claimed.first() is not None


async def run_piece(work: Work, *, schedule: Schedule, owner: UUID) -> bool:
    """One piece of a claimed job and, in the same transaction, the end of its lease; whether there is more.

    What two processes do at the same time cannot both be committed: raises LeaseLost, which undoes
    the piece, where `owner` no longer holds the lease.
    """
    more = await schedule.run(work)
    await _release(work, schedule, owner, due_at=work.now if more else work.now + schedule.every, error=None)
    return more


async def note_failure(work: Work, *, schedule: Schedule, owner: UUID, error: Exception) -> None:
    """Ends the lease of a run that failed and has the job tried again soon. Raises LeaseLost.

    Only the type of `error` is kept: its message may hold personal data.
    """
    due_at = work.now + min(RETRY, schedule.every)
    await _release(work, schedule, owner, due_at=due_at, error=type(error).__qualname__[:200])


async def _release(
    work: Work, schedule: Schedule, owner: UUID, *, due_at: datetime, error: str | None
) -> None:
    await work.session.flush()
    released = await work.session.execute(
        update(Job)
        .where(Job.name == schedule.name, Job.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, last_run_at=work.now, last_error=error, due_at=due_at)
        .returning(Job.name)
    )
    if released.first() is None:
        raise LeaseLost(schedule.name)


def _insert_once(work: Work, name: str) -> postgresql.Insert | sqlite.Insert:
    """Makes the row of a job that never ran, due now; leaves one that is there alone."""
    return (
        insert_into(work.session, Job)
        .values(name=name, due_at=work.now)
        .on_conflict_do_nothing(index_elements=[Job.name])
    )


async def partition_scans(work: Work) -> bool:
    """Keeps the partitions of the coming months there."""
    await ensure_partitions(work.session, work.now)
    return False


async def retire_signing_keys(work: Work) -> bool:
    """Forgets the private halves of keys that sign no more."""
    await retire_keys(work)
    return False


async def purge_rate_counters(work: Work) -> bool:
    """Deletes counters whose window has passed."""
    stale = (
        select(RateCounter.key)
        .where(RateCounter.expires_at < work.now)
        .limit(PIECE)
        # One that is counted in this moment begins anew: it is no longer stale, nor to be waited for.
        .with_for_update(skip_locked=True)
    )
    gone = await work.session.execute(
        delete(RateCounter).where(RateCounter.key.in_(stale)).returning(RateCounter.key)
    )
    return len(gone.all()) == PIECE


async def purge_refresh_tokens(work: Work) -> bool:
    """Deletes refresh tokens that can tell nothing any more: long replaced, or of a sign-in long over.

    The sign-ins themselves stay: they are part of the six months of records that the law asks for.
    """
    long_ago = work.now - REUSE_KNOWN
    over: ColumnElement[bool] = or_(
        SignIn.expires_at < long_ago, and_(SignIn.ended_at.is_not(None), SignIn.ended_at < long_ago)
    )
    stale = (
        select(RefreshToken.digest)
        .join(SignIn, SignIn.id == RefreshToken.sign_in_id)
        .where(or_(RefreshToken.replaced_at < long_ago, over))
        .limit(PIECE)
    )
    gone = await work.session.execute(
        delete(RefreshToken).where(RefreshToken.digest.in_(stale)).returning(RefreshToken.digest)
    )
    return len(gone.all()) == PIECE


SCHEDULES = (
    Schedule("scans.partition", timedelta(hours=6), partition_scans),
    Schedule("keys.retire", timedelta(minutes=10), retire_signing_keys),
    Schedule("limits.purge", timedelta(minutes=5), purge_rate_counters),
    Schedule("accounts.purge_attempts", timedelta(hours=1), purge_attempts),
    Schedule("accounts.purge_refresh_tokens", timedelta(hours=1), purge_refresh_tokens),
    Schedule("codes.purge_spoken", timedelta(hours=1), purge_spoken_codes),
)
"""All jobs. The names are kept in the database: rename one and it starts anew."""
