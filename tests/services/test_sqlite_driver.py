"""What the event loop asks of SQLite itself, what is left to the thread, and what comes of waiting."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, literal, select, text
from sqlalchemy.exc import DBAPIError

from app.database import Database, fetch
from app.drivers import driver_of
from app.drivers import sqlite as sqlite_driver
from app.drivers.sqlite import SqliteDriver
from app.errors import Unavailable
from app.models.jobs import Job
from app.services.keys.ring import KEYS

PATIENCE = 5


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What these tests rest on is SQLite's own."""
    return str(request.param)


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another process holds the write lock, for longer than anybody waits."""
    with closing(sqlite3.connect(database.engine.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


async def test_who_only_reads_writes_nothing(own_database: Database) -> None:
    async with own_database.session(write=False) as session:
        with pytest.raises(DBAPIError, match="readonly"):
            await session.execute(text("DELETE FROM scan_outcomes"))


async def test_a_lock_that_does_not_come_free_is_an_absent_database(own_database: Database) -> None:
    async with own_database.session() as session:
        await session.execute(text("PRAGMA busy_timeout = 50"))  # of the one connection that writes
    with locked(own_database):
        for _ in range(3):
            with pytest.raises(Unavailable):
                async with own_database.session():
                    pass
    async with asyncio.timeout(PATIENCE), own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1


THREAD = select(func.thread_of_this())
"""Made once, so that the driver carries it out from the second time on."""


@pytest.mark.parametrize("write", [False, True])
async def test_a_statement_made_once_is_carried_out_where_it_is_asked(
    own_database: Database, *, write: bool
) -> None:
    async with own_database.session(write=write) as session:
        left_to_sqlalchemy = await sqlite_driver.driver_on(await session.connection())
        for driver in (left_to_sqlalchemy, driver_of(session)):
            assert isinstance(driver, SqliteDriver)
            await driver.raw.create_function("thread_of_this", 0, threading.get_ident)
        await fetch(session, THREAD)
        ((thread,),) = await fetch(session, THREAD)
    assert thread == threading.get_ident()


async def test_who_waits_for_the_lock_keeps_nobody_from_reading(own_database: Database) -> None:
    with locked(own_database):
        writer = asyncio.create_task(_store_nothing(own_database))
        async with asyncio.timeout(PATIENCE):
            for _ in range(3):
                async with own_database.session(write=False) as session:
                    await fetch(session, KEYS)
        assert not writer.done()
    async with asyncio.timeout(PATIENCE):
        await writer


async def _store_nothing(database: Database) -> None:
    async with database.session() as session:
        await fetch(session, KEYS)


async def test_who_gives_up_waiting_for_the_lock_leaves_no_connection_behind(own_database: Database) -> None:
    async with own_database.session() as session:
        await session.execute(text("PRAGMA busy_timeout = 500"))  # of the one connection that writes
    with locked(own_database):
        task = asyncio.create_task(_store_nothing(own_database))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(PATIENCE):
        await _store_nothing(own_database)


async def test_who_writes_again_and_again_lets_others_take_their_turn(own_database: Database) -> None:
    turns: list[str] = []

    async def write(name: str, *, times: int) -> None:
        for _ in range(times):
            async with own_database.session() as session:
                await fetch(session, KEYS)
                turns.append(name)

    busy = asyncio.create_task(write("busy", times=20))
    while len(turns) < 2:  # noqa: ASYNC110 # until it is under way
        await asyncio.sleep(0)
    await write("other", times=1)
    await busy
    assert turns.index("other") < 6


LONG = text(
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5e5) SELECT max(x) FROM c"
)


async def test_who_gives_up_reading_keeps_no_connection(own_database: Database) -> None:
    async def read() -> None:
        async with own_database.session(write=False) as session:
            await fetch(session, KEYS)
            await session.scalar(LONG)

    await read()
    pool = own_database._reading.pool
    async with asyncio.timeout(4 * PATIENCE):
        for _ in range(12):  # more often than there are connections
            task = asyncio.create_task(read())
            # Until SQLAlchemy has taken one beside the loop's own.
            while pool.checkedout() < 2:  # type: ignore[attr-defined] # noqa: ASYNC110
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.gather(*(read() for _ in range(3)))


async def test_who_reads_beside_others_sees_what_was_committed_before_each_statement(
    own_database: Database,
) -> None:
    jobs = select(func.count().label("jobs")).select_from(Job)
    async with own_database.session(write=False) as outer, own_database.session(write=False) as inner:
        await fetch(outer, jobs)  # from the second time on by the driver
        for number in range(3):
            for session in (outer, inner):
                assert [row.jobs for row in await fetch(session, jobs)] == [number]
            async with own_database.session() as writing:
                writing.add(Job(name=str(number), due_at=datetime(2026, 5, 11, tzinfo=UTC)))


async def test_who_reads_on_when_all_is_closed_finds_no_database(own_database: Database) -> None:
    async def read() -> None:
        async with own_database.session(write=False) as session:
            await fetch(session, KEYS)
            await own_database.close()
            await fetch(session, KEYS)

    with pytest.raises(Unavailable):
        await read()
