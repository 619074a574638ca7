"""Months of scans are made ahead, and take along what came before them."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.models.scans import Scan
from app.runtime import Runtime
from app.services.scans.partitions import ensure_partitions
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.factories.presentations import NO_CODE, presented
from tests.factories.scans import open_gate
from tests.factories.work import seeding

MONTHS = ["scans_y2026m05", "scans_y2026m06", "scans_y2026m07", "scans_y2026m08"]


@pytest.fixture
async def running(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> AsyncIterator[Runtime]:
    runtime = Runtime.of(settings, secrets, database=own_database, clock=clock)
    yield runtime
    await runtime.close()


async def make_months(runtime: Runtime) -> list[str]:
    async with seeding(runtime) as work:
        return await ensure_partitions(work.session, work.now)


async def places(runtime: Runtime) -> Sequence[str]:
    """In which table each scan lies."""
    async with runtime.database.session(write=False) as session:
        found = await session.scalars(text("SELECT tableoid::regclass::text FROM scans ORDER BY recorded_at"))
        return list(found)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_months_take_along_the_scans_that_came_before_them(running: Runtime) -> None:
    gate = await open_gate(running, name="翠湖苑")
    scan = presented(running, gate, NO_CODE)
    answer = await running.scans.take(scan)
    assert await places(running) == ["scans_other"]
    assert await make_months(running) == MONTHS
    assert await make_months(running) == []
    assert await places(running) == MONTHS[:1]
    again = await running.scans.take(scan)
    assert (again.repeated, again.scan) == (True, answer.scan)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_who_reads_for_long_holds_up_no_scan(running: Runtime) -> None:
    async with running.database.session() as reader:
        await reader.execute(select(Scan.id))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await make_months(running)
    assert await make_months(running) == MONTHS


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_one_file_has_no_months(running: Runtime) -> None:
    assert await make_months(running) == []
