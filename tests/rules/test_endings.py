"""How a stay ended, by what the courier was seen doing next."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.scans import Direction
from app.services.scans.endings import TIMED_OUT_AFTER, End, Ending, Following, end_of
from tests.conftest import NOON

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
A_MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("compound", "direction", "after", "ending", "minutes"),
    [
        (HERE, "out", timedelta(minutes=7, seconds=59), "scanned", 7),
        (HERE, "out", timedelta(0), "scanned", 0),
        (HERE, "in", timedelta(minutes=30), "inferred", 30),
        (ELSEWHERE, "in", timedelta(minutes=30), "inferred", 30),
        (ELSEWHERE, "out", timedelta(minutes=30), "inferred", 30),
        (HERE, "out", TIMED_OUT_AFTER - A_MICROSECOND, "scanned", 239),
        (HERE, "out", TIMED_OUT_AFTER, "timed_out", None),
        (ELSEWHERE, "in", timedelta(days=1), "timed_out", None),
    ],
)
def test_what_comes_next_tells_how_a_stay_ended(
    compound: UUID, direction: str, after: timedelta, ending: str, minutes: int | None
) -> None:
    following = Following(NOON + after, compound, Direction(direction))
    end = end_of(NOON, HERE, following, NOON + timedelta(days=2))
    known = minutes is not None
    assert end == End(Ending(ending), NOON + after if known else None, minutes)
    assert end.at_most is (ending == "inferred")


@pytest.mark.parametrize(
    ("since", "ending"),
    [(timedelta(0), "inside"), (TIMED_OUT_AFTER - A_MICROSECOND, "inside"), (TIMED_OUT_AFTER, "timed_out")],
)
def test_without_a_next_passage_time_alone_tells(since: timedelta, ending: str) -> None:
    assert end_of(NOON, HERE, None, NOON + since) == End(Ending(ending), None, None)


@given(
    after=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)),
    later=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)),
    compound=st.sampled_from([HERE, ELSEWHERE]),
    direction=st.sampled_from(Direction),
)
def test_what_is_known_stays_so_as_time_goes_by(
    after: timedelta, later: timedelta, compound: UUID, direction: Direction
) -> None:
    following = Following(NOON + after, compound, direction)
    end = end_of(NOON, HERE, following, following.at)
    assert end == end_of(NOON, HERE, following, following.at + later)
    assert (end.left_at is None) == (end.minutes is None) == (end.ending is Ending.timed_out)
    if end.left_at is not None:
        assert end.minutes == (end.left_at - NOON) // timedelta(minutes=1)
        assert end.left_at - NOON < TIMED_OUT_AFTER
