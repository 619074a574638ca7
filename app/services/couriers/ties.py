"""What couriers do and come on: for all couriers of a list in one statement, as gates ask."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import fetch
from app.models.couriers import Affiliation, KindOfWork, Vehicle
from app.services.lists import dialect_of, is_listed, listed


async def load_ties(
    session: AsyncSession, courier_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[KindOfWork, Vehicle]]]:
    """The kind of work and vehicle of each live affiliation, by courier; who has none is missing.

    Those that nobody has confirmed yet count too: to wait for an employer's roster is no reason to be
    held back.
    """
    couriers = [(courier_id,) for courier_id in set(courier_ids)]
    if not couriers:
        return {}
    dialect = dialect_of(session)
    ties: dict[UUID, list[tuple[KindOfWork, Vehicle]]] = {}
    for row in await fetch(session, _ties(dialect), listed("couriers", couriers, dialect)):
        ties.setdefault(row.courier_id, []).append((KindOfWork(row.kind_of_work), Vehicle(row.vehicle)))
    return ties


@cache
def _ties(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(Affiliation.courier_id, Affiliation.kind_of_work, Affiliation.vehicle)
        .where(is_listed([Affiliation.courier_id], "couriers", dialect), Affiliation.ended_at.is_(None))
        .order_by(Affiliation.id)
    )
