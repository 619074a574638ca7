"""What devices said of themselves when they last spoke to the server."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Select, select

from app.database import fetch
from app.models.bundles import Sync
from app.services.lists import dialect_of, is_listed, listed
from app.services.scans.presentation import OfflineAnswer
from app.work import Work

UNDER_WAY = timedelta(seconds=10)
"""A scan may be made while the device's question is on its way, and clocks drift between two syncs."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one device said, put so that a scan asks in no time however often the device has spoken."""

    times: Sequence[datetime]
    """When it spoke, the earliest first."""
    fewest: Sequence[int]
    """The fewest scans that it spoke of then or later."""

    @classmethod
    def of(cls, said: Iterable[tuple[datetime, int]]) -> Self:
        """From times and counts in any order."""
        backwards = sorted(said, reverse=True)
        fewest = list(accumulate((counter for _, counter in backwards), min))
        return cls([at for at, _ in reversed(backwards)], fewest[::-1])

    def fewest_since(self, moment: datetime) -> int | None:
        """The fewest scans that the device spoke of at `moment` or later; None where it was silent."""
        place = bisect_left(self.times, moment)
        return self.fewest[place] if place < len(self.fewest) else None


@dataclass(frozen=True, slots=True)
class Syncs:
    """By enrolment: until when a device said that it had made so many offline scans."""

    by_enrolment: Mapping[UUID, Told]

    def contradict(self, enrolment_id: UUID, answer: OfflineAnswer | None, moment: datetime) -> bool:
        """Whether the device, asked after `moment`, had not made this scan yet: then it was dated back."""
        told = self.by_enrolment.get(enrolment_id)
        if answer is None or told is None:
            return False
        fewest = told.fewest_since(moment + UNDER_WAY)
        return fewest is not None and fewest < answer.sequence


@cache
def _syncs(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(Sync.enrolment_id, Sync.counter, Sync.last_at).where(
        is_listed([Sync.enrolment_id], "enrolments", dialect)
    )


async def load_syncs(work: Work, enrolments: Iterable[UUID], since: datetime) -> Syncs:
    """What the devices on `enrolments` have said since a moment."""
    dialect = dialect_of(work.session)
    query = _syncs(dialect).where(Sync.last_at >= since)
    found: dict[UUID, list[tuple[datetime, int]]] = {}
    for row in await fetch(
        work.session, query, listed("enrolments", [(each,) for each in set(enrolments)], dialect)
    ):
        found.setdefault(row.enrolment_id, []).append((row.last_at, row.counter))
    return Syncs({enrolment: Told.of(said) for enrolment, said in found.items()})
