"""Whether somebody can have come from one gate to another in the time between."""

from dataclasses import dataclass
from datetime import datetime
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS = 6_371_008.8
"""Metres, the mean radius (IUGG)."""
TOP_SPEED = 33.4
"""Metres a second: 120 km/h, the highest limit on Chinese roads (道路交通安全法实施条例, art. 78). Nobody
crosses a city faster, so whoever seems to is two people."""
SLACK = 1_000.0
"""Metres. Positions are those of a compound's middle or of a gate put on a map by hand, and clocks differ."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in degrees; both of a pair in the same system (GCJ-02 here)."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Journey:
    """From one gate to another: how far, and in what time."""

    metres: float
    seconds: float

    @property
    def is_possible(self) -> bool:
        """Whether anybody travels so fast."""
        return self.metres <= SLACK + TOP_SPEED * self.seconds


def journey(start: Point, started_at: datetime, end: Point, ended_at: datetime) -> Journey:
    """The journey between two passages, whichever was first."""
    return Journey(distance(start, end), abs((ended_at - started_at).total_seconds()))


def distance(start: Point, end: Point) -> float:
    """Metres along the surface of the earth (haversine formula)."""
    if start == end:
        return 0.0
    height = radians(end.latitude - start.latitude)
    width = radians(end.longitude - start.longitude)
    across = cos(radians(start.latitude)) * cos(radians(end.latitude))
    chord = sin(height / 2) ** 2 + across * sin(width / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(1.0, chord)))
