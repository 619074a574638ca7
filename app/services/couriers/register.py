"""Registration: a WeChat account says who it is; a roster or a reviewer has the last word."""

from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import civil_day
from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Account, AccountKind, Role
from app.models.couriers import Courier, CourierState, Person
from app.models.reviews import Review, ReviewKind, ReviewState
from app.services import audit
from app.services.couriers.affiliations import end_all
from app.services.couriers.claims import Application, Claim
from app.services.couriers.consents import keep_consents, require_gate_consent
from app.services.couriers.documents import Document, normalise_document, require_age
from app.services.couriers.errors import (
    AffiliationExists,
    AlreadyRegistered,
    BirthDateRequired,
    InvalidName,
    TransitionRefused,
    WeChatRequired,
)
from app.services.couriers.identity import (
    Identity,
    comparable_name,
    identify,
    index_identity,
    key_of,
    reseal,
    seal_person,
)
from app.services.couriers.own import OwnProfile, own_claim, own_profile, state_of_claim
from app.services.couriers.queries import LOOKED_UP
from app.services.couriers.recovery import RETURNED, add_missing, claim_profile
from app.services.couriers.states import change_state, find_own_courier, note_change
from app.services.couriers.verification import close_reviews, live_affiliations, verify_or_queue
from app.services.employers.register import require_employer
from app.services.masking import normalise_phone
from app.services.wechat.client import WeChatPhone
from app.work import Work

REGISTERED = "registered"
WITHDRAWN = "own wish"


async def check_application(work: Work, *, application: Application) -> str:
    """Makes sure of all that can be known before WeChat confirms the phone; the account's openid.

    A phone code is spent once and costs money, so it is asked for last. Raises WeChatRequired,
    AlreadyRegistered, GateConsentRequired, InvalidName, InvalidDocument, BirthDateRequired,
    UnderAge, AffiliationExists where one is named twice, UnknownEmployer and EmployerEnded.
    """
    account = await work.session.get(Account, work.actor.account_id)
    if account is None or account.kind != AccountKind.wechat or account.openid_sealed is None:
        raise WeChatRequired
    await _check(work, application)
    await _reusable_courier(work, lock=False)
    return work.vault.open(
        account.openid_sealed, table="accounts", column="openid_sealed", row=account.id
    ).decode()


async def register_courier(work: Work, *, application: Application, phone: WeChatPhone) -> OwnProfile:
    """Registers the signed-in account's person, or claims the profile that the person has already.

    One person has one profile: the constraint on the document decides, and whoever comes second
    is answered like anybody whose registration waits for a reviewer. Raises what
    `check_application` raises, and InvalidPhone.
    """
    # Held until the end, so that one account's registrations come one after the other.
    await work.session.execute(
        select(Account.id).where(Account.id == work.actor.account_id).with_for_update(key_share=True)
    )
    document = await _check(work, application, hold=True)
    number = normalise_phone(phone.country_code, phone.number)
    identity = identify(document, application.name, number)
    own = await _reusable_courier(work, lock=True)
    if own is None:
        await _begin(work, application, identity)
    else:
        person = await work.session.get_one(Person, own.person_id)
        if person.document_index == index_identity(work.vault, identity).document:
            await _begin_again(work, own, person, application, identity)
        else:
            await _let_go(work, own)
            await _begin(work, application, identity)
    await work.session.flush()
    return await own_profile(work)


async def register_assisted(work: Work, *, application: Application, phone: str, reason: str) -> UUID:
    """Registers somebody at a desk who has no account; a reviewer other than the actor decides.

    `phone` is as it was told, and nobody confirms it; the consents were signed on paper. A document that
    has a profile already gives that profile: nothing of it is changed, unless it has neither account nor
    open question and may begin again, and the look-up is recorded with `reason`, which must not name
    anybody. Returns the courier's id.

    Raises Forbidden, InvalidPhone, and what `check_application` raises about what is said.
    """
    work.actor.must(Role.reviewer)
    document = await _check(work, application, hold=True)
    identity = identify(document, application.name, normalise_phone("", phone))
    person, _ = seal_person(work.vault, identity, now=work.now)
    try:
        async with work.session.begin_nested():
            work.session.add(person)
    except IntegrityError:
        return await _known_at_desk(work, application, identity, reason)
    courier = Courier(
        id=new_id(),
        person_id=person.id,
        account_id=None,
        state=CourierState.pending,
        registered_at=work.now,
    )
    work.session.add(courier)
    await work.session.flush()
    note_change(work, courier=courier, before=None, reason=reason)
    await _complete(work, courier, person, application)
    await work.session.flush()
    return courier.id


async def leave(work: Work) -> None:
    """The signed-in courier leaves, or takes back a registration that is not confirmed; codes end at once.

    Raises NotFound, and TransitionRefused during a suspension and for whoever has left.
    """
    courier = await find_own_courier(work, lock=True)
    if courier is None:
        await _withdraw_claim(work)
        return
    await change_state(work, courier=courier, to=CourierState.left, reason=WITHDRAWN)
    ties = await live_affiliations(work, courier_id=courier.id)
    await end_all(work, courier=courier, ties=ties, reason=WITHDRAWN)
    await close_reviews(
        work,
        courier_id=courier.id,
        state=ReviewState.declined,
        reason=WITHDRAWN,
        by=work.actor.account_id,
    )


