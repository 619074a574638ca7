"""The couriers of a replay: made-up people who are verified and have signed in."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.ids import new_id
from app.models.accounts import AccountKind
from app.models.couriers import Courier, CourierState, DocumentType, KindOfWork, Person, Purpose, Vehicle
from app.models.employers import Employer, EmployerKind
from app.replay.accounts import find_accounts, new_account
from app.services.couriers.affiliations import new_affiliation
from app.services.couriers.claims import AffiliationClaim, ConsentAnswer
from app.services.couriers.consents import keep_consents
from app.services.couriers.documents import mod_11_2
from app.services.couriers.identity import Identity, seal_person
from app.services.couriers.states import change_state, note_change
from app.services.employers.register import create_employer
from app.work import Work

EMPLOYER = "回放用工单位"
"""Vouches for every courier of every replay: by it they are told from real ones."""
NAME = "甄回放"
UNASSIGNED_COUNTY = "509999"
"""No county of Chongqing has had this code (GB/T 2260), so the numbers are nobody's."""
FIRST_BIRTH = date(1970, 1, 1)
NUMBERS_A_DAY = 1000
"""Three digits tell people of one county and day of birth apart (GB 11643-1999, 4.2.3)."""
UNASSIGNED_PHONES = "+86154"
"""No carrier has been given numbers that begin with 154."""
REASON = "made for a replay"
CONSENT_VERSION = "replay"


def made_up_number(serial: int) -> str:
    """A resident ID number that has a right check character (GB 11643-1999) and belongs to nobody."""
    birth = FIRST_BIRTH + timedelta(days=serial // NUMBERS_A_DAY)
    digits = f"{UNASSIGNED_COUNTY}{birth:%Y%m%d}{serial % NUMBERS_A_DAY:03d}"
    return digits + mod_11_2(digits)


async def bring_couriers(work: Work, *, names: Sequence[str]) -> dict[str, UUID]:
    """The accounts of the couriers whom the file calls `names`, made where they are missing."""
    known = await find_accounts(work, [_openid(name) for name in names])
    missing = [name for name in names if _openid(name) not in known]
    if missing:
        known |= await _register(work, missing)
    return {name: known[_openid(name)] for name in names}


def _openid(name: str) -> str:
    return f"replay courier {name}"


async def _register(work: Work, names: Sequence[str]) -> dict[str, UUID]:
    employer = await work.session.scalar(select(Employer).where(Employer.name == EMPLOYER))
    if employer is None:
        employer = await create_employer(work, name=EMPLOYER, kind=EmployerKind.platform)
    claim = AffiliationClaim(employer.id, KindOfWork.food_delivery, Vehicle.e_bike, plate=None)
    consents = [ConsentAnswer(purpose, CONSENT_VERSION, given=True) for purpose in Purpose]
    first = await work.session.scalar(select(func.count()).select_from(Person)) or 0

    accounts = {name: new_account(work, AccountKind.wechat, _openid(name)) for name in names}
    people = [
        seal_person(
            work.vault,
            Identity(
                DocumentType.resident_id, made_up_number(serial), NAME, f"{UNASSIGNED_PHONES}{serial:08d}"
            ),
            now=work.now,
        )
        for serial in range(first, first + len(names))
    ]
    work.session.add_all(accounts.values())
    work.session.add_all(person for person, _ in people)
    await work.session.flush()

    couriers = [
        Courier(
            id=new_id(),
            person_id=person.id,
            account_id=accounts[name].id,
            state=CourierState.pending.value,
            registered_at=work.now,
        )
        for name, (person, _) in zip(names, people, strict=True)
    ]
    work.session.add_all(couriers)
    await work.session.flush()

    for courier, (_, key) in zip(couriers, people, strict=True):
        note_change(work, courier=courier, before=None, reason=REASON)
        keep_consents(work, courier_id=courier.id, answers=consents)
        tie = new_affiliation(work, claim, courier_id=courier.id, key=key)
        tie.vouched_at = work.now
        work.session.add(tie)
    await work.session.flush()
    for courier in couriers:
        await change_state(work, courier=courier, to=CourierState.verified, reason=REASON)
    return {_openid(name): account.id for name, account in accounts.items()}
