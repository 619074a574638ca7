"""What the API says and hears about couriers."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Choice, Day, Id, Instant, Line, Opaque, Request, Response
from app.models.couriers import CourierState, DocumentType, KindOfWork, Purpose, Vehicle
from app.services.couriers.claims import AffiliationClaim, Application, ConsentAnswer
from app.services.couriers.own import LookUp as FoundLookUp
from app.services.couriers.own import OwnProfile
from app.services.couriers.queries import RosterTie, StaffView

Name = Annotated[str, Line(1, 60), Field(examples=["阿依古丽·买买提"])]
DocumentNumber = Annotated[str, Line(1, 64), Field(examples=["509999199003070015"])]
Plate = Annotated[str, Line(1, 16), Field(examples=["渝A12345"])]
Version = Annotated[str, Opaque(1, 32), Field(examples=["2026-05"])]
Reason = Annotated[str, Line(1, 200), Field(examples=["证件与本人不符"])]
MaskedName = Annotated[str, Field(examples=["阿***"])]
MaskedDocument = Annotated[str, Field(examples=["5****************5"])]
MaskedPhone = Annotated[str, Field(examples=["138****8000"])]

MOST_AFFILIATIONS = 10
"""Nobody works for more employers at a time than the guard can be told of."""


class Document(Request):
    """An identity document."""

    type: Choice[DocumentType]
    """What kind it is."""
    number: DocumentNumber
    """Its number in any spelling; renewals of a permit count as the same."""


class NewAffiliation(Request):
    """A tie to an employer."""

    employer_id: Id
    """The employer."""
    kind_of_work: Choice[KindOfWork]
    """What the courier does there."""
    vehicle: Choice[Vehicle]
    """What the courier comes on."""
    plate: Plate | None = None
    """The number plate, where the vehicle has one."""

    def claim(self) -> AffiliationClaim:
        """This tie as the services take it."""
        return AffiliationClaim(self.employer_id, self.kind_of_work, self.vehicle, self.plate)


class ConsentGiven(Request):
    """An answer to one purpose."""

    version: Version
    """The version of the text that was shown."""
    given: bool
    """Whether it was consented to."""


class ConsentsGiven(Request):
    """An answer to each purpose. Only the one for the gate is needed for a code."""

    gate: ConsentGiven
    """Showing guards who comes, and keeping entries."""
    rating: ConsentGiven
    """Counting workload and giving stars."""
    portrait: ConsentGiven
    """Describing working patterns."""
    sharing: ConsentGiven
    """Passing data on to partners of the union."""

    def answers(self) -> list[ConsentAnswer]:
        """These answers as the services take them."""
        return [
            ConsentAnswer(purpose, getattr(self, purpose).version, getattr(self, purpose).given)
            for purpose in Purpose
        ]


class Particulars(Request):
    """Who somebody is and what they do."""

    name: Name
    """As on the document."""
    document: Document
    """What proves it."""
    birth_date: Day | None = None
    """Needed for the permits of Hong Kong, Macao and Taiwan, whose numbers do not tell it."""
    affiliations: Annotated[list[NewAffiliation], Field(min_length=1, max_length=MOST_AFFILIATIONS)]
    """For whom the courier works."""
    consents: ConsentsGiven
    """What the person consents to."""

    def application(self) -> Application:
        """This registration as the services take it, without the phone."""
        return Application(
            name=self.name,
            document_type=self.document.type,
            document_number=self.document.number,
            birth_date=self.birth_date,
            affiliations=[tie.claim() for tie in self.affiliations],
            consents=self.consents.answers(),
        )


class Registration(Particulars):
    """Who somebody is and what they do, said by themselves."""

    phone_code: Annotated[str, Opaque(1, 512), Field(examples=["e31968a7f94cc5ee25fafc2aef2773f0bb8c3937"])]
    """The fresh code of WeChat's phone number button; spent by this call."""


class AssistedRegistration(Particulars):
    """Who somebody is and what they do, taken down at a desk; the consents are signed on paper."""

    phone: Annotated[str, Line(1, 32), Field(examples=["13800138000"])]
    """As it was told; nobody confirms it."""
    reason: Annotated[str, Line(1, 200), Field(examples=["无智能手机，持证件到站登记"])]
    """Why at a desk; kept with the record, without naming anybody."""


class Explanation(Request):
    """Why something is done; kept with the record."""

    reason: Reason
    """In words, without naming anybody."""


