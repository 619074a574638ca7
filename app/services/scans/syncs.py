"""What devices said of themselves when they last spoke to the server."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
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
class Syncs:
    """By enrolment: until when a device said that it had made so many offline scans."""

    by_enrolment: dict[UUID, Sequence[tuple[datetime, int]]]

    def contradict(self, enrolment_id: UUID, answer: OfflineAnswer | None, moment: datetime) -> bool:
        """Whether the device, asked after `moment`, had not made this scan yet: then it was dated back."""
        return answer is not None and any(
            at >= moment + UNDER_WAY and counter < answer.sequence
            for at, counter in self.by_enrolment.get(enrolment_id, ())
        )


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
    return Syncs(dict(found))
