"""The identity documents that a courier may register with, and what their numbers must satisfy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from app.errors import Problem, Text
from app.models.couriers import DocumentType
from app.services.areas.divisions import PROVINCES
from app.services.spelling import LONGEST_NUMBER, compact


class Sex(StrEnum):
    """The sex that a number states: its order number is odd for men, even for women."""

    MALE = "male"
    FEMALE = "female"


@dataclass(frozen=True, slots=True)
class Document:
    """A number in its one canonical spelling, with what it says about its holder.

    Printing one never shows the number: it must not reach a log.
    """

    type: DocumentType
    number: str = field(repr=False)
    birth_date: date | None = field(default=None, repr=False)
    """None where the number does not carry it (both permits): it must then be asked for."""

    sex: Sex | None = field(default=None, repr=False)


class DocumentFault(StrEnum):
    """What is wrong with a number, by the first rule that it breaks."""

    LENGTH = "length"
    ALPHABET = "alphabet"
    PROVINCE = "province"
    NATIONALITY = "nationality"
    DATE = "date"
    CHECK_CHARACTER = "check_character"


FAULT_TEXTS: Mapping[DocumentFault, Text] = MappingProxyType(
    {
        DocumentFault.LENGTH: Text("位数不对", "it has the wrong number of characters"),
        DocumentFault.ALPHABET: Text("含有不应出现的字符", "it has characters that do not belong there"),
        DocumentFault.PROVINCE: Text("地区代码不存在", "its region code does not exist"),
        DocumentFault.NATIONALITY: Text("国籍代码不存在", "its nationality code does not exist"),
        DocumentFault.DATE: Text("出生日期不存在", "its date of birth is not a possible one"),
        DocumentFault.CHECK_CHARACTER: Text(
            "校验码不符，请检查是否输错", "its check character does not match"
        ),
    }
)


class InvalidDocument(Problem):
    """A document number that no such document can bear. `cause` names the rule it breaks."""

    status = 422
    code = "invalid_document"
    title = Text("证件号码无效", "Invalid document number")
    message = Text("证件号码无效：{reason.zh}。", "The document number is invalid: {reason.en}.")

    def __init__(self, cause: DocumentFault) -> None:
        super().__init__(extensions={"cause": cause.value}, reason=FAULT_TEXTS[cause])
        self.cause = cause


class UnderAge(Problem):
    """The person is too young to be employed (Labour Law, article 15): refused, and referred to help."""

    status = 403
    code = "under_age"
    title = Text("未满16周岁", "Under 16")
    message = Text(
        "法律禁止用人单位招用未满16周岁的未成年人（《劳动法》第十五条），因此不能注册。"
        "如果有人让你打工，或你需要帮助，请拨打12355青少年服务热线、12351职工维权热线"
        "或12345政务服务热线，电话可以匿名。",
        "The law forbids employing anyone under 16 (Labour Law, article 15), so you cannot register. "
        "If somebody makes you work, or if you need help, call 12355 (youth service), "
        "12351 (workers' rights) or 12345 (government service). You need not give your name.",
    )


MINIMUM_AGE = 16
"""Full years. Labour Law of the People's Republic of China, article 15."""

EARLIEST_BIRTH = date(1900, 1, 1)
"""Nobody alive was born before: an earlier date is a slip of the pen."""

PERMIT_REGIONS = frozenset({"81", "82", "83"})
"""Hong Kong, Macao and Taiwan as the numbers of residence permits begin (Measures of the State
Council for residence permits of Hong Kong, Macao and Taiwan residents, 2018, article 5)."""

MAINLAND_PROVINCES = PROVINCES - PERMIT_REGIONS
"""The four digits after them are not looked up: a number is kept for life, also when the county that
it names is abolished (GB 11643-1999, 4.2.1)."""

MOD_11_2_CHECKS = "0123456789X"
"""ISO 7064: the value 10 is written X."""


def normalise_document(type_: DocumentType, number: str, *, today: date) -> Document:
    """The canonical form of `number` as typed; two spellings of one number give equal results.

    Lower case, full-width characters, spaces and hyphens are folded. The parts of a permit's number
    that count its renewals are left out, so that a renewed permit stays the same document. A
    resident ID number that begins with 81, 82 or 83 is a residence permit and comes back as one.
    `today` is the civil day against which a birth must not lie in the future.

    Raises InvalidDocument.
    """
    if len(number) > LONGEST_NUMBER:
        raise InvalidDocument(DocumentFault.LENGTH)
    bare = compact(number)
    match type_:
        case DocumentType.resident_id | DocumentType.residence_permit:
            return _citizen_number(type_, bare, today)
        case DocumentType.hk_macao_permit:
            return _hk_macao_permit(bare)
        case DocumentType.taiwan_permit:
            return _taiwan_permit(bare)
        case DocumentType.foreign_permanent_resident_card:
            return _permanent_resident_card(bare, today)


