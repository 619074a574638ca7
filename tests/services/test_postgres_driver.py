"""What asyncpg carries out past SQLAlchemy comes to the same when it goes wrong."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Float, Integer, Select, bindparam, func, literal, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from app.database import Database, fetch
from app.drivers import driver_of
from app.drivers.postgresql import NothingStored
from app.errors import Unavailable

_ME = select(func.pg_backend_pid().label("pid"))
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_GIVEN_UP = b"E" + (len(_FIELDS) + 4).to_bytes(4) + _FIELDS
"""ErrorResponse, as PostgreSQL sends it before it closes a connection."""


@pytest.fixture(params=["postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What these tests rest on is PostgreSQL's own."""
    return str(request.param)


async def test_a_connection_cut_off_is_an_absent_database_and_is_not_used_again(
    own_database: Database,
) -> None:
    seen: set[int] = set()

    async def cut_off() -> None:
        async with own_database.session() as session:
            for _ in range(2):
                pid = (await fetch(session, _ME))[0].pid
            seen.add(pid)
            async with own_database.session() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await fetch(session, _ME)

    with pytest.raises(Unavailable):
        await cut_off()
    for _ in range(3):
        async with own_database.session() as session:
            assert (await fetch(session, _ME))[0].pid not in seen


@pytest.mark.parametrize("known", [1, 2], ids=["by SQLAlchemy", "by the driver"])
async def test_a_connection_given_up_by_the_server_and_not_closed_yet_is_an_absent_database(
    own_database: Database, known: int
) -> None:
    me = select(func.pg_backend_pid().label("pid"))  # its own: a known one would go by the driver at once

    async def given_up() -> None:
        async with own_database.session() as session:
            for _ in range(known):
                await fetch(session, me)
            raw = driver_of(session).raw  # type: ignore[attr-defined]
            raw._protocol.data_received(_GIVEN_UP)
            await fetch(session, me if known > 1 else select(literal(1)))

    with pytest.raises(Unavailable):
        await given_up()
    async with own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
async def test_a_connection_without_an_answer_in_time_is_an_absent_database_and_is_not_used_again(
    own_database: Database, *, write: bool
) -> None:
    database = Database(own_database.engine.url.render_as_string(hide_password=False), statement_seconds=1)
    seen = set()

    async def wait() -> None:
        async with database.session(write=write) as session:
            seen.add((await fetch(session, _ME))[0].pid)
            await session.execute(text("SET statement_timeout = 0"))  # so that only we lose patience
            await session.execute(text("SELECT pg_sleep(20)"))

    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await wait()
    assert time.monotonic() - begun < 2
    async with database.session(write=write) as session:
        assert (await fetch(session, _ME))[0].pid not in seen
    await database.close()


async def test_who_goes_on_after_a_statement_that_failed_is_told_that_nothing_was_stored(
    own_database: Database,
) -> None:
    async def go_on() -> None:
        async with own_database.session() as session:
            with suppress(DBAPIError):
                await session.execute(text("SELECT 1 / 0"))

    with pytest.raises(NothingStored):
        await go_on()
    async with own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1


async def test_a_statement_that_is_wrong_is_not_an_absent_database(own_database: Database) -> None:
    divided = select(literal(1) / bindparam("by", type_=Float))

    async def divide() -> None:
        async with own_database.session() as session:
            for by in (1.0, 1.0, 0.0):
                await fetch(session, divided, {"by": by})

    with pytest.raises(DBAPIError, match="division by zero"):
        await divide()


NUMBERS = func.generate_series(1, bindparam("most", type_=Integer))
COUNTING: Select[*tuple[Any, ...]] = select(literal_column("count(*)")).select_from(NUMBERS)
MANY = 1_000_000_000
"""Numbers that are counted for longer than anybody waits."""
PATIENCE = 5


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
async def test_who_gives_up_waiting_leaves_no_connection_behind(
    own_database: Database, *, write: bool
) -> None:
    async def wait() -> None:
        async with own_database.session(write=write) as session:
            for most in (1, 1, MANY):
                await fetch(session, COUNTING, {"most": most})

    for _ in range(10):  # more than there are connections
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(PATIENCE), own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1
