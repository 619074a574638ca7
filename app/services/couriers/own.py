"""What couriers read about themselves: the profile, or the registration that waits in its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select

from app.errors import NotFound
from app.models.audit import AuditRecord
from app.models.couriers import Consent, Courier, CourierState, DocumentType, Person, Purpose
from app.models.employers import Employer
from app.models.reviews import Review, ReviewKind, ReviewState
from app.pagination import Page, page_of
from app.services.couriers.claims import AffiliationClaim, Claim, ConsentAnswer, open_claim
from app.services.couriers.identity import Identity, key_of, open_identity
from app.services.couriers.queries import LOOKED_UP, Tie, live_ties, masked, open_photo
from app.work import Work


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """A courier's own profile."""

    state: CourierState
    name: str = field(repr=False)
    document_type: DocumentType
    document: str
    """Masked."""
    phone: str
    """Masked."""
    registered_at: datetime
    under_review: bool
    """Whether a reviewer has still to decide on something."""
    declined_because: str | None
    """What the reviewer said who declined a registration that is still pending."""
    photo_id: UUID | None
    affiliations: Sequence[Tie]
    consents: Sequence[ConsentAnswer]


@dataclass(frozen=True, slots=True)
class LookUp:
    """A look at somebody's identity by somebody else."""

    id: UUID
    at: datetime
    actor: str
    """The kind of account that looked."""
    reason: str | None


async def own_profile(work: Work) -> OwnProfile:
    """The profile of the signed-in account, or the registration that it waits for; raises NotFound.

    A registration whose document has a profile already reads like any other that is under review:
    its reasons are the reviewer's, since `name_differs` would tell a stranger that the document is known.
    """
    found = (
        await work.session.execute(
            select(Courier, Person)
            .join(Person, Person.id == Courier.person_id)
            .where(Courier.account_id == work.actor.account_id)
        )
    ).one_or_none()
    if found is None:
        return await _claimed_profile(work)
    courier, person = found
    key = key_of(work.vault, person)
    last = await _last_review(work, courier_id=courier.id)
    return _profile(
        CourierState(courier.state),
        open_identity(person, key),
        registered_at=courier.registered_at,
        review=last,
        photo_id=courier.photo_id,
        ties=await live_ties(work, courier.id, key),
        consents=await current_consents(work, courier_id=courier.id),
    )


async def own_claim(work: Work) -> Review | None:
    """The last registration of the signed-in account for a document that had a profile already."""
    claim: Review | None = await work.session.scalar(_own_claims(work).order_by(Review.id.desc()).limit(1))
    return claim


def state_of_claim(claim: Review) -> CourierState:
    """As what a claim is shown: a registration that waits or was declined, or one taken back."""
    withdrawn = claim.state == ReviewState.declined and claim.decided_by == claim.account_id
    return CourierState.left if withdrawn else CourierState.pending


async def claimed_state(work: Work) -> CourierState:
    """Where the signed-in account stands that has a claim and no profile; raises NotFound without either.

    Whoever asks about or acts on a claim is answered as for a profile in this state: any other
    answer would tell a stranger that the document is known.
    """
    claim = await own_claim(work)
    if claim is None:
        raise NotFound
    return state_of_claim(claim)


async def has_claimed(work: Work, *, affiliation_id: UUID) -> bool:
    """Whether one of the account's claims showed an affiliation with this id, which no table holds."""
    claims = await work.session.scalars(_own_claims(work))
    for review in claims.all():
        shown = await read_claim(work, review=review)
        if any(tie_id == affiliation_id for tie_id, _ in shown.affiliations):
            return True
    return False


async def read_claim(work: Work, *, review: Review) -> Claim:
    """What was claimed in a recovery; raises NotFound once the person was erased."""
    person = await work.session.scalar(
        select(Person).join(Courier, Courier.person_id == Person.id).where(Courier.id == review.courier_id)
    )
    if person is None or review.claim_sealed is None:
        raise NotFound
    return open_claim(review.claim_sealed, key_of(work.vault, person), review_id=review.id)


async def current_consents(work: Work, *, courier_id: UUID) -> list[ConsentAnswer]:
    """The latest answer to every purpose that was asked for."""
    latest = {
        Purpose(consent.purpose): consent
        for consent in await work.session.scalars(
            select(Consent).where(Consent.courier_id == courier_id).order_by(Consent.id)
        )
    }
    return [
        ConsentAnswer(purpose, latest[purpose].version, latest[purpose].given)
        for purpose in Purpose
        if purpose in latest
    ]


