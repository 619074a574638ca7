"""Printed cards: a reviewer issues one at a time to a courier who has no smartphone to show a code on."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Role
from app.models.couriers import Courier, CourierState
from app.models.substitutes import PrintedCard
from app.services import audit
from app.services.couriers.errors import TransitionRefused
from app.work import Work

REPLACED = "a newer card was issued"


async def keep_printed_card(work: Work, *, courier_id: UUID, digest: bytes, reason: str) -> PrintedCard:
    """Makes the card under `digest` the courier's only live one.

    Raises NotFound for a courier out of the caller's reach, and TransitionRefused where the courier is
    not verified.
    """
    courier = await _lock_for_reviewer(work, courier_id)
    if courier.state != CourierState.verified:
        raise TransitionRefused(state=courier.state)
    await end_printed_cards(work, courier_id=courier_id, reason=REPLACED)
    card = PrintedCard(
        id=new_id(),
        courier_id=courier_id,
        digest=digest,
        issued_at=work.now,
        issued_by=work.actor.account_id,
        reason=reason,
    )
    work.session.add(card)
    audit.record(
        work,
        "couriers.card_printed",
        subject_kind="courier",
        subject_id=courier_id,
        reason=reason,
        details={"card": str(card.id)},
    )
    await work.session.flush()
    return card


async def end_printed_card(work: Work, *, courier_id: UUID, reason: str) -> None:
    """Ends the courier's live card at once; without one nothing changes.

    Raises NotFound for a courier out of the caller's reach.
    """
    await _lock_for_reviewer(work, courier_id)
    await end_printed_cards(work, courier_id=courier_id, reason=reason)


async def end_printed_cards(work: Work, *, courier_id: UUID, reason: str) -> None:
    """Ends whatever card of a courier is live. The caller holds the courier locked."""
    ended = await work.session.scalars(
        update(PrintedCard)
        .where(PrintedCard.courier_id == courier_id, PrintedCard.ended_at.is_(None))
        .values(ended_at=work.now, ended_by=work.actor.account_id, end_reason=reason)
        .returning(PrintedCard.id)
    )
    for card in ended.all():
        audit.record(
            work,
            "couriers.printed_card_ended",
            subject_kind="courier",
            subject_id=courier_id,
            reason=reason,
            details={"card": str(card)},
        )


async def list_printed_cards(work: Work, *, courier_id: UUID) -> Sequence[PrintedCard]:
    """All cards of a courier, the newest first; raises NotFound for one out of the caller's reach."""
    if not work.actor.may(Role.reviewer) or await work.session.get(Courier, courier_id) is None:
        raise NotFound
    cards = await work.session.scalars(
        select(PrintedCard).where(PrintedCard.courier_id == courier_id).order_by(PrintedCard.id.desc())
    )
    return cards.all()


async def _lock_for_reviewer(work: Work, courier_id: UUID) -> Courier:
    courier = await work.session.get(
        Courier, courier_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if courier is None or not work.actor.may(Role.reviewer):
        raise NotFound
    return courier
