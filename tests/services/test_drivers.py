"""What goes past SQLAlchemy comes to the same as what goes through it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Float, bindparam, cast, literal, select, type_coerce
from sqlalchemy.exc import IntegrityError

from app.database import Database, fetch
from app.errors import Unavailable
from app.models.base import Document, Id, Instant
from app.models.scans import ScanKey, ScanOutcome
from app.services.lists import (
    dialect_of,
    insert_fresh,
    insert_latest,
    insert_rows,
    is_listed,
    listed,
    table_of,
)

ALL_KINDS = select(
    type_coerce(bindparam("id", type_=Id), Id).label("id"),
    type_coerce(bindparam("at", type_=Instant), Instant).label("at"),
    type_coerce(bindparam("document", type_=Document), Document).label("document"),
    type_coerce(bindparam("none", type_=Document), Document).label("none"),
    cast(literal(1.5), Float).label("number"),
    literal("甲").label("text"),
)


GIVEN = {
    "id": uuid4(),
    "at": datetime(2026, 5, 11, 4, tzinfo=UTC),
    "document": {"gate": "东门", "n": [1]},
    "none": None,
}


async def test_rows_are_the_same_either_way(own_database: Database) -> None:
    async with own_database.session() as session:
        first = await fetch(session, ALL_KINDS, GIVEN)
        again = await fetch(session, ALL_KINDS, GIVEN)  # past SQLAlchemy
    assert type(again[0]) is not type(first[0])
    assert tuple(first[0]) == tuple(again[0])
    assert (again[0].id, again[0].document, again[0].text) == (GIVEN["id"], GIVEN["document"], "甲")


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


async def test_who_reads_sees_what_was_committed_meanwhile(own_database: Database) -> None:
    table, scan = table_of(ScanOutcome), uuid4()
    row = {"scan": scan, "outcome": "let_in", "at": datetime(2026, 5, 11, tzinfo=UTC), "account_id": uuid4()}
    stored = select(table.c.scan)
    async with own_database.session(write=False) as reading:
        assert not await fetch(reading, stored)
        async with own_database.session() as writing:
            await insert_rows(writing, table, [row])
            assert not await fetch(reading, stored)
        assert [each.scan for each in await fetch(reading, stored)] == [scan]


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


async def test_lists_of_every_length_find_and_store_the_same(own_database: Database) -> None:
    """From the second time on past SQLAlchemy, and each time with a list of another length."""
    keys = table_of(ScanKey)
    at = datetime(2026, 5, 11, 4, tzinfo=UTC)
    names = sorted((uuid4(), uuid4()) for _ in range(9))
    listing = select(keys.c.enrolment_id, keys.c.scan_id, keys.c.recorded_at).where(
        is_listed([keys.c.enrolment_id, keys.c.scan_id], "names", own_database.dialect),
        keys.c.recorded_at >= bindparam("since", type_=Instant),
    )
    for count in range(1, 10):
        async with own_database.session() as session:
            rows = [
                {"enrolment_id": place, "scan_id": scan, "scan": scan, "recorded_at": at}
                for place, scan in names[:count]
            ]
            fresh = await insert_fresh(session, keys, rows)
            assert [(row.enrolment_id, row.scan_id) for row in fresh] == [names[count - 1]]
            given = listed("names", names[:count], dialect_of(session)) | {"since": at}
            found = await fetch(session, listing, given)
            assert sorted((row[0], row[1]) for row in found) == names[:count]
            assert {row.recorded_at for row in found} == {at}
            assert not await fetch(session, listing, given | {"since": at + timedelta(microseconds=1)})


async def test_a_later_row_takes_the_place_of_an_earlier_one_and_not_the_other_way_round(
    own_database: Database,
) -> None:
    table, name = table_of(ScanKey), {"enrolment_id": uuid4(), "scan_id": uuid4()}
    last = None
    for second, stays in ((5, 5), (3, 5), (7, 7), (6, 7), (7, 7)):
        at = datetime(2026, 5, 11, 4, 0, second, tzinfo=UTC)
        async with own_database.session() as session:
            row = name | {"scan": uuid4(), "recorded_at": at}
            await insert_latest(session, table, [row], by="recorded_at")
            stored = (await fetch(session, select(table.c.scan, table.c.recorded_at)))[0]
        assert stored.recorded_at.second == stays
        assert stored.scan == (row["scan"] if second == stays else last)
        last = stored.scan


async def test_a_closed_database_is_an_absent_one(own_database: Database) -> None:
    await own_database.close()
    with pytest.raises(Unavailable):
        async with own_database.session(write=False):
            pass