def age_on(birth: date, day: date) -> int:
    """Full years of somebody born on `birth`, on `day`.

    A year is completed on the birthday itself; who was born on 29 February completes it on 1 March
    of a common year. Negative before birth.
    """
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def require_age(birth: date, day: date) -> None:
    """Raises UnderAge if somebody born on `birth` has not completed MINIMUM_AGE years on `day`."""
    if age_on(birth, day) < MINIMUM_AGE:
        raise UnderAge


def mod_11_2(digits: str) -> str:
    """The check character of `digits` by ISO 7064 MOD 11-2 (the formula of GB 11643-1999, annex A)."""
    remainder = 0
    for digit in digits:
        remainder = (remainder + int(digit)) * 2 % 11
    return MOD_11_2_CHECKS[(12 - remainder) % 11]


def _citizen_number(type_: DocumentType, number: str, today: date) -> Document:
    _require_eighteen(number)
    region = number[:2]
    if region in PERMIT_REGIONS:
        type_ = DocumentType.residence_permit
    elif type_ is DocumentType.residence_permit or region not in MAINLAND_PROVINCES:
        raise InvalidDocument(DocumentFault.PROVINCE)
    return _dated(type_, number, today)


def _hk_macao_permit(number: str) -> Document:
    """港澳居民来往内地通行证: H or M, eight digits for life, and on old cards two that count the renewals.

    Rule of the Ministry of Public Security on the numbers of these permits, March 2010.
    """
    if len(number) not in {9, 11}:
        raise InvalidDocument(DocumentFault.LENGTH)
    if not re.fullmatch(r"[HM][0-9]+", number):
        raise InvalidDocument(DocumentFault.ALPHABET)
    return Document(DocumentType.hk_macao_permit, number[:9])


def _taiwan_permit(number: str) -> Document:
    """台湾居民来往大陆通行证: eight digits for life.

    On booklets until 2008 two more, and the issuer's letter or digit in brackets. Announcement of the
    exit and entry administration, in force since 25 September 2008.
    """
    bare = number.replace("(", "").replace(")", "")
    if len(bare) not in {8, 10, 11}:
        raise InvalidDocument(DocumentFault.LENGTH)
    if not re.fullmatch(r"[0-9]{8}(?:[0-9]{2}(?:\([0-9A-Z]\)|[0-9A-Z])?)?", number):
        raise InvalidDocument(DocumentFault.ALPHABET)
    return Document(DocumentType.taiwan_permit, bare[:8])


def _permanent_resident_card(number: str, today: date) -> Document:
    """外国人永久居留身份证.

    New: 9, province, nationality (ISO 3166-1 numeric), birth, order number, MOD 11-2. Old: nationality
    in letters, four digits of region, birth as YYMMDD, order number, check digit.
    National Immigration Administration, machine-reading rules for the card of 2023, section 2. The
    old check digit is not verified: no official source gives its formula, and a valid card must pass.
    """
    if len(number) == len("AAA000000000000"):
        return _old_permanent_resident_card(number, today)
    _require_eighteen(number)
    if number[0] != "9" or number[1:3] not in MAINLAND_PROVINCES:
        raise InvalidDocument(DocumentFault.PROVINCE)
    if number[3:6] == "000":
        raise InvalidDocument(DocumentFault.NATIONALITY)
    return _dated(DocumentType.foreign_permanent_resident_card, number, today)


def _old_permanent_resident_card(number: str, today: date) -> Document:
    if not re.fullmatch(r"[A-Z]{3}[0-9]{12}", number):
        raise InvalidDocument(DocumentFault.ALPHABET)
    if number[:3] == "CHN":
        raise InvalidDocument(DocumentFault.NATIONALITY)
    if number[3:5] not in MAINLAND_PROVINCES:
        raise InvalidDocument(DocumentFault.PROVINCE)
    birth = _possible_date(f"20{number[7:13]}", today) or _possible_date(f"19{number[7:13]}", today)
    if birth is None:
        raise InvalidDocument(DocumentFault.DATE)
    return Document(DocumentType.foreign_permanent_resident_card, number, birth)


def _require_eighteen(number: str) -> None:
    if len(number) != len("000000YYYYMMDD000X"):
        raise InvalidDocument(DocumentFault.LENGTH)
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise InvalidDocument(DocumentFault.ALPHABET)


def _dated(type_: DocumentType, number: str, today: date) -> Document:
    birth = _possible_date(number[6:14], today)
    if birth is None:
        raise InvalidDocument(DocumentFault.DATE)
    if mod_11_2(number[:17]) != number[17]:
        raise InvalidDocument(DocumentFault.CHECK_CHARACTER)
    return Document(type_, number, birth, Sex.MALE if int(number[16]) % 2 else Sex.FEMALE)


def _possible_date(digits: str, today: date) -> date | None:
    """The date YYYYMMDD if it exists and somebody alive on `today` may be born on it."""
    try:
        birth = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    return birth if EARLIEST_BIRTH <= birth <= today else None
