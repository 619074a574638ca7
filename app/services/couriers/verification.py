"""Verification: a roster vouches for a courier, or a reviewer is asked."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.ids import new_id
from app.models.couriers import Affiliation, Courier, CourierState, KindOfWork, Person, Vehicle
from app.models.employers import Employer
from app.models.reviews import Review, ReviewKind, ReviewState
from app.models.rosters import RosterEntry
from app.services.couriers.identity import Indexes
from app.services.couriers.rules import ReviewReason, doubts, doubts_at_desk, vouching_rows
from app.services.couriers.states import change_state, renew_card
from app.work import Work

ON_A_ROSTER = "an employer's roster vouches for name, document and phone"
"""The reason that the ledger gives for a verification by rule."""
BATCH = 500
"""Entries looked up in one statement: far below the parameter limits of both databases."""


async def live_rows(work: Work, *, document_index: bytes) -> Sequence[RosterEntry]:
    """The rows that employers who take part have for a document."""
    return (
        await work.session.scalars(
            select(RosterEntry)
            .join(Employer, Employer.id == RosterEntry.employer_id)
            .where(
                RosterEntry.document_index == document_index,
                RosterEntry.left_at.is_(None),
                Employer.ended_at.is_(None),
            )
            .order_by(RosterEntry.listed_at, RosterEntry.id)
        )
    ).all()


async def verify_or_queue(work: Work, *, courier: Courier, person: Person) -> None:
    """Lets the rosters vouch for a courier who is pending or has a new affiliation; else asks a reviewer.

    Of who is not pending, a roster confirms what was named and adds nothing: a tie that its courier
    ended does not come back while its employer still lists them. For who was registered at a desk and has
    no account, a reviewer is asked in any case. The caller holds `courier` locked.
    """
    indexes = _indexes(person)
    rows = await live_rows(work, document_index=indexes.document)
    ties = await live_affiliations(work, courier_id=courier.id)
    if courier.state == CourierState.pending and courier.account_id is None:
        employers = {tie.employer_id for tie in ties}
        await ask_reviewer(work, courier=courier, reasons=doubts_at_desk(indexes, rows, employers))
        return
    matching = vouching_rows(indexes, rows)
    has = {tie.employer_id for tie in ties}
    pending = courier.state == CourierState.pending
    vouching = [row for row in matching if pending or row.employer_id in has]
    if vouching:
        await _accept(work, courier, ties, vouching)
    named = {tie.employer_id for tie in ties if tie.vouched_at is None}
    if courier.state == CourierState.pending or named - {row.employer_id for row in vouching}:
        unmatched = [row for row in rows if row not in matching]
        await ask_reviewer(work, courier=courier, reasons=doubts(indexes, unmatched, named))


async def verify_by_roster(work: Work, *, entries: Sequence[RosterEntry]) -> int:
    """Verifies the pending couriers whom the live rows `entries` vouch for, and confirms affiliations.

    A roster may come after its couriers: call this with what it added or changed. Suspended
    couriers and those who left stay what they are. Returns how many became verified. Couriers are
    locked in the order of their documents: give `entries` in that order too, and two rosters with
    the same people cannot wait for each other.
    """
    verified = 0
    for start in range(0, len(entries), BATCH):
        rows: dict[bytes, list[RosterEntry]] = defaultdict(list)
        for entry in entries[start : start + BATCH]:
            if entry.left_at is None:
                rows[entry.document_index].append(entry)
        found = (
            await work.session.execute(
                select(Courier, Person)
                .join(Person, Person.id == Courier.person_id)
                .where(
                    Person.document_index.in_(rows),
                    or_(
                        Courier.state == CourierState.verified.value,
                        # Who was registered at a desk has no account, and nobody confirmed the phone.
                        and_(Courier.state == CourierState.pending.value, Courier.account_id.is_not(None)),
                    ),
                )
                .order_by(Person.document_index)
                .with_for_update(of=Courier, key_share=True)
            )
        ).all()
        known = [
            (courier, vouching)
            for courier, person in found
            if (vouching := vouching_rows(_indexes(person), rows[person.document_index]))
        ]
        ties = await _affiliations_of(work, [courier.id for courier, _ in known])
        for courier, vouching in known:
            was_pending = courier.state == CourierState.pending
            await _accept(work, courier, ties[courier.id], vouching)
            verified += was_pending
    return verified


async def ask_reviewer(work: Work, *, courier: Courier, reasons: Sequence[ReviewReason]) -> None:
    """Opens a review of who the courier is; one that is open already takes the reasons over.

    For a courier without an account whoever works at the desk asks, and so is not the one who decides.
    """
    review = Review(
        id=new_id(),
        kind=ReviewKind.verification,
        state=ReviewState.open,
        courier_id=courier.id,
        account_id=courier.account_id or work.actor.account_id,
        reasons=list(reasons),
        opened_at=work.now,
    )
    await work.session.flush()
    try:
        async with work.session.begin_nested():
            work.session.add(review)
    except IntegrityError:
        await work.session.execute(
            update(Review).where(*_open_reviews(courier.id)).values(reasons=list(reasons))
        )


async def close_reviews(
    work: Work, *, courier_id: UUID, state: ReviewState, reason: str, by: UUID | None
) -> None:
    """Closes the open review of who a courier is; `by` nobody where the question answered itself."""
    await work.session.execute(
        update(Review)
        .where(*_open_reviews(courier_id))
        .values(
            state=state.value,
            decided_at=work.now,
            decided_by=by,
            decision_reason=reason,
        )
    )


async def vouch_reviewed(work: Work, *, courier: Courier, opened_at: datetime) -> bool:
    """Confirms the live affiliations that were there when a review was opened, as its yes does.

    What a courier named since may be what the reviewer never saw. Returns whether any such is left.
    """
    ties = await live_affiliations(work, courier_id=courier.id)
    for tie in ties:
        if tie.started_at <= opened_at:
            tie.vouched_at = tie.vouched_at or work.now
    return any(tie.vouched_at is None for tie in ties)


async def live_affiliations(work: Work, *, courier_id: UUID) -> list[Affiliation]:
    """The affiliations of a courier that have not ended, in the order in which they began."""
    return (await _affiliations_of(work, [courier_id]))[courier_id]


async def _affiliations_of(work: Work, couriers: Sequence[UUID]) -> dict[UUID, list[Affiliation]]:
    await work.session.flush()
    ties: dict[UUID, list[Affiliation]] = {courier: [] for courier in couriers}
    for tie in await work.session.scalars(
        select(Affiliation)
        .where(Affiliation.courier_id.in_(couriers), Affiliation.ended_at.is_(None))
        .order_by(Affiliation.started_at, Affiliation.id)
    ):
        ties[tie.courier_id].append(tie)
    return ties


async def _accept(work: Work, courier: Courier, ties: list[Affiliation], rows: Sequence[RosterEntry]) -> None:
    """Confirms what `rows` say of the courier's work, and verifies who is pending."""
    changed = False
    for row in rows:
        changed |= _vouch(work, courier, ties, row)
    if courier.state == CourierState.pending:
        await change_state(work, courier=courier, to=CourierState.verified, reason=ON_A_ROSTER)
        await close_reviews(
            work, courier_id=courier.id, state=ReviewState.approved, reason=ON_A_ROSTER, by=None
        )
    elif changed:
        await renew_card(work, courier=courier)


def _vouch(work: Work, courier: Courier, ties: list[Affiliation], row: RosterEntry) -> bool:
    """Confirms the affiliation that a row speaks of, making it where it was not named.

    A row that does not say the kind of work speaks of the first one with its employer.
    """
    same = [
        tie
        for tie in ties
        if tie.employer_id == row.employer_id and row.kind_of_work in {None, tie.kind_of_work}
    ]
    if same:
        confirmed = same[0].vouched_at is not None
        same[0].vouched_at = same[0].vouched_at or work.now
        return not confirmed
    tie = Affiliation(
        id=new_id(),
        courier_id=courier.id,
        employer_id=row.employer_id,
        kind_of_work=row.kind_of_work or KindOfWork.other.value,
        vehicle=row.vehicle or (ties[0].vehicle if ties else Vehicle.on_foot.value),
        started_at=work.now,
        vouched_at=work.now,
    )
    work.session.add(tie)
    ties.append(tie)
    return True


def _indexes(person: Person) -> Indexes:
    return Indexes(person.document_index, person.name_index, person.phone_index)


def _open_reviews(courier_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        Review.courier_id == courier_id,
        Review.kind == ReviewKind.verification.value,
        Review.state == ReviewState.open.value,
    )
