"""What couriers do and come on: for all couriers of a list in one statement, as gates ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.models.base import Instant
from app.models.couriers import Affiliation, KindOfWork, Vehicle
from app.services.lists import dialect_of, is_listed, listed


@dataclass(frozen=True, slots=True)
class DatedTie:
    """The kind of work and vehicle of an affiliation, and from when until when it goes on."""

    tie: tuple[KindOfWork, Vehicle]
    started_at: datetime
    ended_at: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether it went on at that time."""
        return self.started_at <= at and (self.ended_at is None or at < self.ended_at)


async def load_ties(
    session: AsyncSession, courier_ids: Iterable[UUID], since: datetime
) -> dict[UUID, list[DatedTie]]:
    """The affiliations that went on at `since` or later, by courier; who has none is missing.

    Those that nobody has confirmed yet count too: to wait for an employer's roster is no reason to be
    held back.
    """
    couriers = [(courier_id,) for courier_id in set(courier_ids)]
    if not couriers:
        return {}
    dialect = dialect_of(session)
    ties: dict[UUID, list[DatedTie]] = {}
    asked = {"since": since, **listed("couriers", couriers, dialect)}
    for row in await fetch(session, _ties(dialect), asked):
        tie = KindOfWork(row.kind_of_work), Vehicle(row.vehicle)
        ties.setdefault(row.courier_id, []).append(DatedTie(tie, row.started_at, row.ended_at))
    return ties


@cache
def _ties(dialect: str) -> Select[*tuple[Any, ...]]:
    since = bindparam("since", type_=Instant)
    return (
        select(
            Affiliation.courier_id,
            Affiliation.kind_of_work,
            Affiliation.vehicle,
            Affiliation.started_at,
            Affiliation.ended_at,
        )
        .where(
            is_listed([Affiliation.courier_id], "couriers", dialect),
            or_(Affiliation.ended_at.is_(None), Affiliation.ended_at > since),
        )
        .order_by(Affiliation.id)
    )
