"""What kind of day a day is, and what is no calendar."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.services.holidays.calendar import WEEKDAYS_ALONE, Calendar
from app.services.holidays.importing import (
    AnnouncedDay,
    Announcement,
    UnreadableCalendar,
    read_announcement,
)
from tests.factories.holidays import holiday_file, real_calendar

MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


@pytest.mark.parametrize(
    ("day", "holiday", "counts_as"),
    [
        ("2025-09-27", False, SAT),
        ("2025-09-28", False, MON),  # a Sunday that is worked for National Day
        ("2025-09-29", False, MON),
        ("2025-10-01", True, WED),
        ("2025-10-04", True, SAT),
        ("2025-10-08", True, WED),
        ("2025-10-09", False, THU),
        ("2025-10-11", False, FRI),  # a Saturday that is worked
        ("2025-10-12", False, SUN),
        ("2026-02-14", False, FRI),
        ("2027-10-01", False, FRI),  # not announced yet
    ],
)
def test_real_days(test_data: Path, day: str, holiday: bool, counts_as: int) -> None:  # noqa: FBT001
    calendar = real_calendar(test_data)
    found = date.fromisoformat(day)
    assert (calendar.is_holiday(found), calendar.weekday(found)) == (holiday, counts_as)


def test_a_day_at_work_that_is_a_weekday_stays_what_it_is() -> None:
    wednesday = date(2026, 5, 6)
    assert Calendar({wednesday: False}).weekday(wednesday) == WED
    assert WEEKDAYS_ALONE.weekday(wednesday) == WED


def test_a_file_is_read_as_it_stands() -> None:
    data = holiday_file(2026, ("2025-12-28", "元旦", False), ("2026-01-01", "元旦", True))
    days = [
        AnnouncedDay(date(2025, 12, 28), "元旦", off=False),
        AnnouncedDay(date(2026, 1, 1), "元旦", off=True),
    ]
    assert read_announcement(data) == Announcement(2026, days)
    assert read_announcement(b"\xef\xbb\xbf" + holiday_file(2027)) == Announcement(2027, [])


DAY: dict[str, Any] = {"name": "元旦", "date": "2026-01-01", "isOffDay": True}


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"year": 2026},
        {"year": "2026", "days": []},
        {"year": True, "days": []},
        {"year": 1900, "days": []},
        {"year": 2026, "days": {}},
        {"year": 2026, "days": [DAY, DAY]},
        {"year": 2026, "days": [DAY] * 367},
        {"year": 2026, "days": [None]},
        *(
            {"year": 2026, "days": [DAY | changed]}
            for changed in (
                {"name": ""},
                {"name": 1},
                {"name": "x" * 61},
                {"name": "a\u0000b"},
                {"date": "2026-02-30"},
                {"date": "20260101"},
                {"date": "2028-01-01"},
                {"date": 1},
                {"isOffDay": "true"},
                {"isOffDay": 1},
            )
        ),
    ],
)
def test_what_is_no_calendar_is_refused(content: object) -> None:
    with pytest.raises(UnreadableCalendar):
        read_announcement(json.dumps(content).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b" " * 300_000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableCalendar):
        read_announcement(data)
