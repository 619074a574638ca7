"""How far it is, and whether anybody travels so fast."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.scans.travel import EARTH_RADIUS, SLACK, TOP_SPEED, Journey, Point, distance, journey

NOON = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
DADUKOU, SHAPINGBA, BEIJING = Point(29.4847, 106.4826), Point(29.5410, 106.4569), Point(39.9042, 116.4074)
points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("start", "end", "kilometres"),
    [(DADUKOU, SHAPINGBA, 6.7), (DADUKOU, BEIJING, 1469), (Point(0, 0), Point(0, 180), 20015)],
)
def test_distances(start: Point, end: Point, kilometres: float) -> None:
    assert distance(start, end) / 1000 == pytest.approx(kilometres, rel=0.01)


@given(points, points)
def test_a_distance_is_the_same_both_ways_and_within_half_the_earth(start: Point, end: Point) -> None:
    there = distance(start, end)
    assert there == pytest.approx(distance(end, start), abs=1e-3)
    assert 0 <= there <= EARTH_RADIUS * 3.1416


@pytest.mark.parametrize(
    ("minutes", "possible"), [(0, False), (1, False), (2, False), (3, True), (15, True), (-15, True)]
)
def test_nobody_crosses_a_district_in_two_minutes(minutes: int, possible: bool) -> None:  # noqa: FBT001
    way = journey(DADUKOU, NOON, SHAPINGBA, NOON + timedelta(minutes=minutes))
    assert way.is_possible is possible


def test_neighbours_are_always_possible() -> None:
    assert Journey(SLACK, 0).is_possible
    assert not Journey(SLACK + 1, 0).is_possible
    assert Journey(SLACK + TOP_SPEED * 60, 60).is_possible
