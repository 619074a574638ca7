"""What aiosqlite carries out past SQLAlchemy comes to the same when it goes wrong."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Integer, Select, bindparam, literal, literal_column, select, text

from app.database import Database, fetch
from app.drivers import driver_of
from app.errors import Unavailable

PATIENCE = 5

NUMBERS = select(literal(1).label("number")).cte("numbers", recursive=True)
NUMBERS = NUMBERS.union_all(
    select(NUMBERS.c.number + 1).where(NUMBERS.c.number < bindparam("most", type_=Integer))
)
COUNTING: Select[*tuple[Any, ...]] = select(literal_column("count(*)")).select_from(NUMBERS)
"""Takes as long as it is told to, some hundred nanoseconds a number."""


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


async def test_who_gives_up_waiting_leaves_no_connection_behind(own_database: Database) -> None:
    async def wait() -> None:
        async with own_database.session() as session:
            for _ in range(2):
                await fetch(session, COUNTING, {"most": 1})
            assert driver_of(session) is not None
            await fetch(session, COUNTING, {"most": 3_000_000})

    for _ in range(3):  # more than there are connections
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(PATIENCE), own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1
