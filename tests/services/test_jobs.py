"""Jobs: due when they should be, one at a time, undone with a lost lease, tried again after a failure."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.cli.worker import run_due
from app.database import Database
from app.errors import Unavailable
from app.ids import new_id
from app.models.accounts import Account, AccountKind, Attempts, RefreshToken, SignIn
from app.models.jobs import Job
from app.models.keys import SigningKey
from app.models.limits import RateCounter
from app.services import jobs
from app.services.accounts.attempts import PIECE as ATTEMPTS_PIECE
from app.services.accounts.rules import FAILURES_FORGOTTEN
from app.services.jobs import LEASE, PIECE, RETRY, REUSE_KNOWN, SCHEDULES, LeaseLost, Schedule
from app.services.keys.lifecycle import create_first_key, rotate_keys
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, OpenWork, Work, begin_work
from tests.clocks import SettableClock

HOUR = timedelta(hours=1)


@dataclass
class Counting:
    """A job that stores one row a piece, so that what was undone can be told."""

    pieces: int = 1
    error: Exception | None = None
    done: int = field(default=0, init=False)

    async def __call__(self, work: Work) -> bool:
        work.session.add(RateCounter(key=str(new_id()), hits=1, expires_at=work.now))
        self.done += 1
        if self.error is not None:
            raise self.error
        return self.done % self.pieces != 0


@pytest.fixture
def open_work(own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock) -> OpenWork:
    deployment = Deployment.of(settings, secrets)
    return lambda: begin_work(own_database, deployment, now=clock(), actor=Actor.command("test"))


async def run(open_work: OpenWork, *schedules: Schedule) -> int:
    return await run_due(open_work, owner=new_id(), schedules=schedules, stop=asyncio.Event())


async def stored(open_work: OpenWork) -> int:
    async with open_work() as work:
        return await work.session.scalar(select(func.count()).select_from(RateCounter)) or 0


async def row(open_work: OpenWork) -> Job:
    async with open_work() as work:
        return (await work.session.scalars(select(Job))).one()


async def test_a_job_runs_when_it_is_due(open_work: OpenWork, clock: SettableClock) -> None:
    counting = Counting()
    schedule = Schedule("test", HOUR, counting)
    assert await run(open_work, schedule) == 1
    assert await run(open_work, schedule) == 0
    clock.advance(minutes=59)
    assert await run(open_work, schedule) == 0
    clock.advance(minutes=1)
    assert await run(open_work, schedule) == 1
    assert counting.done == await stored(open_work) == 2


async def test_a_job_with_more_to_do_goes_on_at_once(open_work: OpenWork) -> None:
    counting = Counting(pieces=3)
    assert await run(open_work, Schedule("test", HOUR, counting)) == 3
    assert await run(open_work, Schedule("test", HOUR, counting)) == 0


async def test_of_many_workers_one_runs_a_job(open_work: OpenWork) -> None:
    counting = Counting()
    schedule = Schedule("test", HOUR, counting)
    pieces = await asyncio.gather(*(run(open_work, schedule) for _ in range(8)))
    assert sorted(pieces) == [0] * 7 + [1]
    assert counting.done == await stored(open_work) == 1


async def test_a_dead_workers_lease_ends(open_work: OpenWork, clock: SettableClock) -> None:
    schedule = Schedule("test", HOUR, Counting())
    async with open_work() as work:
        assert await jobs.claim(work, schedule=schedule, owner=new_id())
    assert await run(open_work, schedule) == 0
    clock.now += LEASE
    assert await run(open_work, schedule) == 0
    clock.advance(seconds=1)
    assert await run(open_work, schedule) == 1


async def test_what_a_slow_worker_did_is_undone(open_work: OpenWork, clock: SettableClock) -> None:
    schedule = Schedule("test", HOUR, Counting())
    slow = new_id()
    async with open_work() as work:
        assert await jobs.claim(work, schedule=schedule, owner=slow)
    clock.now += LEASE + timedelta(seconds=1)
    assert await run(open_work, schedule) == 1
    with pytest.raises(LeaseLost):
        async with open_work() as work:
            await jobs.run_piece(work, schedule=schedule, owner=slow)
    assert await stored(open_work) == 1


async def test_a_failure_is_noted_undone_and_tried_again(open_work: OpenWork, clock: SettableClock) -> None:
    failing = Schedule("test", HOUR, Counting(error=ValueError("张伟 13812345678")))
    other = Schedule("test.other", HOUR, Counting())
    assert await run(open_work, failing, other) == 1, "a job that fails holds up no other"
    async with open_work() as work:
        failed = await work.session.get_one(Job, "test")
        assert (failed.last_error, failed.due_at) == ("ValueError", clock() + RETRY)
        assert failed.lease_owner is None
    assert await stored(open_work) == 1
    clock.now += RETRY
    assert await run(open_work, Schedule("test", HOUR, Counting())) == 1
    async with open_work() as work:
        assert (await work.session.get_one(Job, "test")).last_error is None


async def test_a_database_that_is_away_ends_the_round(open_work: OpenWork) -> None:
    away = Schedule("test", HOUR, Counting(error=Unavailable()))
    assert await run(open_work, away, Schedule("test.other", HOUR, Counting())) == 0
    assert (await row(open_work)).last_error is None


async def test_a_worker_that_stops_begins_nothing(open_work: OpenWork) -> None:
    stop = asyncio.Event()
    stop.set()
    counting = Counting()
    schedules = [Schedule("test", HOUR, counting)]
    assert await run_due(open_work, owner=new_id(), schedules=schedules, stop=stop) == 0
    assert counting.done == 0


async def test_all_jobs_run_on_an_empty_database(open_work: OpenWork) -> None:
    assert await run(open_work, *SCHEDULES) == len(SCHEDULES)
    async with open_work() as work:
        failed = list(await work.session.scalars(select(Job.name).where(Job.last_error.is_not(None))))
    assert failed == []


async def test_rate_counters_go_when_their_window_has_passed(
    open_work: OpenWork, clock: SettableClock
) -> None:
    async with open_work() as work:
        for number in range(PIECE + 1):
            work.session.add(
                RateCounter(key=f"old {number}", hits=1, expires_at=clock() - timedelta(seconds=1))
            )
        work.session.add(RateCounter(key="live", hits=1, expires_at=clock()))
    assert await run(open_work, Schedule("test", HOUR, jobs.purge_rate_counters)) == 2
    async with open_work() as work:
        assert list(await work.session.scalars(select(RateCounter.key))) == ["live"]


async def test_failures_to_sign_in_go_when_they_count_no_more(
    open_work: OpenWork, clock: SettableClock
) -> None:
    forgotten = clock() - FAILURES_FORGOTTEN
    async with open_work() as work:
        work.session.add_all(
            Attempts(login_digest=number.to_bytes(32), failures=1, last_at=forgotten - timedelta(seconds=1))
            for number in range(ATTEMPTS_PIECE + 1)
        )
        work.session.add(Attempts(login_digest=b"counts yet".ljust(32), failures=1, last_at=forgotten))
    (sweeping,) = [schedule for schedule in SCHEDULES if schedule.name == "accounts.purge_attempts"]
    assert await run(open_work, sweeping) == 2
    async with open_work() as work:
        left = await work.session.scalars(select(Attempts.login_digest))
        assert [digest.strip() for digest in left] == [b"counts yet"]


async def test_refresh_tokens_go_when_they_can_tell_nothing_more(
    open_work: OpenWork, clock: SettableClock
) -> None:
    long_ago = clock() - REUSE_KNOWN - timedelta(seconds=1)
    account, live, ended, expired = (new_id() for _ in range(4))
    async with open_work() as work:
        work.session.add(
            Account(id=account, kind=AccountKind.staff.value, login="li.wei", created_at=long_ago)
        )
        await work.session.flush()
        for sign_in, expires_at, ended_at in (
            (live, clock() + HOUR, None),
            (ended, clock() + HOUR, long_ago),
            (expired, long_ago, None),
        ):
            work.session.add(
                SignIn(
                    id=sign_in,
                    account_id=account,
                    client="test",
                    created_at=long_ago,
                    refreshed_at=long_ago,
                    expires_at=expires_at,
                    ended_at=ended_at,
                )
            )
        await work.session.flush()
        for number, (sign_in, replaced_at) in enumerate(
            [(live, None), (live, clock() - REUSE_KNOWN), (live, long_ago), (ended, None), (expired, None)]
        ):
            work.session.add(
                RefreshToken(
                    digest=bytes([number] * 32),
                    sign_in_id=sign_in,
                    issued_at=long_ago,
                    replaced_at=replaced_at,
                )
            )
    await run(open_work, Schedule("test", HOUR, jobs.purge_refresh_tokens))
    async with open_work() as work:
        left = sorted(await work.session.scalars(select(RefreshToken.digest)))
        assert [digest[0] for digest in left] == [0, 1]
        assert await work.session.scalar(select(func.count()).select_from(SignIn)) == 3


async def test_a_key_that_signs_no_more_loses_its_private_half(
    open_work: OpenWork, clock: SettableClock
) -> None:
    async with open_work() as work:
        await create_first_key(work)
    async with open_work() as work:
        await rotate_keys(work)
    clock.advance(hours=24)
    await run(open_work, *SCHEDULES)
    async with open_work() as work:
        held = {
            key.kid: key.sealed_private is not None for key in await work.session.scalars(select(SigningKey))
        }
    assert held == {"01": False, "02": True}
