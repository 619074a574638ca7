"""When a shift ends: as recorded, or by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from app.services.devices.rules import LONGEST_SHIFT, shift_end

START = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ended", "now", "end"),
    [
        (None, timedelta(), None),
        (None, LONGEST_SHIFT - timedelta(microseconds=1), None),
        (None, LONGEST_SHIFT, LONGEST_SHIFT),
        (None, timedelta(days=3), LONGEST_SHIFT),
        (timedelta(hours=8), timedelta(days=3), timedelta(hours=8)),
        (timedelta(hours=20), timedelta(days=3), LONGEST_SHIFT),
    ],
)
def test_when_a_shift_ends(ended: timedelta | None, now: timedelta, end: timedelta | None) -> None:
    assert shift_end(START, START + ended if ended else None, START + now) == (
        START + end if end is not None else None
    )
