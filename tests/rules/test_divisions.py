"""Divisions: the built-in tree of Chongqing, and the codes of GB/T 2260."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.areas.divisions import (
    CHONGQING,
    MUNICIPALITIES,
    PROVINCES,
    DivisionFault,
    InvalidDivision,
    Level,
    chongqing,
    division,
    level_of,
    normalise_division_code,
    parent_of,
)


def test_chongqing_has_its_38_districts_and_counties() -> None:
    municipality, *districts = chongqing()
    assert (municipality.code, municipality.level, municipality.parent) == (CHONGQING, Level.PROVINCE, None)
    assert len({each.code for each in districts}) == len({each.name for each in districts}) == 38
    assert {(each.level, each.parent) for each in districts} == {(Level.DISTRICT, CHONGQING)}
    kinds = Counter("自治县" if each.name.endswith("自治县") else each.name[-1] for each in districts)
    assert kinds == {"区": 26, "县": 8, "自治县": 4}
    assert ("500104", "大渡口区") in {(each.code, each.name) for each in districts}


def table(name: str) -> list[dict[str, str]]:
    root = os.environ.get("HUIXIN_TEST_DATA")
    if root is None:
        pytest.skip("HUIXIN_TEST_DATA names no folder with the tables of areas")
    with Path(root, "areas", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_chongqing_equals_the_published_table() -> None:
    published = {(row["code"], row["name"]) for row in table("chongqing_areas.csv")}
    assert {(each.code, each.name) for each in chongqing()[1:]} == published


def test_every_published_street_hangs_under_a_built_in_district() -> None:
    built_in = {each.code for each in chongqing()}
    rows = table("chongqing_streets.csv")
    streets = [division(row["code"], row["name"], parent=row["areaCode"]) for row in rows]
    assert len(streets) == 1_031
    assert {street.level for street in streets} == {Level.STREET}
    assert {street.parent for street in streets} <= built_in


@pytest.mark.parametrize(
    ("typed", "code", "level", "parent"),
    [
        ("50", "500000", Level.PROVINCE, None),
        ("500000", "500000", Level.PROVINCE, None),
        ("500000000000", "500000", Level.PROVINCE, None),
        ("５００１０４", "500104", Level.DISTRICT, "500000"),
        (" 500104 ", "500104", Level.DISTRICT, "500000"),
        ("500104000", "500104", Level.DISTRICT, "500000"),
        ("500104000000", "500104", Level.DISTRICT, "500000"),
        ("500243", "500243", Level.DISTRICT, "500000"),
        ("500104001", "500104001", Level.STREET, "500104"),
        ("500104001000", "500104001", Level.STREET, "500104"),
        ("500104001002", "500104001002", Level.COMMUNITY, "500104001"),
        ("5101", "510100", Level.CITY, "510000"),
        ("510104", "510104", Level.DISTRICT, "510100"),
        ("429004", "429004", Level.DISTRICT, "420000"),
        ("441900003", "441900003", Level.STREET, "441900"),
    ],
)
def test_codes_say_where_they_stand(typed: str, code: str, level: Level, parent: str | None) -> None:
    assert normalise_division_code(typed) == code
    assert level_of(code) is level
    assert parent_of(code) == parent


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", DivisionFault.LENGTH),
        ("5", DivisionFault.LENGTH),
        ("50010", DivisionFault.LENGTH),
        ("5" * 100, DivisionFault.LENGTH),
        ("50O104", DivisionFault.ALPHABET),
        ("50010٤", DivisionFault.ALPHABET),
        ("990000", DivisionFault.PROVINCE),
        ("5001", DivisionFault.HOLLOW),
        ("500200", DivisionFault.HOLLOW),
        ("500100001", DivisionFault.HOLLOW),
        ("500001", DivisionFault.HOLLOW),
        ("500000001", DivisionFault.HOLLOW),
    ],
)
def test_impossible_codes_are_refused(code: str, expected: DivisionFault) -> None:
    with pytest.raises(InvalidDivision) as refusal:
        normalise_division_code(code)
    assert refusal.value.cause is expected


@pytest.mark.parametrize(
    ("code", "name", "parent", "expected"),
    [
        ("500104001", "", None, DivisionFault.NAME),
        ("500104001", "街" * 51, None, DivisionFault.NAME),
        ("500104001", "某街道", "500105", DivisionFault.PARENT),
        ("500104", "大渡口区", "50", None),
        ("500104", "大渡口区", " ", None),
    ],
)
def test_rows_must_agree_with_their_codes(
    code: str, name: str, parent: str | None, expected: DivisionFault | None
) -> None:
    if expected is None:
        assert division(code, name, parent=parent).code == code
        return
    with pytest.raises(InvalidDivision) as refusal:
        division(code, name, parent=parent)
    assert refusal.value.cause is expected


CODES = st.builds(
    lambda province, rest, length: (province + rest)[:length],
    st.sampled_from(sorted(PROVINCES)),
    st.from_regex(r"\A[0-9]{10}\Z").filter(str.isascii),
    st.sampled_from([2, 4, 6, 9, 12]),
)


@given(CODES)
def test_every_possible_code_climbs_to_its_province(typed: str) -> None:
    try:
        code = normalise_division_code(typed)
    except InvalidDivision:
        return
    assert normalise_division_code(code) == code
    steps = 0
    while (parent := parent_of(code)) is not None:
        assert normalise_division_code(parent) == parent
        code, steps = parent, steps + 1
    assert code == f"{typed[:2]}0000"
    assert steps <= (3 if typed[:2] in MUNICIPALITIES else 4)


@given(st.text())
def test_any_text_is_a_code_or_refused(code: str) -> None:
    try:
        canonical = normalise_division_code(code)
    except InvalidDivision:
        return
    assert len(canonical) in {6, 9, 12}
