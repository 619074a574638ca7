"""What somebody says when they register: about themselves, their work, and what they consent to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.models.couriers import DocumentType, KindOfWork, Purpose, Vehicle
from app.services.couriers.identity import Identity
from app.services.sealing import PersonKey


@dataclass(frozen=True, slots=True)
class AffiliationClaim:
    """A tie to an employer that a courier names."""

    employer_id: UUID
    kind_of_work: KindOfWork
    vehicle: Vehicle
    plate: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """One answer to one purpose, with the version of the text that was shown."""

    purpose: Purpose
    version: str
    given: bool


@dataclass(frozen=True, slots=True)
class Application:
    """A registration as it is sent, before anything of it is believed."""

    name: str = field(repr=False)
    document_type: DocumentType
    document_number: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    """Needed only where the document's number does not carry it."""
    affiliations: Sequence[AffiliationClaim]
    consents: Sequence[ConsentAnswer]


@dataclass(frozen=True, slots=True)
class Claim:
    """A registration whose document has a profile already: kept whole, so that it can still be granted.

    Its ids and times stand in for those that a registration of its own would have had: whoever
    asks must not be able to tell the two apart.
    """

    identity: Identity
    affiliations: Sequence[tuple[UUID, AffiliationClaim]]
    consents: Sequence[ConsentAnswer]


def seal_claim(claim: Claim, key: PersonKey, *, review_id: UUID) -> bytes:
    """`claim` as JSON under the key of the person whose document was shown."""
    content = {
        "document_type": claim.identity.document_type,
        "document_number": claim.identity.document_number,
        "name": claim.identity.name,
        "phone": claim.identity.phone,
        "affiliations": [
            {
                "id": tie_id,
                "employer_id": tie.employer_id,
                "kind_of_work": tie.kind_of_work,
                "vehicle": tie.vehicle,
                "plate": tie.plate,
            }
            for tie_id, tie in claim.affiliations
        ],
        "consents": [
            {"purpose": answer.purpose, "version": answer.version, "given": answer.given}
            for answer in claim.consents
        ],
    }
    return key.seal_json(content, table="reviews", column="claim_sealed", row=review_id)


def open_claim(sealed: bytes, key: PersonKey, *, review_id: UUID) -> Claim:
    """The claim of a review, in plain text: keep it short-lived."""
    content = key.open_json(sealed, table="reviews", column="claim_sealed", row=review_id)
    return Claim(
        identity=Identity(
            DocumentType(content["document_type"]),
            content["document_number"],
            content["name"],
            content["phone"],
        ),
        affiliations=[
            (
                UUID(tie["id"]),
                AffiliationClaim(
                    UUID(tie["employer_id"]),
                    KindOfWork(tie["kind_of_work"]),
                    Vehicle(tie["vehicle"]),
                    tie["plate"],
                ),
            )
            for tie in content["affiliations"]
        ],
        consents=[
            ConsentAnswer(Purpose(answer["purpose"]), answer["version"], answer["given"])
            for answer in content["consents"]
        ],
    )
