"""Where couriers passed last: kept with every passage, one row a courier."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from app.database import insert_into
from app.models.scans import Direction, Scan, Whereabouts
from app.services.lists import insert_latest, table_of
from app.services.passages import passages
from app.services.scans.answers import StoredScan
from app.services.scans.travel import Point
from app.work import Work


@dataclass(frozen=True, slots=True)
class Passage:
    """A courier at a gate, in or out."""

    courier_id: UUID
    scan: UUID
    recorded_at: datetime
    at: datetime
    gate_id: UUID
    compound_id: UUID
    direction: Direction
    point: Point | None


async def keep(work: Work, passages: Iterable[Passage | None]) -> None:
    """Keeps the latest of `passages` and of what is known, for each courier: one statement.

    A passage that is told of later does not undo one that happened after it.
    """
    latest: dict[UUID, Passage] = {}
    for passage in filter(None, passages):
        known = latest.get(passage.courier_id)
        if known is None or passage.at >= known.at:
            latest[passage.courier_id] = passage
    if latest:
        # In one order everywhere, so that two processes never wait for each other in a circle.
        await insert_latest(
            work.session,
            table_of(Whereabouts),
            [_row(latest[courier]) for courier in sorted(latest)],
            by="at",
        )


async def forget(work: Work, *, courier_id: UUID, scan: UUID) -> None:
    """Takes a scan for no passage any more: if the courier passed last with it, then with the one before."""
    last = await work.session.get(Whereabouts, courier_id)
    if last is not None and last.scan == scan:
        await restore(work, courier_id=courier_id)


async def restore(work: Work, *, courier_id: UUID) -> None:
    """Reads a courier's whereabouts again from the scans, after one of them was taken back."""
    # First, since it holds the row: whoever passes meanwhile waits, and is later than what is read here.
    await work.session.execute(delete(Whereabouts).where(Whereabouts.courier_id == courier_id))
    last = (
        await work.session.execute(
            passages(select(Scan))
            .where(Scan.courier_id == courier_id, Scan.doubtful.is_(False))
            .order_by(Scan.happened_at.desc(), Scan.id.desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    if last is not None and (passage := passage_of(last)) is not None:
        await work.session.execute(
            insert_into(work.session, Whereabouts).values(_row(passage)).on_conflict_do_nothing()
        )


def passage_of(scan: Scan | StoredScan) -> Passage | None:
    """The passage that a stored scan is; None where it is not known whose it was, or when."""
    if scan.courier_id is None or scan.doubtful:
        return None
    return Passage(
        courier_id=scan.courier_id,
        scan=scan.id,
        recorded_at=scan.recorded_at,
        at=scan.happened_at,
        gate_id=scan.gate_id,
        compound_id=scan.compound_id,
        direction=Direction(scan.direction),
        point=None,
    )


def _row(passage: Passage) -> dict[str, object]:
    return {
        "courier_id": passage.courier_id,
        "scan": passage.scan,
        "recorded_at": passage.recorded_at,
        "at": passage.at,
        "gate_id": passage.gate_id,
        "compound_id": passage.compound_id,
        "direction": passage.direction,
    }