async def own_look_ups(work: Work, *, before: UUID | None, limit: int) -> Page[LookUp]:
    """Who looked up the signed-in courier's identity, when and why, newest first; raises NotFound."""
    kind, subjects = await _looked_up_as(work)
    query = (
        select(AuditRecord)
        .where(
            AuditRecord.subject_kind == kind,
            AuditRecord.subject_id.in_(subjects),
            AuditRecord.action == LOOKED_UP,
        )
        .order_by(AuditRecord.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(AuditRecord.id < before)
    return page_of(
        [
            LookUp(id=record.id, at=record.at, actor=record.actor, reason=record.reason)
            for record in await work.session.scalars(query)
        ],
        limit,
    )


async def _looked_up_as(work: Work) -> tuple[str, list[str]]:
    """What the records of look-ups name the account by: its profile, or its claims while it has none."""
    courier_id = await work.session.scalar(
        select(Courier.id).where(Courier.account_id == work.actor.account_id)
    )
    if courier_id is not None:
        return "courier", [str(courier_id)]
    claims = [str(claim.id) for claim in await work.session.scalars(_own_claims(work))]
    if not claims:
        raise NotFound
    return "review", claims


async def own_photo(work: Work) -> bytes:
    """The signed-in courier's portrait as JPEG; raises NotFound."""
    photo_id = await work.session.scalar(
        select(Courier.photo_id).where(Courier.account_id == work.actor.account_id)
    )
    if photo_id is None:
        raise NotFound
    return await open_photo(work, photo_id=photo_id)


async def _claimed_profile(work: Work) -> OwnProfile:
    review = await own_claim(work)
    if review is None:
        raise NotFound
    claim = await read_claim(work, review=review)
    names = await _employer_names(work, [tie.employer_id for _, tie in claim.affiliations])
    state = state_of_claim(review)
    first = await work.session.scalar(
        select(func.min(Review.opened_at)).where(
            Review.account_id == review.account_id,
            Review.kind == ReviewKind.recovery.value,
            Review.courier_id == review.courier_id,
        )
    )
    return _profile(
        state,
        claim.identity,
        registered_at=first or review.opened_at,
        review=review,
        photo_id=None,
        ties=[]
        if state is CourierState.left
        else [
            _claimed_tie(tie_id, tie, names[tie.employer_id], review.opened_at)
            for tie_id, tie in claim.affiliations
        ],
        consents=claim.consents,
    )


def _own_claims(work: Work) -> Select[Review]:
    return select(Review).where(
        Review.account_id == work.actor.account_id,
        Review.kind == ReviewKind.recovery.value,
        Review.state != ReviewState.approved.value,
    )


def _claimed_tie(tie_id: UUID, tie: AffiliationClaim, employer: str, at: datetime) -> Tie:
    return Tie(
        id=tie_id,
        employer_id=tie.employer_id,
        employer=employer,
        kind_of_work=tie.kind_of_work.value,
        vehicle=tie.vehicle.value,
        plate=tie.plate,
        started_at=at,
        confirmed=False,
    )


def _profile(
    state: CourierState,
    identity: Identity,
    *,
    registered_at: datetime,
    review: Review | None,
    photo_id: UUID | None,
    ties: Sequence[Tie],
    consents: Sequence[ConsentAnswer],
) -> OwnProfile:
    shown = masked(identity)
    declined = (
        review is not None
        and state is CourierState.pending
        and review.state == ReviewState.declined
        and review.decided_by != review.account_id
    )
    return OwnProfile(
        state=state,
        name=identity.name,
        document_type=shown.document_type,
        document=shown.document,
        phone=shown.phone,
        registered_at=registered_at,
        under_review=review is not None and review.state == ReviewState.open,
        declined_because=review.decision_reason if review and declined else None,
        photo_id=photo_id,
        affiliations=ties,
        consents=consents,
    )


async def _last_review(work: Work, *, courier_id: UUID) -> Review | None:
    last: Review | None = await work.session.scalar(
        select(Review)
        .where(Review.courier_id == courier_id, Review.kind == ReviewKind.verification.value)
        .order_by(Review.id.desc())
        .limit(1)
    )
    return last


async def _employer_names(work: Work, employers: Sequence[UUID]) -> dict[UUID, str]:
    rows = await work.session.execute(select(Employer.id, Employer.name).where(Employer.id.in_(employers)))
    return {row.id: row.name for row in rows}
