"""Affiliations: they begin with a claim, are confirmed by a roster or a reviewer, and end one by one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Role
from app.models.couriers import Affiliation, Courier, CourierState, Person
from app.models.notices import NoticeKind
from app.models.rosters import RosterEntry
from app.services import audit, notices
from app.services.couriers.claims import AffiliationClaim
from app.services.couriers.errors import (
    AffiliationExists,
    RegistrationUnderReview,
    TransitionRefused,
)
from app.services.couriers.identity import key_of, seal_plate
from app.services.couriers.own import claimed_state, has_claimed
from app.services.couriers.states import find_own_courier, lock_courier, renew_card
from app.services.couriers.verification import verify_or_queue
from app.services.employers.register import require_employer
from app.services.sealing import PersonKey
from app.services.spelling import compact
from app.work import Place, Work

BATCH = 500
"""Entries looked up in one statement: far below the parameter limits of both databases."""


def new_affiliation(work: Work, claim: AffiliationClaim, *, courier_id: UUID, key: PersonKey) -> Affiliation:
    """The row of an affiliation that is claimed and not confirmed yet."""
    affiliation_id = new_id()
    return Affiliation(
        id=affiliation_id,
        courier_id=courier_id,
        employer_id=claim.employer_id,
        kind_of_work=claim.kind_of_work.value,
        vehicle=claim.vehicle.value,
        plate_sealed=seal_plate(key, compact(claim.plate) if claim.plate else None, affiliation_id),
        started_at=work.now,
    )


async def add_affiliation(work: Work, *, claim: AffiliationClaim) -> Affiliation:
    """A further tie of the signed-in courier, who is verified; a roster confirms it, or a reviewer.

    Raises NotFound, RegistrationUnderReview, TransitionRefused, UnknownEmployer, EmployerEnded and
    AffiliationExists.
    """
    courier = await require_active_courier(work, lock=True)
    await require_employer(work, employer_id=claim.employer_id)
    person = await work.session.get_one(Person, courier.person_id)
    tie = new_affiliation(work, claim, courier_id=courier.id, key=key_of(work.vault, person))
    try:
        async with work.session.begin_nested():
            work.session.add(tie)
    except IntegrityError as error:
        raise AffiliationExists from error
    audit.record(work, "couriers.affiliated", subject_kind="courier", subject_id=courier.id)
    await verify_or_queue(work, courier=courier, person=person)
    await work.session.flush()
    return tie


async def require_active_courier(work: Work, *, lock: bool) -> Courier:
    """The signed-in account's own courier, who is verified and so may change the profile.

    Raises NotFound, RegistrationUnderReview and TransitionRefused. Whoever waits for a decision is
    told the same whether or not the document had a profile before.
    """
    courier = await find_own_courier(work, lock=lock)
    state = await claimed_state(work) if courier is None else CourierState(courier.state)
    if courier is not None and state is CourierState.verified:
        return courier
    if state is CourierState.pending:
        raise RegistrationUnderReview
    raise TransitionRefused(state=state)


async def end_affiliation(work: Work, *, affiliation_id: UUID, reason: str) -> None:
    """Ends one affiliation: by the courier or by a registrar.

    The person keeps state, other affiliations and codes. An employer takes its word back by marking
    departures, which are counted; here it could empty its roster one by one, unseen. Ending one that
    has ended changes nothing. Raises NotFound for one out of reach, and RegistrationUnderReview for
    the own one of a courier who waits for a decision.
    """
    tie = await work.session.get(Affiliation, affiliation_id)
    if tie is None:
        await _end_claimed(work, affiliation_id)
        return
    courier = await lock_courier(work, courier_id=tie.courier_id)
    own = courier.account_id is not None and courier.account_id == work.actor.account_id
    if not own and not work.actor.may(Role.registrar, at=Place(employer_id=tie.employer_id)):
        raise NotFound
    if own and courier.state == CourierState.pending:
        raise RegistrationUnderReview
    await work.session.refresh(tie)
    await _end(work, courier, [tie], reason)


async def end_by_roster(work: Work, *, entries: Sequence[RosterEntry], reason: str) -> int:
    """Ends the affiliations that rows marked as left stand for, each with that row's employer alone.

    Returns how many couriers lost one. Give `entries` in the order of their documents, in which
    couriers are locked wherever there are several.
    """
    ended = 0
    for start in range(0, len(entries), BATCH):
        pairs = [(entry.employer_id, entry.document_index) for entry in entries[start : start + BATCH]]
        found = (
            await work.session.execute(
                select(Courier, Affiliation)
                .join(Person, Person.id == Courier.person_id)
                .join(Affiliation, Affiliation.courier_id == Courier.id)
                .where(
                    tuple_(Affiliation.employer_id, Person.document_index).in_(pairs),
                    Affiliation.ended_at.is_(None),
                )
                .order_by(Person.document_index, Affiliation.id)
                .with_for_update(of=Courier, key_share=True)
            )
        ).all()
        ties: dict[UUID, tuple[Courier, list[Affiliation]]] = {}
        for courier, tie in found:
            ties.setdefault(courier.id, (courier, []))[1].append(tie)
        for courier, his in ties.values():
            await _end(work, courier, his, reason)
        ended += len(ties)
    return ended


async def end_all(work: Work, *, courier: Courier, ties: Sequence[Affiliation], reason: str) -> None:
    """Ends `ties` of a courier who is leaving or starting anew."""
    await _end(work, courier, ties, reason)


async def _end_claimed(work: Work, affiliation_id: UUID) -> None:
    """Answers as for an affiliation of a profile what was only claimed for one that is somebody's."""
    if not await has_claimed(work, affiliation_id=affiliation_id):
        raise NotFound
    if await claimed_state(work) is CourierState.pending:
        raise RegistrationUnderReview


async def _end(work: Work, courier: Courier, ties: Sequence[Affiliation], reason: str) -> None:
    live = [tie for tie in ties if tie.ended_at is None]
    for tie in live:
        tie.ended_at, tie.end_reason = work.now, reason
        details = {"employer_id": str(tie.employer_id), "affiliation_id": str(tie.id)}
        audit.record(
            work,
            "couriers.affiliation_ended",
            subject_kind="courier",
            subject_id=courier.id,
            reason=reason,
            details=details,
        )
        if courier.account_id is not None and courier.account_id != work.actor.account_id:
            notices.tell(work, courier.account_id, NoticeKind.affiliation_ended, details)
    if any(tie.vouched_at is not None for tie in live):
        await renew_card(work, courier=courier)
