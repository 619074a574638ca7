"""What goes past SQLAlchemy on PostgreSQL comes to the same as what goes through it."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import Float, bindparam, cast, func, literal, select, text, type_coerce
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.database import Database, fetch
from app.driver import driver_of
from app.errors import Unavailable
from app.models.base import Document, Id, Instant
from app.models.scans import ScanOutcome
from app.services.lists import insert_rows, table_of

PATIENCE = 5

ALL_KINDS = select(
    type_coerce(bindparam("id", type_=Id), Id).label("id"),
    cast(bindparam("at", type_=Instant), Instant).label("at"),
    cast(bindparam("document", type_=Document), Document).label("document"),
    cast(bindparam("none", type_=Document), Document).label("none"),
    cast(literal(1.5), Float).label("number"),
    literal("甲").label("text"),
)
SLEEPING = select(func.pg_sleep(bindparam("seconds", type_=Float)))


@pytest.fixture(params=["postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite has no way past SQLAlchemy."""
    return str(request.param)


async def test_rows_are_the_same_either_way(own_database: Database) -> None:
    given = {
        "id": uuid4(),
        "at": datetime(2026, 5, 11, 4, tzinfo=UTC),
        "document": {"gate": "东门", "n": [1]},
        "none": None,
    }
    async with own_database.session() as session:
        first = await fetch(session, ALL_KINDS, given)  # begins the transaction
        second = await fetch(session, ALL_KINDS, given)
        third = await fetch(session, ALL_KINDS, given)  # past SQLAlchemy
        assert driver_of(session) is not None
    assert type(third[0]) is not type(first[0])
    assert tuple(first[0]) == tuple(second[0]) == tuple(third[0])
    assert (third[0].id, third[0].document, third[0].text) == (given["id"], given["document"], "甲")


async def test_rows_that_were_copied_are_gone_with_the_transaction(own_database: Database) -> None:
    table, scan = table_of(ScanOutcome), uuid4()
    row = {"scan": scan, "outcome": "let_in", "at": datetime(2026, 5, 11, tzinfo=UTC), "account_id": uuid4()}

    async def undone() -> None:
        async with own_database.session() as session:
            await fetch(session, select(table.c.scan))
            await insert_rows(session, table, [row])
            assert [each.scan for each in await fetch(session, select(table.c.scan))] == [scan]
            raise KeyError

    with pytest.raises(KeyError):
        await undone()
    async with own_database.session() as session:
        assert not await fetch(session, select(table.c.scan))


async def test_a_broken_constraint_is_told_as_sqlalchemy_tells_it(own_database: Database) -> None:
    table = table_of(ScanOutcome)
    row = {
        "scan": uuid4(),
        "outcome": "nothing",
        "at": datetime(2026, 5, 11, tzinfo=UTC),
        "account_id": uuid4(),
    }

    async def store(*, begun: bool) -> None:
        async with own_database.session() as session:
            if begun:
                await fetch(session, select(table.c.scan))
            await insert_rows(session, table, [row])

    for begun in (False, True):
        with pytest.raises(IntegrityError, match="ck_scan_outcomes_outcome_known"):
            await store(begun=begun)


async def test_who_gives_up_waiting_leaves_no_connection_behind(own_database: Database) -> None:
    async def wait() -> None:
        async with own_database.session() as session:
            for _ in range(2):
                await fetch(session, SLEEPING, {"seconds": 0.0})
            assert driver_of(session) is not None
            await fetch(session, SLEEPING, {"seconds": 60.0})

    for _ in range(10):  # more than there are connections
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(PATIENCE), own_database.session() as session:
        assert await session.scalar(select(literal(1))) == 1


async def test_a_connection_cut_off_is_an_absent_database_and_is_not_used_again(
    own_database: Database,
) -> None:
    me = select(func.pg_backend_pid().label("pid"))

    seen: set[int] = set()

    async def cut_off() -> None:
        async with own_database.session() as session:
            for _ in range(2):
                pid = (await fetch(session, me))[0].pid
            async with own_database.session() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await fetch(session, me)

    with pytest.raises(Unavailable):
        await cut_off()
    for _ in range(3):
        async with own_database.session() as session:
            assert (await fetch(session, me))[0].pid not in seen


async def test_a_statement_that_is_wrong_is_not_an_absent_database(own_database: Database) -> None:
    divided = select(literal(1) / bindparam("by", type_=Float))

    async def divide() -> None:
        async with own_database.session() as session:
            for by in (1.0, 1.0, 0.0):
                await fetch(session, divided, {"by": by})

    with pytest.raises(DBAPIError, match="division by zero"):
        await divide()
