"""How personal data is shown to people who need to recognise somebody, not to know everything."""

import re

from app.errors import Problem, Text
from app.services.spelling import compact, half_width, is_invisible

STAR = "*"

COMPOUND_SURNAMES = frozenset(
    "欧阳 司马 上官 诸葛 司徒 东方 独孤 南宫 夏侯 皇甫 尉迟 公孙 慕容 长孙 宇文 轩辕 令狐 端木 "  # noqa: SIM905 - reads as a table
    "申屠 公羊 澹台 公冶 宗政 濮阳 淳于 单于 太叔 仲孙 钟离 闻人 赫连 万俟 呼延 西门 百里 东郭 "
    "南门 左丘 第五 拓跋 司空 鲜于 闾丘 司寇 亓官 梁丘 谷梁 漆雕 公西 巫马 乐正 公良 拓拔 壤驷 "
    "歐陽 司馬 諸葛 東方 獨孤 南宮 尉遲 公孫 長孫 軒轅 澹臺 鍾離 聞人 赫連 万俟 東郭".split()
)
"""Surnames of two characters in use today. A pair of two family names (as married women in Hong
Kong bear) is not among them: its first character alone is shown, which tells less, not more."""

DOTS = "·•‧∙・．."
"""What separates the parts of names from the minority languages of China and from abroad."""

HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")

MOBILE = re.compile(r"1[3-9][0-9]{9}")
"""Mobile numbers of the mainland: 11 digits (MIIT numbering plan, 2017)."""

E164_LONGEST = 15
"""Digits with country code (ITU-T E.164, 6.2.1)."""

NATIONAL_SHORTEST = 5
"""Digits without country code. Shorter ones are service numbers, which no person answers."""

MAINLAND = "86"

SHOWN_COUNTRY_CODES = ("852", "853", "886")
"""Hong Kong, Macao, Taiwan: shown, since a guard knows them. Any other code stays hidden."""


GROUPING = str.maketrans("", "", "().")
"""What groups the digits of a phone number, beside spaces and hyphens."""


class InvalidPhone(Problem):
    """Not the number of a phone that a person can be reached on."""

    status = 422
    code = "invalid_phone"
    title = Text("手机号无效", "Invalid phone number")
    message = Text("手机号无效，请检查。", "The phone number is invalid. Please check it.")


def surname(name: str) -> str:
    """What a guard calls somebody by: the Han surname, compound ones whole; else the first letter.

    Names in parts (阿依古丽·买买提) have no surname in the Han sense and give their first character.
    """
    bare = _without_spaces(name)
    if not bare:
        return ""
    if HAN.fullmatch(bare) and len(bare) > 2 and bare[:2] in COMPOUND_SURNAMES:  # noqa: PLR2004
        return bare[:2]
    return bare[0].upper()


def masked_name(name: str) -> str:
    """`张**`: the surname, and a star for every character after it.

    Names that are not Han, or that have parts, end in three stars whatever their length. A name of
    one character is all stars: shown, it would be the whole name.
    """
    bare = _without_spaces(name)
    if len(bare) <= 1:
        return STAR * 2
    shown = surname(bare)
    return shown + STAR * (len(bare) - len(shown) if HAN.fullmatch(bare) else 3)


def masked_phone(phone: str) -> str:
    """`138****5678` for the mainland; elsewhere the last three digits of a number in E.164."""
    digits = _ungrouped(phone).removeprefix("+")
    mobile = digits.removeprefix(MAINLAND) if len(digits) > len("13800000000") else digits
    if MOBILE.fullmatch(mobile):
        return f"{mobile[:3]}****{mobile[-4:]}"
    known = next((code for code in SHOWN_COUNTRY_CODES if digits.startswith(code)), "")
    if len(digits) < len(known) + NATIONAL_SHORTEST:
        return STAR * 4
    return f"+{known}****{digits[-3:]}"


def masked_document(number: str) -> str:
    """The first and the last character, and a star for each between (`5****************8`)."""
    if len(number) <= 2:  # noqa: PLR2004
        return STAR * len(number)
    return number[0] + STAR * (len(number) - 2) + number[-1]


def masked_plate(plate: str) -> str:
    """`渝A***45`: province and issuing office, and the last two characters.

    Plates under seven characters (some electric bicycles) show their first one only.
    """
    bare = "".join(char for char in _without_spaces(plate) if char not in DOTS)
    if len(bare) < len("渝A12345"):
        return bare[:1] + STAR * 3 if len(bare) > 1 else STAR * len(bare)
    return bare[:2] + STAR * (len(bare) - 4) + bare[-2:]


def normalise_phone(country_code: str, pure_number: str) -> str:
    """The number in E.164 (`+8613800138000`), equal for every spelling of one number.

    Takes what WeChat calls countryCode and purePhoneNumber, or a number as typed with the country
    code left empty, which then means the mainland unless the number begins with `+` or `00`.
    Raises InvalidPhone.
    """
    country = _ungrouped(country_code).removeprefix("+").lstrip("0")
    number = _ungrouped(pure_number)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if not country and number.startswith("+") and not number.startswith(f"+{MAINLAND}"):
        return _e164(number[1:])
    country = country or MAINLAND
    if country == MAINLAND:
        national = number.removeprefix("+")
        if len(national) > len("13800138000"):
            national = national.removeprefix(MAINLAND)
        if not MOBILE.fullmatch(national):
            raise InvalidPhone
        return f"+{MAINLAND}{national}"
    national = number.removeprefix(f"+{country}")
    if len(national) < NATIONAL_SHORTEST:
        raise InvalidPhone
    return _e164(country + national)


def _e164(digits: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]+", digits) or not NATIONAL_SHORTEST < len(digits) <= E164_LONGEST:
        raise InvalidPhone
    return f"+{digits}"


def _ungrouped(phone: str) -> str:
    return compact(phone).translate(GROUPING)


def _without_spaces(text: str) -> str:
    return "".join(
        char
        for char in half_width(text)
        if char.isprintable() and not char.isspace() and not is_invisible(char)
    )
