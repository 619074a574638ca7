"""Where a courier stands, and how that changes: every change has who, when and why."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Role
from app.models.couriers import Courier, CourierChange, CourierState, Person
from app.models.notices import NoticeKind
from app.services import audit, notices
from app.services.couriers.cards import issue_card
from app.services.couriers.errors import TransitionRefused
from app.services.couriers.identity import key_of
from app.services.couriers.printed_cards import end_printed_cards
from app.services.couriers.rules import may_become, state_restored
from app.work import Work

TOLD: Mapping[tuple[CourierState, CourierState], NoticeKind] = MappingProxyType(
    {
        (CourierState.pending, CourierState.verified): NoticeKind.verified,
        (CourierState.pending, CourierState.suspended): NoticeKind.suspended,
        (CourierState.verified, CourierState.suspended): NoticeKind.suspended,
        (CourierState.suspended, CourierState.verified): NoticeKind.restored,
        (CourierState.suspended, CourierState.pending): NoticeKind.restored,
    }
)
"""The changes that somebody else makes, and what the courier's account is told."""


async def change_state(work: Work, *, courier: Courier, to: CourierState, reason: str) -> None:
    """Brings `courier`, which the caller holds locked, into another state.

    Leaves a change, an audit record and a notice; who becomes verified gets a card. `reason` must
    not name anybody. Raises TransitionRefused.
    """
    before = CourierState(courier.state)
    if not may_become(before, to):
        raise TransitionRefused(state=before)
    courier.state = to.value
    note_change(work, courier=courier, before=before, reason=reason)
    if courier.account_id is not None and (told := TOLD.get((before, to))):
        notices.tell(work, courier.account_id, told)
    if to is CourierState.verified:
        await renew_card(work, courier=courier)
    if to is CourierState.left:
        await end_printed_cards(work, courier_id=courier.id, reason=reason)
    await work.session.flush()


def note_change(work: Work, *, courier: Courier, before: CourierState | None, reason: str) -> None:
    """Records that `courier` has come from `before` into its present state."""
    work.session.add(
        CourierChange(
            id=new_id(),
            courier_id=courier.id,
            from_state=None if before is None else before.value,
            to_state=courier.state,
            at=work.now,
            account_id=work.actor.account_id,
            actor=work.actor.label,
            reason=reason,
        )
    )
    audit.record(
        work,
        f"couriers.{'registered' if before is None else 'state_changed'}",
        subject_kind="courier",
        subject_id=courier.id,
        reason=reason,
        details={"from": None if before is None else before.value, "to": courier.state},
    )


async def renew_card(work: Work, *, courier: Courier) -> None:
    """Issues a new card if the courier is verified: call it when what a card shows has changed."""
    if courier.state == CourierState.verified:
        person = await work.session.get_one(Person, courier.person_id)
        await issue_card(work, courier, person, key_of(work.vault, person))


async def lock_courier(work: Work, *, courier_id: UUID) -> Courier:
    """The courier, held until the transaction ends; raises NotFound.

    Held as every lock of a courier: rows that only name the courier, as a scan's do, need not wait.
    """
    courier = await work.session.get(
        Courier, courier_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if courier is None:
        raise NotFound
    return courier


async def lock_couriers(work: Work, *, courier_ids: Iterable[UUID]) -> None:
    """Holds several couriers until the transaction ends, in the order of their documents, as rosters do."""
    await work.session.execute(
        select(Courier.id)
        .join(Person, Person.id == Courier.person_id)
        .where(Courier.id.in_(set(courier_ids)))
        .order_by(Person.document_index)
        .with_for_update(of=Courier, key_share=True)
    )


async def find_own_courier(work: Work, *, lock: bool) -> Courier | None:
    """The signed-in account's own courier profile; with `lock` held until the transaction ends."""
    query = select(Courier).where(Courier.account_id == work.actor.account_id)
    courier: Courier | None = await work.session.scalar(
        query.with_for_update(key_share=True) if lock else query
    )
    return courier


async def suspend(work: Work, *, courier_id: UUID, reason: str) -> Courier:
    """Stops a courier's codes for the time being. Staff only: no employer can do it to a person.

    Raises NotFound for a courier out of the caller's reach, and TransitionRefused.
    """
    courier = await _lock_for_staff(work, courier_id)
    await change_state(work, courier=courier, to=CourierState.suspended, reason=reason)
    return courier


async def restore(work: Work, *, courier_id: UUID, reason: str) -> Courier:
    """Ends a suspension: the courier stands where they stood before.

    Raises NotFound for a courier out of the caller's reach, and TransitionRefused.
    """
    courier = await _lock_for_staff(work, courier_id)
    if courier.state != CourierState.suspended:
        raise TransitionRefused(state=courier.state)
    to = state_restored(ever_verified=courier.card_id is not None)
    await change_state(work, courier=courier, to=to, reason=reason)
    return courier


async def _lock_for_staff(work: Work, courier_id: UUID) -> Courier:
    if not work.actor.may(Role.reviewer, Role.registrar):
        raise NotFound
    return await lock_courier(work, courier_id=courier_id)
