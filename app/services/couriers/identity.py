"""How a person's name, document and phone are compared, sealed and opened."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.errors import NotFound
from app.ids import new_id
from app.models.couriers import DocumentType, Person
from app.services.couriers.documents import Document
from app.services.masking import DOTS
from app.services.sealing import PersonKey, Vault
from app.services.spelling import half_width, is_invisible

MIDDLE_DOT = "·"
"""What stands between the parts of a name on identity documents (GB 18030, U+00B7)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is or says they are. Printing one shows nothing of it."""

    document_type: DocumentType
    document_number: str = field(repr=False)
    """In its canonical spelling, see `normalise_document`."""
    name: str = field(repr=False)
    phone: str = field(repr=False)
    """E.164, see `normalise_phone`."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """The blind indexes that an identity is recognised by."""

    document: bytes
    name: bytes
    phone: bytes


def plain_name(name: str) -> str:
    """A name as it is kept: NFC, half width, one kind of middle dot, single spaces, nothing invisible."""
    text = unicodedata.normalize("NFC", half_width(name))
    dotted = "".join(MIDDLE_DOT if char in DOTS else char for char in text if not is_invisible(char))
    return " ".join(dotted.split())


def comparable_name(name: str) -> str:
    """What is equal for all spellings of one name: without spaces and case."""
    return "".join(plain_name(name).split()).casefold()


def document_index(vault: Vault, type_: str, number: str) -> bytes:
    """The blind index of a document by its type and canonical number."""
    return vault.index("document", f"{DocumentType(type_).value}:{number}")


def name_index(vault: Vault, name: str) -> bytes:
    """The blind index of a name in any spelling."""
    return vault.index("name", comparable_name(name))


def phone_index(vault: Vault, phone: str) -> bytes:
    """The blind index of a phone number in E.164."""
    return vault.index("phone", phone)


def index_identity(vault: Vault, identity: Identity) -> Indexes:
    """All three blind indexes of `identity`."""
    return Indexes(
        document_index(vault, identity.document_type, identity.document_number),
        name_index(vault, identity.name),
        phone_index(vault, identity.phone),
    )


def identify(document: Document, name: str, phone: str) -> Identity:
    """The identity that a validated document, a name as typed and a confirmed phone make."""
    return Identity(DocumentType(document.type.value), document.number, plain_name(name), phone)


def seal_person(vault: Vault, identity: Identity, *, now: datetime) -> tuple[Person, PersonKey]:
    """A new person's row, sealed under a key of its own, and that key."""
    person_id = new_id()
    key, wrapped = vault.new_person_key(person_id)
    indexes = index_identity(vault, identity)
    number = identity.document_number
    person = Person(
        id=person_id,
        wrapped_key=wrapped,
        document_type=identity.document_type.value,
        document_index=indexes.document,
        next_document_index=vault.next_index("document", f"{identity.document_type.value}:{number}"),
        document_sealed=key.seal_text(number, table="persons", column="document_sealed", row=person_id),
        created_at=now,
    )
    reseal(person, key, vault, name=identity.name, phone=identity.phone)
    return person, key


def reseal(person: Person, key: PersonKey, vault: Vault, *, name: str, phone: str) -> None:
    """Replaces the name and phone of `person`, with their indexes."""
    person.name_sealed = key.seal_text(name, table="persons", column="name_sealed", row=person.id)
    person.name_index = name_index(vault, name)
    person.phone_sealed = key.seal_text(phone, table="persons", column="phone_sealed", row=person.id)
    person.phone_index = phone_index(vault, phone)


def key_of(vault: Vault, person: Person) -> PersonKey:
    """The key of `person`; raises NotFound where the person was erased."""
    if person.wrapped_key is None:
        raise NotFound
    return vault.person_key(person.wrapped_key, person.id)


def open_identity(person: Person, key: PersonKey) -> Identity:
    """What is sealed in the row of `person`, in plain text: keep it short-lived."""
    return Identity(
        DocumentType(person.document_type),
        key.open_text(person.document_sealed, table="persons", column="document_sealed", row=person.id),
        open_name(person, key),
        key.open_text(person.phone_sealed, table="persons", column="phone_sealed", row=person.id),
    )


def open_name(person: Person, key: PersonKey) -> str:
    """The name of `person` in plain text."""
    return key.open_text(person.name_sealed, table="persons", column="name_sealed", row=person.id)


def seal_plate(key: PersonKey, plate: str | None, affiliation: UUID) -> bytes | None:
    """A number plate sealed for its affiliation."""
    if plate is None:
        return None
    return key.seal_text(plate, table="affiliations", column="plate_sealed", row=affiliation)


def open_plate(key: PersonKey, sealed: bytes | None, affiliation: UUID) -> str | None:
    """The number plate of an affiliation, where it has one."""
    if sealed is None:
        return None
    return key.open_text(sealed, table="affiliations", column="plate_sealed", row=affiliation)
