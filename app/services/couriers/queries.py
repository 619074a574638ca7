"""What others read about couriers: a staff member's view, an employer's list, a photo at the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.models.accounts import Role
from app.models.couriers import (
    Affiliation,
    Courier,
    CourierChange,
    CourierState,
    DocumentType,
    Person,
    Photo,
)
from app.models.employers import Employer
from app.pagination import Page, page_of
from app.services.couriers.identity import Identity, key_of, open_identity, open_name, open_plate
from app.services.masking import masked_document, masked_name, masked_phone, masked_plate
from app.services.sealing import PersonKey
from app.work import Place, Work

LOOKED_UP = "couriers.looked_up"
"""The audit action of every look-up of a courier's identity."""


@dataclass(frozen=True, slots=True)
class Tie:
    """One affiliation with its employer's name."""

    id: UUID
    employer_id: UUID
    employer: str
    kind_of_work: str
    vehicle: str
    plate: str | None = field(repr=False)
    """In full for its courier, masked for everybody else."""
    started_at: datetime
    confirmed: bool
    """Whether a roster or a reviewer has confirmed it; guards see only those."""


@dataclass(frozen=True, slots=True)
class MaskedIdentity:
    """Enough to tell people apart, not enough to know them."""

    name: str
    document_type: DocumentType
    document: str
    phone: str


def masked(identity: Identity) -> MaskedIdentity:
    """`identity` as people see it who need not know everything."""
    return MaskedIdentity(
        name=masked_name(identity.name),
        document_type=identity.document_type,
        document=masked_document(identity.document_number),
        phone=masked_phone(identity.phone),
    )


@dataclass(frozen=True, slots=True)
class StaffView:
    """A courier as staff see them before they look anybody up."""

    id: UUID
    state: CourierState
    identity: MaskedIdentity
    registered_at: datetime
    affiliations: Sequence[Tie]
    changes: Sequence[CourierChange]
    """Every change of state, newest first."""


async def read_courier(work: Work, *, courier_id: UUID) -> StaffView:
    """One courier, masked, for a reviewer or registrar; raises NotFound."""
    found = (
        await work.session.execute(
            select(Courier, Person)
            .join(Person, Person.id == Courier.person_id)
            .where(Courier.id == courier_id)
        )
    ).one_or_none()
    if found is None or not work.actor.may(Role.reviewer, Role.registrar):
        raise NotFound
    courier, person = found
    key = key_of(work.vault, person)
    changes = await work.session.scalars(
        select(CourierChange).where(CourierChange.courier_id == courier.id).order_by(CourierChange.id.desc())
    )
    return StaffView(
        id=courier.id,
        state=CourierState(courier.state),
        identity=masked(open_identity(person, key)),
        registered_at=courier.registered_at,
        affiliations=[
            replace(tie, plate=masked_plate(tie.plate) if tie.plate else None)
            for tie in await live_ties(work, courier.id, key)
        ],
        changes=changes.all(),
    )


@dataclass(frozen=True, slots=True)
class RosterTie:
    """One affiliation as its employer sees it."""

    id: UUID
    courier_id: UUID
    employer_id: UUID
    name: str
    """Masked."""
    kind_of_work: str
    started_at: datetime
    confirmed: bool


async def list_affiliations(
    work: Work, *, employer_id: UUID, after: UUID | None, limit: int
) -> Page[RosterTie]:
    """The live affiliations with one employer, oldest first; raises NotFound for one out of reach."""
    known = await work.session.get(Employer, employer_id)
    place = Place(employer_id=employer_id)
    if known is None or not work.actor.may(Role.employer_user, Role.registrar, at=place):
        raise NotFound
    query = (
        select(Affiliation, Person)
        .join(Courier, Courier.id == Affiliation.courier_id)
        .join(Person, Person.id == Courier.person_id)
        .where(Affiliation.employer_id == employer_id, Affiliation.ended_at.is_(None))
        .order_by(Affiliation.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Affiliation.id > after)
    return page_of(
        [
            RosterTie(
                id=tie.id,
                courier_id=tie.courier_id,
                employer_id=tie.employer_id,
                name=masked_name(open_name(person, key_of(work.vault, person))),
                kind_of_work=tie.kind_of_work,
                started_at=tie.started_at,
                confirmed=tie.vouched_at is not None,
            )
            for tie, person in (await work.session.execute(query)).all()
        ],
        limit,
    )


async def open_photo(work: Work, *, photo_id: UUID) -> bytes:
    """A portrait as JPEG, for a caller whose right to it has been made sure of; raises NotFound."""
    found = (
        await work.session.execute(
            select(Photo, Person)
            .join(Courier, Courier.id == Photo.courier_id)
            .join(Person, Person.id == Courier.person_id)
            .where(Photo.id == photo_id)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    photo, person = found
    return key_of(work.vault, person).open(photo.sealed, table="photos", column="sealed", row=photo.id)


async def live_ties(work: Work, courier_id: UUID, key: PersonKey) -> list[Tie]:
    """The affiliations of a courier that have not ended, with their employers' names."""
    rows = (
        await work.session.execute(
            select(Affiliation, Employer.name)
            .join(Employer, Employer.id == Affiliation.employer_id)
            .where(Affiliation.courier_id == courier_id, Affiliation.ended_at.is_(None))
            .order_by(Affiliation.started_at, Affiliation.id)
        )
    ).all()
    return [
        Tie(
            id=tie.id,
            employer_id=tie.employer_id,
            employer=employer,
            kind_of_work=tie.kind_of_work,
            vehicle=tie.vehicle,
            plate=open_plate(key, tie.plate_sealed, tie.id),
            started_at=tie.started_at,
            confirmed=tie.vouched_at is not None,
        )
        for tie, employer in rows
    ]
