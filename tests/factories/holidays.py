"""Files of public holidays."""

import json
from pathlib import Path

from app.services.holidays.calendar import Calendar
from app.services.holidays.importing import read_announcement


def holiday_file(year: int, *days: tuple[str, str, bool]) -> bytes:
    """The announcement of a year: date, name, and whether it is off, of each day."""
    return json.dumps(
        {
            "year": year,
            "days": [{"name": name, "date": date, "isOffDay": off} for date, name, off in days],
        },
        ensure_ascii=False,
    ).encode()


def real_calendar(test_data: Path) -> Calendar:
    """The public holidays of 2024 to 2026 as they were announced."""
    files = sorted((test_data / "calendar").glob("*.json"))
    announced = [day for file in files for day in read_announcement(file.read_bytes()).days]
    assert len(announced) > 100
    return Calendar({day.day: day.off for day in announced})
