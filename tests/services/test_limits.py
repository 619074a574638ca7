"""Limits hold across processes, for one window, and the table names nobody."""

import asyncio
from datetime import timedelta

import pytest
from limits import RateLimitItemPerMinute
from sqlalchemy import select

from app.database import Database
from app.errors import TooManyRequests
from app.models.limits import RateCounter
from app.services.jobs import purge_rate_counters
from app.services.limits import RateLimits
from app.services.lists import add_up, table_of
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, begin_work
from tests.clocks import SettableClock

KEY = b"k" * 32
THREE = RateLimitItemPerMinute(3, namespace="three")


def limits_on(database: Database, clock: SettableClock) -> RateLimits:
    return RateLimits(database, clock, digest_key=KEY)


async def test_the_fourth_of_three_is_refused_until_the_window_ends(
    database: Database, clock: SettableClock
) -> None:
    limits = limits_on(database, clock)
    for _ in range(3):
        await limits.count(THREE, "account a")
    clock.advance(seconds=20)
    with pytest.raises(TooManyRequests) as refusal:
        await limits.count(THREE, "account a")
    assert refusal.value.retry_after == 40

    await limits.count(THREE, "account b")
    clock.advance(seconds=40)
    await limits.count(THREE, "account a")


async def test_windows_are_those_of_the_clock(database: Database, clock: SettableClock) -> None:
    limits = limits_on(database, clock)
    clock.advance(seconds=20)
    for _ in range(3):
        await limits.count(THREE, "account a")
    clock.advance(seconds=10)
    with pytest.raises(TooManyRequests) as refusal:
        await limits.count(THREE, "account a")
    assert refusal.value.retry_after == 30
    clock.advance(seconds=30)
    await limits.count(THREE, "account a")


async def test_failures_are_counted_first_and_refused_afterwards(
    database: Database, clock: SettableClock
) -> None:
    limits = limits_on(database, clock)
    for _ in range(3):
        await limits.require_room(THREE, "address 192.0.2.1")
        await limits.count_failure(THREE, "address 192.0.2.1")
    with pytest.raises(TooManyRequests):
        await limits.require_room(THREE, "address 192.0.2.1")
    await limits.require_room(THREE, "address 192.0.2.2")


async def test_no_count_is_lost_between_processes(own_database: Database, clock: SettableClock) -> None:
    twenty = RateLimitItemPerMinute(20, namespace="twenty")
    processes = [limits_on(own_database, clock) for _ in range(4)]

    async def try_once(number: int) -> bool:
        try:
            await processes[number % 4].count(twenty, "account a")
        except TooManyRequests:
            return False
        return True

    passed = await asyncio.gather(*(try_once(number) for number in range(50)))
    assert sum(passed) == 20


async def test_a_counter_that_begins_anew_is_not_taken_for_a_stale_one(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    limits = limits_on(own_database, clock)
    await limits.count(THREE, "account a")
    clock.advance(minutes=1)
    deployment = Deployment.of(settings, secrets)

    async def purge() -> None:
        async with begin_work(own_database, deployment, now=clock(), actor=Actor.command("test")) as work:
            await purge_rate_counters(work)

    async with own_database.session() as session:
        (key,) = await session.scalars(select(RateCounter.key))
        row = {"key": key, "hits": 3, "expires_at": clock() + timedelta(minutes=1)}
        await add_up(session, table_of(RateCounter), [row], total="hits", until="expires_at")
        purging = asyncio.create_task(purge())
        await asyncio.wait([purging], timeout=0.3)
    await purging
    with pytest.raises(TooManyRequests):
        await limits.count(THREE, "account a")


async def test_the_table_holds_no_address(database: Database, clock: SettableClock) -> None:
    await limits_on(database, clock).count(THREE, "address 192.0.2.77")
    async with database.session(write=False) as session:
        keys = list(await session.scalars(select(RateCounter.key)))
    assert len(keys) == 1
    assert "192.0.2.77" not in keys[0]