class Affiliation(Response):
    """A tie to an employer, as its courier sees it."""

    id: Id
    """Its identifier."""
    employer_id: Id
    """The employer."""
    employer: str
    """The employer's name."""
    kind_of_work: KindOfWork
    """What the courier does there."""
    vehicle: Vehicle
    """What the courier comes on."""
    plate: str | None
    """The number plate, where one was given."""
    started_at: Instant
    """Since when."""
    confirmed: bool
    """Whether a roster or a reviewer confirmed it. Guards see only those."""


class Consent(Response):
    """The answer that holds for one purpose."""

    purpose: Purpose
    """What for."""
    version: str
    """The version of the text that was shown."""
    given: bool
    """Whether it was consented to."""


class ConsentList(Response):
    """The answers that hold."""

    items: list[Consent]
    """One a purpose."""


class CourierProfile(Response):
    """A courier's own profile."""

    state: CourierState
    """Only the verified get codes."""
    name: Name
    """As registered."""
    document_type: DocumentType
    """The kind of document."""
    document: MaskedDocument
    """Its number, masked."""
    phone: MaskedPhone
    """The phone that WeChat confirmed, masked."""
    registered_at: Instant
    """Since when the profile is here."""
    under_review: bool
    """Whether a reviewer has still to decide on something."""
    declined_because: str | None
    """What the reviewer said who declined the registration; one may register again."""
    photo_id: Id | None
    """Changes with every new photo; null where there is none."""
    affiliations: list[Affiliation]
    """For whom the courier works."""
    consents: list[Consent]
    """What the courier consents to."""

    @classmethod
    def of(cls, profile: OwnProfile) -> Self:
        """The profile that a service read."""
        return cls.model_validate(profile)


class CourierChange(Response):
    """A change of state."""

    from_state: CourierState | None
    """Null at the beginning."""
    to_state: CourierState
    """Where it led."""
    at: Instant
    """When."""
    account_id: Id | None
    """Who; null for a command of the deployment."""
    actor: str
    """The kind of account, or the command."""
    reason: str
    """Why."""


class MaskedIdentity(Response):
    """Enough to tell people apart."""

    name: MaskedName
    """Surname and stars."""
    document_type: DocumentType
    """The kind of document."""
    document: MaskedDocument
    """First and last character of its number."""
    phone: MaskedPhone
    """First three and last four digits."""


class Courier(Response):
    """A courier as staff see them."""

    id: Id
    """Its identifier."""
    state: CourierState
    """Where the courier stands."""
    identity: MaskedIdentity
    """Masked; in full only by a look-up."""
    registered_at: Instant
    """Since when the profile is here."""
    affiliations: list[Affiliation]
    """The live ones."""
    changes: list[CourierChange]
    """Every change of state, newest first."""

    @classmethod
    def of(cls, view: StaffView) -> Self:
        """The view that a service read."""
        return cls.model_validate(view)


class EmployedCourier(Response):
    """An affiliation as its employer sees it."""

    id: Id
    """The affiliation."""
    courier_id: Id
    """The courier."""
    name: MaskedName
    """Surname and stars."""
    kind_of_work: KindOfWork
    """What the courier does."""
    started_at: Instant
    """Since when."""
    confirmed: bool
    """Whether a roster or a reviewer confirmed it."""


class EmployedCourierPage(Response):
    """Some affiliations with one employer, oldest first."""

    items: list[EmployedCourier]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""

    @classmethod
    def of(cls, ties: Sequence[RosterTie], next_cursor: str | None) -> Self:
        """The page that a service read."""
        return cls(
            items=[
                EmployedCourier(
                    id=tie.id,
                    courier_id=tie.courier_id,
                    name=tie.name,
                    kind_of_work=KindOfWork(tie.kind_of_work),
                    started_at=tie.started_at,
                    confirmed=tie.confirmed,
                )
                for tie in ties
            ],
            next_cursor=next_cursor,
        )


class LookUp(Response):
    """A look at one's identity by somebody else."""

    at: Instant
    """When."""
    actor: str
    """The kind of account that looked."""
    reason: str | None
    """What it gave as its reason."""


class LookUpPage(Response):
    """Some look-ups, newest first."""

    items: list[LookUp]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""

    @classmethod
    def of(cls, found: Sequence[FoundLookUp], next_cursor: str | None) -> Self:
        """The page that a service read."""
        return cls(
            items=[LookUp(at=look.at, actor=look.actor, reason=look.reason) for look in found],
            next_cursor=next_cursor,
        )
