"""A database that goes away under load costs a wait, never a scan, a wrong answer or a connection: R13."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.errors import Unavailable
from app.settings import Secrets
from tests.databases import migrated_database, postgres_server, restart_at_once
from tests.faults.crowds import Crowd, assert_kept
from tests.faults.grounds import Ground, lay_ground
from tests.faults.inside import Inside, served_inside
from tests.faults.lines import Line
from tests.faults.proxy import Proxy

HEALTHY_WITHIN = 5.0
"""Seconds after the database is back."""
SLACK = 4
SERVERS = 2
WRITERS = 16
READERS = 4


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[str]:
    """A server of these tests alone, since they restart it."""
    with postgres_server() as url:
        yield url


@dataclass(frozen=True, slots=True)
class Away:
    """A deployment whose database can be taken away."""

    ground: Ground
    server: str
    """The URL of the database server itself."""
    proxy: Proxy
    inside: list[Inside]


@pytest.fixture
async def away(own_postgres: str, tmp_path: Path, secrets: Secrets) -> AsyncIterator[Away]:
    proxy = Proxy(own_postgres)
    async with migrated_database("postgresql", tmp_path, own_postgres) as url, proxy.listening():
        ground = await lay_ground(url, tmp_path, secrets)
        through = proxy.url(make_url(url).database or "")
        async with served_inside(ground, through, count=SERVERS) as inside:
            yield Away(ground, own_postgres, proxy, inside)


Fault = Callable[[Away, float], Awaitable[None]]
"""Takes the database away for so many seconds; when it returns, the database is back."""


async def restarted(away: Away, seconds: float) -> None:
    for _ in range(max(1, int(seconds / 5))):
        await asyncio.to_thread(restart_at_once, away.server)


async def reset(away: Away, seconds: float) -> None:
    for _ in range(int(seconds * 4)):
        away.proxy.reset()
        await asyncio.sleep(0.25)


async def refused(away: Away, seconds: float) -> None:
    away.proxy.refuse()
    await asyncio.sleep(seconds)
    away.proxy.release()


async def late(away: Away, seconds: float) -> None:
    away.proxy.latency = 0.3
    await asyncio.sleep(seconds)
    away.proxy.latency = 0.0


async def swallowed(away: Away, seconds: float) -> None:
    away.proxy.swallow()
    await asyncio.sleep(seconds)
    away.proxy.release()


async def forgotten(away: Away, seconds: float) -> None:
    """As behind a router that lost its memory: what was connected never hears again."""
    away.proxy.silence()
    await asyncio.sleep(seconds)


@pytest.mark.parametrize("seconds", [1.0, pytest.param(20.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("fault", [restarted, reset, refused, late, swallowed, forgotten])
async def test_a_database_that_goes_away_under_load_costs_only_a_wait(
    away: Away, fault: Fault, seconds: float
) -> None:
    # The short form runs beside other tests, which take the same cores.
    await take_away(away, fault, seconds, healthy_within=HEALTHY_WITHIN * (1 if seconds > 1 else SLACK))


async def take_away(away: Away, fault: Fault, seconds: float, *, healthy_within: float) -> None:
    ports = [each.port for each in away.inside]
    async with Crowd(ports, away.ground, writers=WRITERS, readers=READERS) as crowd:
        await crowd.reach(200)
        await fault(away, seconds)
        begun = time.monotonic()
        for port in ports:
            await healthy(port, begun)
        served = len(crowd.acknowledged)
        await crowd.reach(served + 4 * WRITERS)
        healthy_after = time.monotonic() - begun
        refusals = crowd.answers[503]
        await crowd.reach(len(crowd.acknowledged) + 200)
        if seconds > 1:
            assert crowd.answers[503] == refusals, "still refused after the database was back"
    print(f"healthy within {healthy_after:.2f} s, {dict(crowd.answers)}")  # noqa: T201 # the figure
    assert (crowd.unforeseen, crowd.hasty, crowd.broken) == ([], [], 0)
    await assert_kept(crowd, away.ground.database_url)
    assert [each.checked_out() for each in away.inside] == [0] * SERVERS
    assert await connections(away) <= SERVERS * away.ground.deployment.settings.database_pool
    assert healthy_after < healthy_within


@pytest.mark.parametrize(
    ("state", "away"),
    [
        ("57014", True),  # a statement cut off at its limit
        ("57P01", True),  # shut down
        ("57P03", True),  # still starting
        ("53300", True),  # too many connections
        ("53100", True),  # disk full
        ("23505", False),  # unique constraint
        ("22012", False),  # division by zero
    ],
)
async def test_what_the_server_cannot_do_now_is_told_from_what_is_wrong(
    own_postgres: str, state: str, *, away: bool
) -> None:
    database = Database(own_postgres)
    with pytest.raises(Unavailable if away else DBAPIError):
        async with database.session() as session:
            await session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))
    await database.close()


async def healthy(port: int, begun: float) -> None:
    """Waits until the server at `port` says that it can answer."""
    async with Line(port) as line:
        while (await line.exchange("GET", "/health/ready")).status != 200:
            assert time.monotonic() - begun < 60
            await asyncio.sleep(0.05)


async def connections(away: Away) -> int:
    """Connections of the application that the database server holds, all of which must be idle."""
    database = Database(away.ground.database_url)
    try:
        async with database.session(write=False) as session:
            states = await session.scalars(
                text(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
            found = list(states)
    finally:
        await database.close()
    assert set(found) <= {"idle"}
    return len(found)
