"""The unified social credit code of an organisation, GB 32100-2015."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.errors import Problem, Text
from app.services.spelling import LONGEST_NUMBER, compact


class CreditCodeFault(StrEnum):
    """What is wrong with a code, by the first rule that it breaks."""

    LENGTH = "length"
    ALPHABET = "alphabet"
    CHECK_CHARACTER = "check_character"


FAULT_TEXTS: Mapping[CreditCodeFault, Text] = MappingProxyType(
    {
        CreditCodeFault.LENGTH: Text("应为18位", "it must have 18 characters"),
        CreditCodeFault.ALPHABET: Text("含有不应出现的字符", "it has characters that do not belong there"),
        CreditCodeFault.CHECK_CHARACTER: Text(
            "校验码不符，请检查是否输错", "its check character does not match"
        ),
    }
)


class InvalidCreditCode(Problem):
    """A code that no organisation can bear. `cause` names the rule it breaks."""

    status = 422
    code = "invalid_credit_code"
    title = Text("统一社会信用代码无效", "Invalid credit code")
    message = Text(
        "统一社会信用代码无效：{reason.zh}。", "The unified social credit code is invalid: {reason.en}."
    )

    def __init__(self, cause: CreditCodeFault) -> None:
        super().__init__(extensions={"cause": cause.value}, reason=FAULT_TEXTS[cause])
        self.cause = cause


LENGTH = 18

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""31 characters in the order of their values; I, O, S, V and Z are left out (GB 32100-2015, table 2)."""

WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
"""GB 32100-2015, table 3: powers of 3 modulo 31 for the 17 places before the check character."""

FORM = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}")
"""Registering department, category, area code of six digits, organisation code, check character."""


def check_character(body: str) -> str:
    """The check character of the first 17 characters, by GB 32100-2015, 5.2 (MOD 31-3)."""
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(body, WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def normalise_credit_code(code: str) -> str:
    """The canonical 18 characters of `code` as typed: upper case, half width, no spaces or hyphens.

    The inner check digit of the organisation code (GB 11714) is not looked at: codes that break it
    have been issued. Raises InvalidCreditCode.
    """
    bare = compact(code) if len(code) <= LONGEST_NUMBER else code
    if len(bare) != LENGTH:
        raise InvalidCreditCode(CreditCodeFault.LENGTH)
    if not FORM.fullmatch(bare):
        raise InvalidCreditCode(CreditCodeFault.ALPHABET)
    if check_character(bare[:-1]) != bare[-1]:
        raise InvalidCreditCode(CreditCodeFault.CHECK_CHARACTER)
    return bare
