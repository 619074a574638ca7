"""Recovery: a person who comes with another account gets their one profile back, and nobody else does."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Account
from app.models.couriers import Courier, CourierState, Person
from app.models.notices import NoticeKind
from app.models.reviews import Review, ReviewKind, ReviewState
from app.services import audit, notices
from app.services.accounts.sign_ins import end_all_sign_ins
from app.services.couriers.affiliations import new_affiliation
from app.services.couriers.claims import AffiliationClaim, Claim, open_claim, seal_claim
from app.services.couriers.consents import keep_consents
from app.services.couriers.errors import AlreadyRegistered
from app.services.couriers.identity import index_identity, key_of, reseal
from app.services.couriers.rules import Proof, vouching_rows
from app.services.couriers.states import change_state, lock_courier, renew_card
from app.services.couriers.verification import live_affiliations, live_rows, verify_or_queue
from app.work import Work

PROVED = "the same document, name and confirmed phone"
"""The reason that the ledger gives where no reviewer was asked."""
RETURNED = "registered again"


async def claim_profile(work: Work, *, claim: Claim) -> None:
    """The signed-in account shows a document that has a profile: it moves at once, or a reviewer is asked.

    Raises AlreadyRegistered where this account's claim waits already.
    """
    document = index_identity(work.vault, claim.identity).document
    found = (
        await work.session.execute(
            select(Courier, Person)
            .join(Person, Person.id == Courier.person_id)
            .where(or_(Person.document_index == document, Person.next_document_index == document))
            .with_for_update(of=Courier, key_share=True)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    courier, person = found
    proof = await _weigh(work, courier, person, claim)
    review = Review(
        id=new_id(),
        kind=ReviewKind.recovery,
        state=ReviewState.approved if proof.suffices else ReviewState.open,
        courier_id=courier.id,
        account_id=work.actor.account_id,
        reasons=list(proof.reasons),
        opened_at=work.now,
    )
    review.claim_sealed = seal_claim(claim, key_of(work.vault, person), review_id=review.id)
    if proof.suffices:
        review.decided_at, review.decision_reason = work.now, PROVED
    try:
        async with work.session.begin_nested():
            work.session.add(review)
    except IntegrityError as error:
        raise AlreadyRegistered from error
    if proof.suffices:
        await move_profile(work, review=review, reason=PROVED)


async def move_profile(work: Work, *, review: Review, reason: str) -> None:
    """Gives the profile of a recovery to the account that asked, with the name and phone it showed.

    The old account's sign-ins and codes end, and it is told. A suspension stays; who had left is
    pending again. Raises NotFound, and AlreadyRegistered where the account has another profile by now.
    """
    if review.courier_id is None or review.account_id is None or review.claim_sealed is None:
        raise NotFound
    courier = await lock_courier(work, courier_id=review.courier_id)
    person = await work.session.get_one(Person, courier.person_id)
    key = key_of(work.vault, person)
    claim = open_claim(review.claim_sealed, key, review_id=review.id)
    old = courier.account_id
    await _give(work, courier, review.account_id)
    courier.codes_from = work.now
    reseal(person, key, work.vault, name=claim.identity.name, phone=claim.identity.phone)
    if old is not None and old != review.account_id:
        await end_all_sign_ins(work, account_id=old, reason="the courier profile moved")
        notices.tell(work, old, NoticeKind.profile_moved)
    audit.record(
        work,
        "couriers.moved",
        subject_kind="courier",
        subject_id=courier.id,
        reason=reason,
        details={
            "from": None if old is None else str(old),
            "to": str(review.account_id),
            "review": str(review.id),
        },
    )
    await work.session.execute(
        update(Review)
        .where(
            Review.courier_id == courier.id,
            Review.kind == ReviewKind.verification.value,
            Review.state == ReviewState.open.value,
        )
        .values(account_id=review.account_id)
    )
    await add_missing(work, courier=courier, claims=[tie for _, tie in claim.affiliations])
    keep_consents(work, courier_id=courier.id, answers=claim.consents)
    if courier.state == CourierState.left:
        await change_state(work, courier=courier, to=CourierState.pending, reason=RETURNED)
    await work.session.flush()
    if courier.state == CourierState.verified:
        notices.tell(work, review.account_id, NoticeKind.verified)
    await verify_or_queue(work, courier=courier, person=person)
    await renew_card(work, courier=courier)


async def add_missing(work: Work, *, courier: Courier, claims: Sequence[AffiliationClaim]) -> None:
    """Adds those of `claims` that the courier does not have yet, unconfirmed."""
    person = await work.session.get_one(Person, courier.person_id)
    key = key_of(work.vault, person)
    has = {
        (tie.employer_id, tie.kind_of_work) for tie in await live_affiliations(work, courier_id=courier.id)
    }
    work.session.add_all(
        new_affiliation(work, claim, courier_id=courier.id, key=key)
        for claim in claims
        if (claim.employer_id, claim.kind_of_work.value) not in has
    )


async def _give(work: Work, courier: Courier, account_id: UUID) -> None:
    """Makes `account_id` the owner: of this profile only, which a constraint guards."""
    await work.session.execute(
        select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)
    )
    try:
        async with work.session.begin_nested():
            courier.account_id = account_id
            await work.session.flush()
    except IntegrityError as error:
        raise AlreadyRegistered from error


async def _weigh(work: Work, courier: Courier, person: Person, claim: Claim) -> Proof:
    indexes = index_identity(work.vault, claim.identity)
    rows = await live_rows(work, document_index=indexes.document)
    return Proof(
        same_name=person.name_index == indexes.name,
        same_phone=person.phone_index == indexes.phone,
        roster_agrees=bool(vouching_rows(indexes, rows)),
        ever_verified=courier.card_id is not None,
    )
