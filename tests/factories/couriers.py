"""Couriers with an account, a person and a confirmed affiliation."""

from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind
from app.models.couriers import (
    Affiliation,
    Consent,
    Courier,
    CourierState,
    DocumentType,
    KindOfWork,
    Purpose,
    Vehicle,
)
from app.models.employers import Employer
from app.services.couriers.cards import issue_card
from app.services.couriers.documents import mod_11_2
from app.services.couriers.identity import Identity, seal_person
from app.services.spelling import compact
from app.work import Work


def made_up_id(serial: int, *, birth: str = "19900307", county: str = "509999") -> str:
    """A resident ID number with a valid check character in a county that does not exist."""
    digits = f"{county}{birth}{serial:03d}"
    return digits + mod_11_2(digits)


async def make_wechat_account(work: Work, *, openid: str) -> Account:
    """An account that signs in through WeChat as `openid`."""
    account_id = new_id()
    account = Account(
        id=account_id,
        kind=AccountKind.wechat,
        created_at=work.now,
        openid_index=work.vault.index("openid", openid),
        openid_sealed=work.vault.seal(
            openid.encode(), table="accounts", column="openid_sealed", row=account_id
        ),
    )
    work.session.add(account)
    await work.session.flush()
    return account


async def make_courier(
    work: Work,
    *,
    name: str,
    document: str,
    phone: str,
    employer: Employer | None,
    state: CourierState = CourierState.verified,
    account: Account | None = None,
    kind_of_work: KindOfWork = KindOfWork.food_delivery,
    vehicle: Vehicle = Vehicle.e_bike,
) -> Courier:
    """A courier by resident ID, with an own account unless one is given; `phone` in E.164.

    Who is verified or suspended has a card, and the affiliation is confirmed then.
    """
    account = account or await make_wechat_account(work, openid=new_secret())
    person, key = seal_person(
        work.vault,
        Identity(DocumentType.resident_id, compact(document), name, phone),
        now=work.now,
    )
    courier = Courier(
        id=new_id(),
        person_id=person.id,
        account_id=account.id,
        state=state,
        registered_at=work.now,
    )
    known = state in {CourierState.verified, CourierState.suspended}
    work.session.add(person)
    await work.session.flush()
    work.session.add(courier)
    await work.session.flush()
    work.session.add_all(
        Consent(
            id=new_id(), courier_id=courier.id, purpose=purpose, version="2026-01", given=True, at=work.now
        )
        for purpose in Purpose
    )
    if employer is not None:
        work.session.add(
            Affiliation(
                id=new_id(),
                courier_id=courier.id,
                employer_id=employer.id,
                kind_of_work=kind_of_work,
                vehicle=vehicle,
                started_at=work.now,
                vouched_at=work.now if known else None,
            )
        )
    if known:
        await issue_card(work, courier, person, key)
    await work.session.flush()
    return courier
