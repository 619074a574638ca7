"""What rosters do to couriers: they confirm, they verify the pending, and they take back their own word."""

from collections.abc import Sequence

import pytest
from sqlalchemy import event, select

from app.ids import new_id
from app.models.couriers import (
    Affiliation,
    Card,
    Courier,
    CourierState,
    DocumentType,
    KindOfWork,
    Person,
    Vehicle,
)
from app.models.employers import Employer
from app.models.reviews import Review
from app.models.rosters import RosterEntry
from app.services.couriers.affiliations import end_by_roster
from app.services.couriers.cards import CardFace, open_card
from app.services.couriers.identity import Identity, index_identity
from app.services.couriers.rules import ReviewReason
from app.services.couriers.verification import ask_reviewer, verify_by_roster
from app.work import Work
from tests.factories.couriers import made_up_id, make_courier
from tests.factories.employers import make_employer

NAME = "申屠远"
PHONE = "+8613800138501"
DOCUMENT = made_up_id(501)


@pytest.fixture
async def employer(work: Work) -> Employer:
    return await make_employer(work, name="晨光速运")


def row(work: Work, employer: Employer, **changed: str) -> RosterEntry:
    """A row that vouches for the courier of these tests, unless something of it is changed."""
    said = {"document": DOCUMENT, "name": NAME, "phone": PHONE, "kind": "food_delivery"} | changed
    indexes = index_identity(
        work.vault, Identity(DocumentType.resident_id, said["document"], said["name"], said["phone"])
    )
    return RosterEntry(
        id=new_id(),
        employer_id=employer.id,
        document_type=DocumentType.resident_id,
        document_index=indexes.document,
        name_index=indexes.name,
        phone_index=indexes.phone,
        kind_of_work=KindOfWork(said["kind"]),
        listed_at=work.now,
    )


async def bring(work: Work, state: CourierState, employer: Employer | None) -> Courier:
    return await make_courier(work, name=NAME, document=DOCUMENT, phone=PHONE, employer=employer, state=state)


async def ties(work: Work) -> list[Affiliation]:
    return list(await work.session.scalars(select(Affiliation).order_by(Affiliation.id)))


async def face(work: Work, courier: Courier) -> CardFace:
    await work.session.flush()
    card = await work.session.get_one(Card, courier.card_id)
    person = await work.session.get_one(Person, courier.person_id)
    assert person.wrapped_key is not None
    return open_card(work.vault, person.wrapped_key, person.id, card.id, card.sealed)


async def test_a_roster_that_comes_later_verifies_who_waits(work: Work, employer: Employer) -> None:
    courier = await bring(work, CourierState.pending, employer)
    await ask_reviewer(work, courier=courier, reasons=[ReviewReason.no_roster])
    assert await verify_by_roster(work, entries=[row(work, employer)]) == 1
    assert courier.state == CourierState.verified
    assert [tie.vouched_at for tie in await ties(work)] == [work.now]
    assert (await face(work, courier)).employer == "晨光速运"
    review = (await work.session.scalars(select(Review).execution_options(populate_existing=True))).one()
    assert (review.state, review.decided_by) == ("approved", None)
    assert await verify_by_roster(work, entries=[row(work, employer)]) == 0


@pytest.mark.parametrize(
    "changed", [{"name": "申屠近"}, {"phone": "+8613800138502"}, {"document": made_up_id(502)}]
)
async def test_a_row_that_differs_in_anything_verifies_nobody(
    work: Work, employer: Employer, changed: dict[str, str]
) -> None:
    courier = await bring(work, CourierState.pending, employer)
    assert await verify_by_roster(work, entries=[row(work, employer, **changed)]) == 0
    assert courier.state == CourierState.pending
    assert [tie.vouched_at for tie in await ties(work)] == [None]


async def test_a_row_marked_as_left_vouches_for_nobody(work: Work, employer: Employer) -> None:
    courier = await bring(work, CourierState.pending, employer)
    gone = row(work, employer)
    gone.left_at = work.now
    assert await verify_by_roster(work, entries=[gone]) == 0
    assert courier.state == CourierState.pending


@pytest.mark.parametrize("state", [CourierState.suspended, CourierState.left])
async def test_a_roster_brings_nobody_back(work: Work, employer: Employer, state: CourierState) -> None:
    courier = await bring(work, state, employer)
    assert await verify_by_roster(work, entries=[row(work, employer)]) == 0
    assert courier.state == state


async def test_a_second_employer_that_vouches_is_shown_beside_the_first(
    work: Work, employer: Employer
) -> None:
    courier = await bring(work, CourierState.verified, employer)
    other = await make_employer(work, name="渝快达")
    assert await verify_by_roster(work, entries=[row(work, other, kind="errand")]) == 0
    added = (await ties(work))[1]
    assert (added.kind_of_work, added.vehicle) == (KindOfWork.errand, Vehicle.e_bike)
    shown = await face(work, courier)
    assert (shown.employer, shown.kind_of_work) == ("晨光速运、渝快达", KindOfWork.food_delivery)


async def test_the_number_of_lookups_does_not_grow_with_the_roster(work: Work, employer: Employer) -> None:
    statements: list[str] = []
    engine = (await work.session.connection()).engine

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _count(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    async def lookups(entries: Sequence[RosterEntry]) -> int:
        await work.session.flush()
        statements.clear()
        await verify_by_roster(work, entries=entries)
        return len(statements)

    one = [row(work, employer, document=made_up_id(600))]
    many = [row(work, employer, document=made_up_id(601 + serial)) for serial in range(300)]
    try:
        assert await lookups(one) == await lookups(many) > 0
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", _count)


async def test_an_employer_takes_back_its_own_word_only(work: Work, employer: Employer) -> None:
    courier = await bring(work, CourierState.verified, employer)
    other = await make_employer(work, name="渝快达")
    await verify_by_roster(work, entries=[row(work, other, kind="errand")])
    assert await end_by_roster(work, entries=[row(work, employer)], reason="离职") == 1
    assert [(tie.employer_id == other.id, tie.ended_at is None) for tie in await ties(work)] == [
        (False, False),
        (True, True),
    ]
    assert courier.state == CourierState.verified
    assert (await face(work, courier)).employer == "渝快达"
    assert await end_by_roster(work, entries=[row(work, employer)], reason="离职") == 0
    assert await end_by_roster(work, entries=[row(work, other)], reason="离职") == 1
    assert courier.state == CourierState.verified
    assert (await face(work, courier)).employer is None
