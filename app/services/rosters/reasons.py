"""Why a row is refused, and the sentence that the employer reads."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.errors import Text
from app.models.couriers import DocumentType
from app.services.couriers import documents
from app.services.couriers.documents import DocumentFault
from app.services.imports import UnfitCell
from app.services.sheets import cells


class RowReason(StrEnum):
    """What is wrong with a row whose cells can be read."""

    invalid_name = "invalid_name"
    unknown_document_type = "unknown_document_type"
    under_age = "under_age"
    invalid_phone = "invalid_phone"
    unknown_kind_of_work = "unknown_kind_of_work"
    unknown_vehicle = "unknown_vehicle"
    repeated_person = "repeated_person"
    not_on_roster = "not_on_roster"


def document_reason(fault: DocumentFault) -> str:
    """The reason code for a document number that breaks a rule."""
    return f"document_{fault.value}"


REASON_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        RowReason.invalid_name: Text("姓名缺失或无效", "the name is missing or invalid"),
        RowReason.unknown_document_type: Text("证件类型无法识别", "the type of document is unknown"),
        RowReason.under_age: Text(
            "该人员未满16周岁，法律禁止招用（《劳动法》第十五条）",
            "this person is under 16, and the law forbids employing them (Labour Law, article 15)",
        ),
        RowReason.invalid_phone: Text("手机号缺失或无效", "the phone number is missing or invalid"),
        RowReason.unknown_kind_of_work: Text("工种无法识别", "the kind of work is unknown"),
        RowReason.unknown_vehicle: Text("车辆类型无法识别", "the type of vehicle is unknown"),
        RowReason.repeated_person: Text(
            "该证件在前面的行中已出现，以第一次为准",
            "an earlier row has the same document; the first one counts",
        ),
        RowReason.not_on_roster: Text("名册中没有该证件", "nobody on the roster has this document"),
        **{fault.value: text for fault, text in cells.FAULT_TEXTS.items()},
        **{document_reason(fault): text for fault, text in documents.FAULT_TEXTS.items()},
    }
)
"""Every reason that a report line can give. What a row says is never repeated."""


def unfit(reason: RowReason, column: str) -> UnfitCell:
    """The refusal of a row for `reason`."""
    return UnfitCell(column, reason.value, REASON_TEXTS[reason])


def unfit_document(fault: DocumentFault) -> UnfitCell:
    """The refusal of a row whose document number breaks a rule."""
    return UnfitCell("document_number", document_reason(fault), documents.FAULT_TEXTS[fault])


DEFAULT_DOCUMENT = DocumentType.resident_id
"""What a row without a type shows: nearly everybody's, and a residence permit is told by its number."""
