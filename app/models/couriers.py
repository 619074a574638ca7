"""Persons and their courier profiles, affiliations, consents and photos."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Id, Instant, must_be_one_of, one_of


class DocumentType(StrEnum):
    """The documents that prove who somebody is."""

    resident_id = "resident_id"
    hk_macao_permit = "hk_macao_permit"
    taiwan_permit = "taiwan_permit"
    residence_permit = "residence_permit"
    foreign_permanent_resident_card = "foreign_permanent_resident_card"


class CourierState(StrEnum):
    """Where a courier stands. Only the verified get codes."""

    pending = "pending"
    verified = "verified"
    suspended = "suspended"
    left = "left"


class KindOfWork(StrEnum):
    """What a courier does for an employer."""

    food_delivery = "food_delivery"
    parcel_delivery = "parcel_delivery"
    errand = "errand"
    ride_hailing = "ride_hailing"
    freight = "freight"
    domestic_service = "domestic_service"
    other = "other"


class Vehicle(StrEnum):
    """What a courier comes on."""

    on_foot = "on_foot"
    bicycle = "bicycle"
    e_bike = "e_bike"
    motorcycle = "motorcycle"
    tricycle = "tricycle"
    car = "car"
    van = "van"
    truck = "truck"


class Purpose(StrEnum):
    """Separate purposes with separate consent (Personal Information Protection Law, art. 14 and 29)."""

    gate = "gate"
    rating = "rating"
    portrait = "portrait"
    sharing = "sharing"


class Person(Base):
    """A human being. All that is personal is sealed under the key of this row."""

    __tablename__ = "persons"
    __table_args__ = (must_be_one_of("document_type", DocumentType),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The person's key under a master key; None once the person was erased."""
    document_type: Mapped[str] = mapped_column(one_of(DocumentType))
    document_index: Mapped[bytes] = mapped_column(Digest, unique=True)
    next_document_index: Mapped[bytes | None] = mapped_column(Digest, unique=True)
    document_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    name_index: Mapped[bytes] = mapped_column(Digest)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes] = mapped_column(Digest, index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Courier(Base):
    """A person in new-form employment."""

    __tablename__ = "couriers"
    __table_args__ = (must_be_one_of("state", CourierState),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Id, ForeignKey("persons.id"), unique=True)
    account_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("accounts.id"), unique=True)
    state: Mapped[str] = mapped_column(one_of(CourierState))
    registered_at: Mapped[datetime] = mapped_column(Instant)
    card_id: Mapped[UUID | None] = mapped_column(Id)
    """The current card; None until the courier was verified for the first time."""
    photo_id: Mapped[UUID | None] = mapped_column(Id)
    codes_from: Mapped[datetime | None] = mapped_column(Instant, index=True)
    """Codes made before this time have ended, those for later slots too: the profile moved to another
    account then, and the handle of a day is another one since."""


class CourierChange(Base):
    """One change of state: from, to, who, when, why."""

    __tablename__ = "courier_changes"
    __table_args__ = (Index(None, "courier_id", "id"), Index(None, "at"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    from_state: Mapped[str | None] = mapped_column(one_of(CourierState))
    to_state: Mapped[str] = mapped_column(one_of(CourierState))
    at: Mapped[datetime] = mapped_column(Instant)
    account_id: Mapped[UUID | None] = mapped_column(Id)
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)


class Affiliation(Base):
    """A person's dated tie to an employer; there may be several."""

    __tablename__ = "affiliations"
    __table_args__ = (
        must_be_one_of("kind_of_work", KindOfWork),
        must_be_one_of("vehicle", Vehicle),
        Index(
            "uq_affiliations_live",
            "courier_id",
            "employer_id",
            "kind_of_work",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"), index=True)
    kind_of_work: Mapped[str] = mapped_column(one_of(KindOfWork))
    vehicle: Mapped[str] = mapped_column(one_of(Vehicle))
    plate_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    started_at: Mapped[datetime] = mapped_column(Instant)
    vouched_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the employer's roster or a reviewer confirmed it."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    end_reason: Mapped[str | None] = mapped_column(Text)


class Consent(Base):
    """One answer to one purpose, with the version of the text that was shown; the latest holds."""

    __tablename__ = "consents"
    __table_args__ = (must_be_one_of("purpose", Purpose), Index(None, "courier_id", "purpose", "id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    purpose: Mapped[str] = mapped_column(one_of(Purpose))
    version: Mapped[str] = mapped_column(String(32))
    given: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(Instant)


class Photo(Base):
    """A portrait, re-encoded without metadata and sealed under the person's key."""

    __tablename__ = "photos"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Card(Base):
    """What a guard is shown of a courier, as of one moment: surname, employer, kind of work, photo.

    Cards are never changed: a scan names the card that was shown, so its answer can be given again
    word for word, and no personal data stands in the scan itself.
    """

    __tablename__ = "cards"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)


class DayHandle(Base):
    """What a code says instead of who the courier is, for one service day.

    A courier whose profile moves to another account has a second one that day: see `codes_from`.
    """

    __tablename__ = "day_handles"
    __table_args__ = (Index(None, "courier_id", "day"),)

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    handle: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
