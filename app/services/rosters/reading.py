"""A file that an employer delivers, read into what is kept of it: blind indexes, and who was refused why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from app.models.couriers import DocumentType, KindOfWork, Vehicle
from app.services.couriers.documents import (
    Document,
    InvalidDocument,
    UnderAge,
    normalise_document,
    require_age,
)
from app.services.couriers.identity import (
    Indexes,
    comparable_name,
    document_index,
    identify,
    index_identity,
)
from app.services.imports import RefusedLine, UnfitCell
from app.services.masking import InvalidPhone, normalise_phone
from app.services.rosters.columns import (
    DEPARTURE_NEEDS,
    DOCUMENT_COLUMNS,
    DOCUMENT_TYPES,
    KINDS,
    ROSTER_COLUMNS,
    ROSTER_NEEDS,
    ROW_LIMIT,
    VEHICLE_WORDS,
    meaning,
)
from app.services.rosters.reasons import DEFAULT_DOCUMENT, RowReason, unfit, unfit_document
from app.services.sealing import Vault, keyed_digest
from app.services.sheets.rows import RefusedRow, Row, read_rows
from app.work import Deployment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """Somebody on a roster, without anything that could be read."""

    line: int
    document_type: DocumentType
    indexes: Indexes = field(repr=False)
    kind_of_work: KindOfWork | None
    vehicle: Vehicle | None


@dataclass(frozen=True, slots=True)
class MarkedPerson:
    """Somebody who is said to have left: a line, or a place in a list from 1, and a blind index."""

    line: int
    document_index: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A roster as it is stored: people in the order of their documents, refusals in that of the file."""

    content_digest: bytes
    people: Sequence[ListedPerson]
    refusals: Sequence[RefusedLine]


@dataclass(frozen=True, slots=True)
class Marking:
    """Who is said to have left, in the order in which it was said."""

    people: Sequence[MarkedPerson]
    refusals: Sequence[RefusedLine]


def read_delivery(data: bytes, *, deployment: Deployment, today: date) -> Delivery:
    """The roster in a CSV or XLSX file; `today` is the civil day that ages are counted on.

    Takes seconds for a large file: call it in a thread, before the transaction. Raises
    UnreadableSheet.
    """
    rows = read_rows(data, columns=ROSTER_COLUMNS, required=ROSTER_NEEDS, row_limit=ROW_LIMIT)
    people, refusals = _sorted_out(
        rows,
        lambda row: _listed(row, deployment.vault, today),
        lambda person: person.indexes.document,
    )
    secret = deployment.secrets.digest_key.get_secret_value()
    return Delivery(
        content_digest=keyed_digest(secret, "roster", data),
        people=sorted(people, key=lambda person: person.indexes.document),
        refusals=refusals,
    )


def read_marking(data: bytes, *, deployment: Deployment, today: date) -> Marking:
    """The people in a CSV or XLSX file of those who left. Call it in a thread. Raises UnreadableSheet."""
    rows = read_rows(data, columns=DOCUMENT_COLUMNS, required=DEPARTURE_NEEDS, row_limit=ROW_LIMIT)
    people, refusals = _sorted_out(
        rows,
        lambda row: MarkedPerson(row.line, _index(deployment.vault, _document(row.values, today))),
        lambda person: person.document_index,
    )
    return Marking(people, refusals)


def mark_documents(documents: Sequence[tuple[DocumentType, str]], *, vault: Vault, today: date) -> Marking:
    """The people whose documents are listed; a refusal's line is the place in the list, from 1."""
    rows = (
        Row(line, {"document_type": type_.value, "document_number": number})
        for line, (type_, number) in enumerate(documents, start=1)
    )
    people, refusals = _sorted_out(
        rows,
        lambda row: MarkedPerson(row.line, _index(vault, _document(row.values, today))),
        lambda person: person.document_index,
    )
    return Marking(people, refusals)


def _sorted_out(
    rows: Iterator[Row | RefusedRow], read: Callable[[Row], T], person_of: Callable[[T], bytes]
) -> tuple[list[T], list[RefusedLine]]:
    """What `read` makes of the rows, each person once, and the refusals of the others."""
    people: dict[bytes, T] = {}
    refusals: list[RefusedLine] = []
    for row in rows:
        if isinstance(row, RefusedRow):
            refusals.append(RefusedLine.of_row(row))
            continue
        try:
            person = read(row)
        except UnfitCell as cell:
            refusals.append(cell.at(row.line))
            continue
        if people.setdefault(person_of(person), person) is not person:
            refusals.append(unfit(RowReason.repeated_person, "document_number").at(row.line))
    return list(people.values()), refusals


def _listed(row: Row, vault: Vault, today: date) -> ListedPerson:
    document = _document(row.values, today)
    name, birth = row.values["name"], document.birth_date
    if not any(char.isalpha() for char in comparable_name(name)):
        raise unfit(RowReason.invalid_name, "name")
    if birth is not None:
        try:
            require_age(birth, today)
        except UnderAge:
            raise unfit(RowReason.under_age, "document_number") from None
    try:
        phone = normalise_phone("", row.values["phone"])
    except InvalidPhone:
        raise unfit(RowReason.invalid_phone, "phone") from None
    return ListedPerson(
        line=row.line,
        document_type=document.type,
        indexes=index_identity(vault, identify(document, name, phone)),
        kind_of_work=_said(KINDS, row, "kind_of_work", RowReason.unknown_kind_of_work),
        vehicle=_said(VEHICLE_WORDS, row, "vehicle", RowReason.unknown_vehicle),
    )


def _document(values: Mapping[str, str], today: date) -> Document:
    said = values["document_type"]
    type_ = meaning(DOCUMENT_TYPES, said) if said else DEFAULT_DOCUMENT
    if type_ is None:
        raise unfit(RowReason.unknown_document_type, "document_type")
    try:
        return normalise_document(type_, values["document_number"], today=today)
    except InvalidDocument as invalid:
        raise unfit_document(invalid.cause) from None


def _index(vault: Vault, document: Document) -> bytes:
    return document_index(vault, document.type, document.number)


def _said(words: Mapping[str, T], row: Row, column: str, unknown: RowReason) -> T | None:
    """What the cell says, None where it is empty; a word that nobody knows refuses the row."""
    cell = row.values[column]
    found = meaning(words, cell) if cell else None
    if cell and found is None:
        raise unfit(unknown, column)
    return found
