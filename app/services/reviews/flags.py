"""Asks a reviewer about couriers where a rule has seen something that only a person may judge."""

from collections.abc import Mapping
from uuid import UUID

from app.database import insert_into
from app.ids import new_id
from app.models.reviews import Review, ReviewKind, ReviewState
from app.work import Work


async def flag_couriers(work: Work, *, kind: ReviewKind, couriers: Mapping[UUID, str]) -> None:
    """Opens a review of `kind` for each of `couriers`, with its reason, unless one is open."""
    if not couriers:
        return
    rows = [
        {
            "id": new_id(),
            "kind": kind.value,
            "state": ReviewState.open.value,
            "courier_id": courier,
            "reasons": [str(couriers[courier])],
            "opened_at": work.now,
        }
        # In one order everywhere, so that two processes never wait for each other in a circle.
        for courier in sorted(couriers)
    ]
    await work.session.execute(insert_into(work.session, Review).values(rows).on_conflict_do_nothing())
