"""Administrative divisions by their GB/T 2260 codes, and the tree of Chongqing that comes built in."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from types import MappingProxyType

from app.errors import Problem, Text
from app.services.spelling import LONGEST_NUMBER, compact


class Level(StrEnum):
    """How deep in the tree a division stands."""

    PROVINCE = "province"
    """省级, municipalities such as Chongqing among them: PP0000."""

    CITY = "city"
    """地级: PPCC00."""

    DISTRICT = "district"
    """县级, districts and counties: six digits."""

    STREET = "street"
    """乡级, streets and towns: nine digits (GB/T 10114)."""

    COMMUNITY = "community"
    """Communities and villages: twelve digits (National Bureau of Statistics)."""


@dataclass(frozen=True, slots=True)
class Division:
    """One node. `parent` is the code of the node above it, None for a province."""

    code: str
    name: str
    level: Level
    parent: str | None


class DivisionFault(StrEnum):
    """What is wrong with a division, by the first rule that it breaks."""

    LENGTH = "length"
    ALPHABET = "alphabet"
    PROVINCE = "province"
    HOLLOW = "hollow"
    NAME = "name"
    PARENT = "parent"


FAULT_TEXTS: Mapping[DivisionFault, Text] = MappingProxyType(
    {
        DivisionFault.LENGTH: Text("代码应为2、4、6、9或12位", "the code must have 2, 4, 6, 9 or 12 digits"),
        DivisionFault.ALPHABET: Text("代码只能由数字组成", "the code must consist of digits"),
        DivisionFault.PROVINCE: Text("省级代码不存在", "the code of its province does not exist"),
        DivisionFault.HOLLOW: Text(
            "该代码只用于编排，没有对应的行政区划", "the code only sorts others, no division bears it"
        ),
        DivisionFault.NAME: Text("名称缺失或过长", "the name is missing or too long"),
        DivisionFault.PARENT: Text("所属区划与代码不符", "the division above it does not fit the code"),
    }
)


class InvalidDivision(Problem):
    """A code that GB/T 2260 cannot contain, or a row that contradicts itself."""

    status = 422
    code = "invalid_division"
    title = Text("行政区划无效", "Invalid division")
    message = Text("行政区划无效：{reason.zh}。", "The division is invalid: {reason.en}.")

    def __init__(self, cause: DivisionFault) -> None:
        super().__init__(extensions={"cause": cause.value}, reason=FAULT_TEXTS[cause])
        self.cause = cause


PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 "  # noqa: SIM905 - reads as a table
    "61 62 63 64 65 71 81 82".split()
)
"""GB/T 2260-2007, table 1."""

MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
"""直辖市. Their four-digit codes (5001 市辖区, 5002 县) only sort districts from counties: nobody
governs there, so they are no nodes and a district's parent is the municipality."""

DIRECTLY_GOVERNED = "90"
"""Third and fourth digit of county-level cities that a province governs itself (GB/T 2260, 4.3)."""

LONGEST_NAME = 50
"""Characters. The longest in use (a county with three nationalities) has 18."""

CHONGQING = "500000"


def normalise_division_code(code: str) -> str:
    """The code in six digits (province, city, district), nine (street) or twelve (community).

    Two and four digits are filled with zeros, longer codes lose the zeros that only fill them up
    (`500101000000` is `500101`). Codes that only sort others, such as 5001 and 5002, are refused.
    Raises InvalidDivision.
    """
    bare = compact(code) if len(code) <= LONGEST_NUMBER else code
    if len(bare) not in {2, 4, 6, 9, 12}:
        raise InvalidDivision(DivisionFault.LENGTH)
    if not re.fullmatch(r"[0-9]+", bare):
        raise InvalidDivision(DivisionFault.ALPHABET)
    if bare[:2] not in PROVINCES:
        raise InvalidDivision(DivisionFault.PROVINCE)
    whole = bare.ljust(6, "0")
    while len(whole) > len("PPCCDD") and whole.endswith("000"):
        whole = whole[:-3]
    city, rest = whole[2:4], whole[4:]
    if (city == "00" and int(rest)) or (city != "00" and rest[:2] == "00" and whole[:2] in MUNICIPALITIES):
        raise InvalidDivision(DivisionFault.HOLLOW)
    return whole


def level_of(code: str) -> Level:
    """The level of a code in canonical form."""
    if len(code) > len("PPCCDD"):
        return Level.STREET if len(code) == len("PPCCDDSSS") else Level.COMMUNITY
    if code.endswith("0000"):
        return Level.PROVINCE
    return Level.CITY if code.endswith("00") else Level.DISTRICT


def parent_of(code: str) -> str | None:
    """The code of the node above a code in canonical form; None for a province.

    Districts of a municipality, and cities that a province governs directly, stand right under it.
    """
    match level_of(code):
        case Level.PROVINCE:
            return None
        case Level.CITY:
            return f"{code[:2]}0000"
        case Level.DISTRICT:
            direct = code[:2] in MUNICIPALITIES or code[2:4] == DIRECTLY_GOVERNED
            return f"{code[:2]}0000" if direct else f"{code[:4]}00"
        case Level.STREET:
            return code[:6]
        case Level.COMMUNITY:
            return code[:9]


def division(code: str, name: str, *, parent: str | None = None) -> Division:
    """The division that a row names. `parent`, where the row states one, must fit the code.

    Raises InvalidDivision.
    """
    whole = normalise_division_code(code)
    title = name.strip()
    if not 0 < len(title) <= LONGEST_NAME:
        raise InvalidDivision(DivisionFault.NAME)
    above = parent_of(whole)
    if parent is not None and parent.strip() and normalise_division_code(parent) != above:
        raise InvalidDivision(DivisionFault.PARENT)
    return Division(whole, title, level_of(whole), above)


def chongqing() -> tuple[Division, ...]:
    """The municipality and its 26 districts, 8 counties and 4 autonomous counties, parents first.

    Codes and names as the Ministry of Civil Affairs published them for 2023.
    """
    table = resources.files(__package__).joinpath("chongqing.csv").read_text(encoding="utf-8")
    return tuple(division(row["code"], row["name"]) for row in csv.DictReader(table.splitlines()))
