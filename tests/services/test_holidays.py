"""Importing public holidays: again, corrected, out of order, and what the doctor says without them."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.cli.soundness import database_findings
from app.models.audit import AuditRecord
from app.models.holidays import Holiday
from app.services.holidays.calendar import knows_year, load_calendar
from app.services.holidays.importing import CalendarReport, import_holidays, read_announcement
from app.work import Work
from tests.factories.holidays import holiday_file, real_calendar

NEW_YEAR = ("2026-01-01", "元旦", True)
LABOUR = ("2026-05-01", "劳动节", True)


async def bring(work: Work, data: bytes) -> CalendarReport:
    return await import_holidays(work, announcement=read_announcement(data))


async def test_importing_again_changes_nothing(work: Work) -> None:
    data = holiday_file(2026, NEW_YEAR, LABOUR)
    assert await bring(work, data) == CalendarReport(added=2, changed=0, removed=0, unchanged=0)
    assert await bring(work, data) == CalendarReport(added=0, changed=0, removed=0, unchanged=2)
    await work.session.flush()
    assert await work.session.scalar(select(func.count()).select_from(AuditRecord)) == 1
    assert (await load_calendar(work.session)).days == {date(2026, 1, 1): True, date(2026, 5, 1): True}


async def test_a_corrected_year_replaces_what_it_said(work: Work) -> None:
    await bring(work, holiday_file(2026, NEW_YEAR, LABOUR))
    corrected = holiday_file(2026, ("2026-05-01", "劳动节", False), ("2026-05-02", "劳动节", True))
    assert await bring(work, corrected) == CalendarReport(added=1, changed=1, removed=1, unchanged=0)
    assert (await load_calendar(work.session)).days == {date(2026, 5, 1): False, date(2026, 5, 2): True}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
async def test_the_later_year_says_what_its_december_is(work: Work, order: tuple[int, ...]) -> None:
    files = [
        holiday_file(2025, ("2025-12-28", "周末", True), ("2025-10-01", "国庆节", True)),
        holiday_file(2026, ("2025-12-28", "元旦", False)),
    ]
    for number in order:
        await bring(work, files[number])
    assert (await load_calendar(work.session)).days == {date(2025, 12, 28): False, date(2025, 10, 1): True}


async def test_real_files_with_an_empty_year(work: Work, test_data: Path) -> None:
    for file in sorted((test_data / "calendar").glob("*.json")):
        await bring(work, file.read_bytes())
    assert await load_calendar(work.session) == real_calendar(test_data)
    assert [await knows_year(work.session, year) for year in (2023, 2024, 2025, 2026, 2027)] == [
        False, True, True, True, False,
    ]  # fmt: skip


async def test_the_doctor_misses_the_present_year(work: Work) -> None:
    async def missed() -> bool:
        mended_by = [finding.mend.en async for finding in database_findings(work)]
        return any("huixin import holidays 2026.json" in mend for mend in mended_by)

    assert await missed()
    await bring(work, holiday_file(2026, NEW_YEAR))
    assert not await missed()


async def test_days_are_stored_with_the_year_that_announced_them(work: Work) -> None:
    await bring(work, holiday_file(2026, ("2025-12-28", "元旦", False)))
    assert (await work.session.scalars(select(Holiday.year))).all() == [2026]