async def _withdraw_claim(work: Work) -> None:
    """Takes back a claim, also a declined one, as whoever has a profile of their own leaves it."""
    claim = await own_claim(work)
    if claim is None:
        raise NotFound
    if state_of_claim(claim) is CourierState.left:
        raise TransitionRefused(state=CourierState.left)
    withdrawn = await work.session.scalar(
        update(Review)
        .where(Review.id == claim.id, Review.state != ReviewState.approved.value)
        .values(
            state=ReviewState.declined.value,
            decided_at=work.now,
            decided_by=work.actor.account_id,
            decision_reason=WITHDRAWN,
        )
        .returning(Review.id)
    )
    if withdrawn is None:  # a reviewer was faster
        raise NotFound
    audit.record(work, "reviews.withdrawn", subject_kind="review", subject_id=withdrawn, reason=WITHDRAWN)


async def _check(work: Work, application: Application, *, hold: bool = False) -> Document:
    require_gate_consent(application.consents)
    if not any(char.isalpha() for char in comparable_name(application.name)):
        raise InvalidName
    today = civil_day(work.now, work.settings.zone)
    document = normalise_document(application.document_type, application.document_number, today=today)
    birth = document.birth_date or application.birth_date
    if birth is None:
        raise BirthDateRequired
    require_age(birth, today)
    if len({(tie.employer_id, tie.kind_of_work) for tie in application.affiliations}) < len(
        application.affiliations
    ):
        raise AffiliationExists
    for employer_id in sorted({claim.employer_id for claim in application.affiliations}):
        await require_employer(work, employer_id=employer_id, hold=hold)
    return document


async def _reusable_courier(work: Work, *, lock: bool) -> Courier | None:
    """The account's own profile, where it ended or was declined and so may begin again.

    Raises AlreadyRegistered where it did neither, or where a claim waits.
    """
    claim = await own_claim(work)
    if claim is not None and claim.state == ReviewState.open:
        raise AlreadyRegistered
    courier = await find_own_courier(work, lock=lock)
    if courier is None:
        return None
    match CourierState(courier.state):
        case CourierState.left:
            return courier
        case CourierState.pending if not await _is_under_review(work, courier.id):
            return courier
        case _:
            raise AlreadyRegistered


async def _is_under_review(work: Work, courier_id: UUID) -> bool:
    waiting = await work.session.scalar(
        select(Review.id).where(
            Review.courier_id == courier_id,
            Review.kind == ReviewKind.verification.value,
            Review.state == ReviewState.open.value,
        )
    )
    return waiting is not None


async def _begin(work: Work, application: Application, identity: Identity) -> None:
    person, _ = seal_person(work.vault, identity, now=work.now)
    try:
        async with work.session.begin_nested():
            work.session.add(person)
    except IntegrityError:
        claim = Claim(identity, [(new_id(), tie) for tie in application.affiliations], application.consents)
        await claim_profile(work, claim=claim)
        return
    courier = Courier(
        id=new_id(),
        person_id=person.id,
        account_id=work.actor.account_id,
        state=CourierState.pending,
        registered_at=work.now,
    )
    try:
        async with work.session.begin_nested():
            work.session.add(courier)
    except IntegrityError as error:
        raise AlreadyRegistered from error
    note_change(work, courier=courier, before=None, reason=REGISTERED)
    await _complete(work, courier, person, application)


async def _begin_again(
    work: Work, courier: Courier, person: Person, application: Application, identity: Identity
) -> None:
    """The same person once more: what was never confirmed gives way to what is said now."""
    reseal(person, key_of(work.vault, person), work.vault, name=identity.name, phone=identity.phone)
    ties = await live_affiliations(work, courier_id=courier.id)
    unconfirmed = [tie for tie in ties if tie.vouched_at is None]
    await end_all(work, courier=courier, ties=unconfirmed, reason=RETURNED)
    if courier.state == CourierState.left:
        await change_state(work, courier=courier, to=CourierState.pending, reason=RETURNED)
    await _complete(work, courier, person, application)


async def _known_at_desk(work: Work, application: Application, identity: Identity, reason: str) -> UUID:
    document = index_identity(work.vault, identity).document
    courier, person = (
        await work.session.execute(
            select(Courier, Person)
            .join(Person, Person.id == Courier.person_id)
            .where(or_(Person.document_index == document, Person.next_document_index == document))
            .with_for_update(of=Courier, key_share=True)
        )
    ).one()
    audit.record(work, LOOKED_UP, subject_kind="courier", subject_id=courier.id, reason=reason)
    if await _may_begin_at_desk(work, courier, person, identity):
        await _begin_again(work, courier, person, application, identity)
    await work.session.flush()
    found: UUID = courier.id
    return found


async def _may_begin_at_desk(work: Work, courier: Courier, person: Person, identity: Identity) -> bool:
    """Whether a profile may begin again without an account, as after a no or after its account let it go.

    One that was confirmed keeps its name and phone: by them it can be recovered, with all its entries.
    """
    if courier.account_id is not None or person.wrapped_key is None:
        return False
    if courier.state not in {CourierState.pending, CourierState.left}:
        return False
    if await _is_under_review(work, courier.id):
        return False
    indexes = index_identity(work.vault, identity)
    same = (person.name_index, person.phone_index) == (indexes.name, indexes.phone)
    return same or courier.card_id is None


async def _complete(work: Work, courier: Courier, person: Person, application: Application) -> None:
    await add_missing(work, courier=courier, claims=application.affiliations)
    keep_consents(work, courier_id=courier.id, answers=application.consents)
    await work.session.flush()
    await verify_or_queue(work, courier=courier, person=person)


async def _let_go(work: Work, courier: Courier) -> None:
    """Parts the account from a profile under another document, which its person can still recover."""
    if courier.state == CourierState.pending:
        await change_state(work, courier=courier, to=CourierState.left, reason=WITHDRAWN)
    courier.account_id = None
    await work.session.flush()
