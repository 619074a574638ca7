"""Unified social credit codes: every well-formed one is taken, every slip of one character refused."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.services.employers.codes import (
    ALPHABET,
    CreditCodeFault,
    InvalidCreditCode,
    check_character,
    normalise_credit_code,
)

CODES = st.builds(
    lambda head, area, body: head + area + body + check_character(head + area + body),
    st.text(ALPHABET, min_size=2, max_size=2),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=9, max_size=9),
)


def fault(code: str) -> CreditCodeFault:
    with pytest.raises(InvalidCreditCode) as refusal:
        normalise_credit_code(code)
    return refusal.value.cause


@pytest.mark.parametrize(
    "code", ["91350100M000100Y43", "9135 0100 m000 100y 43", "９１３５０１００Ｍ０００１００Ｙ４３"]
)
def test_the_standards_own_example_in_three_spellings(code: str) -> None:
    """The code that GB 32100-2015 gives as its example."""
    assert normalise_credit_code(code) == "91350100M000100Y43"


@given(CODES)
def test_every_well_formed_code_is_taken(code: str) -> None:
    assert normalise_credit_code(code) == code
    assert normalise_credit_code(code.lower()) == code


@given(CODES, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_every_substitution_of_one_character_is_refused(code: str, place: int, char: str) -> None:
    assume(code[place] != char)
    assert fault(code[:place] + char + code[place + 1 :]) in {
        CreditCodeFault.ALPHABET,
        CreditCodeFault.CHECK_CHARACTER,
    }


@given(CODES, st.integers(0, 15))
def test_swapped_neighbours_are_refused(code: str, place: int) -> None:
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assume(swapped != code)
    fault(swapped)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", CreditCodeFault.LENGTH),
        ("500000000000001", CreditCodeFault.LENGTH),
        ("9" * 1000, CreditCodeFault.LENGTH),
        ("9135010OM000100Y43", CreditCodeFault.ALPHABET),
        ("I1350100M000100Y43", CreditCodeFault.ALPHABET),
        ("9１350100S000100Y43", CreditCodeFault.ALPHABET),
        ("91350100M000100Y44", CreditCodeFault.CHECK_CHARACTER),
    ],
)
def test_the_first_broken_rule_is_named(code: str, expected: CreditCodeFault) -> None:
    assert fault(code) is expected


@given(st.text())
def test_any_text_is_a_code_or_refused(code: str) -> None:
    try:
        canonical = normalise_credit_code(code)
    except InvalidCreditCode:
        return
    assert normalise_credit_code(canonical) == canonical
