"""How a stay ended, by pure rules: scanned, inferred, timed out, or not yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.models.scans import Direction

TIMED_OUT_AFTER = timedelta(hours=4)
"""After so long without another passage nobody counts as inside any more. A delivery takes minutes, and
whoever sorts parcels or repairs something in a compound half a working day; most leave without a scan, and
a list of those inside that keeps everybody until the evening is one that nobody believes."""
MINUTE = timedelta(minutes=1)


class Ending(StrEnum):
    """How it is known that a stay ended."""

    scanned = "scanned"
    inferred = "inferred"
    timed_out = "timed_out"
    inside = "inside"


@dataclass(frozen=True, slots=True)
class Following:
    """The courier's next passage after an entry, wherever it was."""

    at: datetime
    compound_id: UUID
    direction: Direction


@dataclass(frozen=True, slots=True)
class End:
    """The end of a stay, as far as it is known."""

    ending: Ending
    left_at: datetime | None
    """When the courier left; at the latest, where that was inferred."""
    minutes: int | None
    """Whole minutes from the entry to `left_at`."""

    @property
    def at_most(self) -> bool:
        """Whether `left_at` and `minutes` are the most that it can have been."""
        return self.ending is Ending.inferred and self.left_at is not None


def end_of(entered_at: datetime, compound_id: UUID, following: Following | None, now: datetime) -> End:
    """How the stay that began with an entry ended, as of `now`.

    An exit at the same compound was scanned. Any other passage, an entry here again as well as one
    elsewhere in either direction, tells that the courier must have left before. What comes later than
    `TIMED_OUT_AFTER` tells nothing: somebody who is scanned out next morning has been away between.
    """
    timed_out_at = entered_at + TIMED_OUT_AFTER
    if following is not None and following.at < timed_out_at:
        leaves = following.direction is Direction.exit and following.compound_id == compound_id
        ending = Ending.scanned if leaves else Ending.inferred
        return End(ending, following.at, whole_minutes(following.at - entered_at))
    return End(Ending.inside if now < timed_out_at else Ending.timed_out, None, None)


def whole_minutes(span: timedelta) -> int:
    """The minutes that have passed in `span`."""
    return max(0, span // MINUTE)
