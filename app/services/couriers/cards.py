"""Cards: what a guard is shown of a courier, fixed at one moment and sealed."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.ids import new_id
from app.models.couriers import Affiliation, Card, Courier, KindOfWork, Person
from app.models.employers import Employer
from app.services.couriers.identity import open_name
from app.services.masking import surname
from app.services.sealing import PersonKey, Vault
from app.work import Work

EMPLOYERS_SHOWN = 3
"""More names than these no guard reads on a phone."""


@dataclass(frozen=True, slots=True)
class CardFace:
    """What the guard sees. Printing one does not show the surname."""

    surname: str = field(repr=False)
    employer: str | None
    """Names of the employers that vouch for the courier, joined by `、`; None where none does."""
    kind_of_work: KindOfWork | None
    """Of the first of these employers."""
    photo_id: UUID | None


async def issue_card(work: Work, courier: Courier, person: Person, key: PersonKey) -> Card:
    """Makes the courier's current card from what holds now.

    Only affiliations that a roster or a reviewer confirmed are shown: a claim is no identity.
    """
    await work.session.flush()
    ties = (
        await work.session.execute(
            select(Employer.name, Affiliation.kind_of_work)
            .join(Employer, Employer.id == Affiliation.employer_id)
            .where(
                Affiliation.courier_id == courier.id,
                Affiliation.ended_at.is_(None),
                Affiliation.vouched_at.is_not(None),
            )
            .order_by(Affiliation.vouched_at, Affiliation.id)
        )
    ).all()
    employers = list(dict.fromkeys(tie.name for tie in ties))
    face = CardFace(
        surname=surname(open_name(person, key)),
        employer="、".join(employers[:EMPLOYERS_SHOWN]) or None,
        kind_of_work=KindOfWork(ties[0].kind_of_work) if ties else None,
        photo_id=courier.photo_id,
    )
    card = seal_card(courier.id, face, key, now=work.now)
    work.session.add(card)
    courier.card_id = card.id
    return card


def seal_card(courier_id: UUID, face: CardFace, key: PersonKey, *, now: datetime) -> Card:
    """A card with `face` under the person's key."""
    card_id = new_id()
    content = {
        "employer": face.employer,
        "kind_of_work": face.kind_of_work,
        "photo_id": face.photo_id,
        "surname": face.surname,
    }
    sealed = key.seal_json(content, table="cards", column="sealed", row=card_id)
    return Card(id=card_id, courier_id=courier_id, sealed=sealed, created_at=now)


def open_card(vault: Vault, wrapped_key: bytes, person_id: UUID, card_id: UUID, sealed: bytes) -> CardFace:
    """The face of a card; raises SealBroken. Two decryptions, no database: every scan does this once."""
    key = vault.person_key(wrapped_key, person_id)
    content = key.open_json(sealed, table="cards", column="sealed", row=card_id)
    kind, photo = content["kind_of_work"], content["photo_id"]
    return CardFace(
        surname=content["surname"],
        employer=content["employer"],
        kind_of_work=KindOfWork(kind) if kind else None,
        photo_id=UUID(photo) if photo else None,
    )
