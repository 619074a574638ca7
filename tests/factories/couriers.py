"""Couriers with an account, a person and a confirmed affiliation, and people who are about to register."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from app.ids import new_id
from app.models.accounts import Account, AccountKind, Role
from app.models.couriers import (
    Affiliation,
    Card,
    Consent,
    Courier,
    CourierState,
    DocumentType,
    KindOfWork,
    Person,
    Purpose,
    Vehicle,
)
from app.models.employers import Employer
from app.models.notices import Notice
from app.models.rosters import Roster, RosterEntry
from app.runtime import Runtime
from app.services.couriers.cards import CardFace, issue_card, open_card
from app.services.couriers.documents import mod_11_2
from app.services.couriers.identity import Identity, index_identity, seal_person
from app.services.spelling import compact
from app.standin.remote import StandIn
from app.work import Work
from tests.factories.accounts import EVERYWHERE, make_account, sign_in, signed_in
from tests.factories.employers import make_employer
from tests.factories.work import seeding


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
    account = account or await make_account(work, kind=AccountKind.wechat, grants=())
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


async def arrive(runtime: Runtime, standin: StandIn, user: str) -> dict[str, str]:
    """The headers of a fresh account of the WeChat user `user`, who has no profile; committed."""
    async with seeding(runtime) as work:
        return await sign_in(work, account=await make_wechat_account(work, openid=standin.openid(user)))


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody with an account of WeChat, who has a document and a phone and works for an employer."""

    client: httpx.AsyncClient
    standin: StandIn
    headers: dict[str, str] = field(repr=False)
    user: str
    """The WeChat user."""
    name: str
    document: str
    phone: str
    employer_id: UUID

    async def register(self, **changed: Any) -> httpx.Response:
        """Registers, with a fresh phone code unless one is given."""
        body = {
            "name": self.name,
            "document": {"type": "resident_id", "number": self.document},
            "affiliations": [
                {
                    "employer_id": str(self.employer_id),
                    "kind_of_work": "food_delivery",
                    "vehicle": "e_bike",
                }
            ],
            "consents": consents(),
            **changed,
        }
        body.setdefault("phone_code", self.standin.release_phone(self.user, self.phone))
        return await self.client.post("/v1/couriers", json=body, headers=self.headers)

    async def profile(self) -> httpx.Response:
        """The own profile as it reads now."""
        return await self.client.get("/v1/couriers/me", headers=self.headers)


async def staff(runtime: Runtime, *roles: Role) -> dict[str, str]:
    """The headers of a fresh staff account that holds `roles` everywhere; committed."""
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.staff, grants=[(role, EVERYWHERE) for role in roles])


async def employer_called(runtime: Runtime, name: str) -> Employer:
    """An employer called `name`; committed."""
    async with seeding(runtime) as work:
        return await make_employer(work, name=name)


async def list_on_roster(
    runtime: Runtime,
    employer: Employer,
    *,
    name: str,
    document: str,
    phone: str,
    kind_of_work: KindOfWork = KindOfWork.food_delivery,
) -> RosterEntry:
    """A live row of the roster of `employer`; committed."""
    async with seeding(runtime) as work:
        indexes = index_identity(
            work.vault, Identity(DocumentType.resident_id, document, name, f"+86{phone}")
        )
        roster = Roster(
            id=new_id(),
            employer_id=employer.id,
            delivered_at=work.now,
            content_digest=bytes(32),
            rows=1,
            added=1,
            changed=0,
            returned=0,
            unchanged=0,
            refused=0,
            verified=0,
        )
        work.session.add(roster)
        await work.session.flush()
        entry = RosterEntry(
            id=new_id(),
            employer_id=employer.id,
            document_type=DocumentType.resident_id,
            document_index=indexes.document,
            name_index=indexes.name,
            phone_index=indexes.phone,
            kind_of_work=kind_of_work,
            listed_at=work.now,
            roster_id=roster.id,
        )
        work.session.add(entry)
        return entry


def consents(**given: bool) -> dict[str, dict[str, Any]]:
    """An answer to every purpose: yes, unless `given` says otherwise."""
    return {purpose.value: {"version": "2026-05", "given": given.get(purpose, True)} for purpose in Purpose}


async def only_courier(runtime: Runtime) -> Courier:
    """The one courier that there is."""
    async with runtime.database.session(write=False) as session:
        return (await session.scalars(select(Courier))).one()


async def shown_card(runtime: Runtime) -> CardFace:
    """The face of the only courier's current card."""
    async with runtime.database.session(write=False) as session:
        courier = (await session.scalars(select(Courier))).one()
        person = await session.get_one(Person, courier.person_id)
        card = await session.get_one(Card, courier.card_id)
        assert person.wrapped_key is not None
        return open_card(runtime.deployment.vault, person.wrapped_key, person.id, card.id, card.sealed)


async def told(runtime: Runtime) -> list[str]:
    """The kinds of all notices left so far."""
    async with runtime.database.session(write=False) as session:
        return list(await session.scalars(select(Notice.kind).order_by(Notice.id)))
