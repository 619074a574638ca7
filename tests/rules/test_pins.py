"""Which PINs may guard a badge, and how a shift code is spelt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.devices.rules import (
    SHIFT_CODE_LENGTH,
    SHIFT_CODE_LETTERS,
    fits_pin,
    new_shift_code,
    normal_shift_code,
    shown_shift_code,
)


@pytest.mark.parametrize(
    "pin",
    [
        "000000",
        "777777",
        "123456",
        "012345",
        "678901",  # past nine
        "654321",
        "321098",
        "135791",
        "975319",
        "121212",
        "909090",
        "123123",
        "480480",
        "112233",
        "998877",
        "123321",
        "480084",
        "111222",
        "110100",
        "147258",
        "520131",
    ],
)
def test_what_everybody_tries_first_is_no_pin(pin: str) -> None:
    assert not fits_pin(pin)


@pytest.mark.parametrize("pin", ["480915", "900417", "123465", "739120", "112238", "100482"])
def test_six_digits_without_a_pattern_are_a_pin(pin: str) -> None:
    assert fits_pin(pin)


def test_the_rule_leaves_nearly_all_pins() -> None:
    fit = sum(fits_pin(f"{number:06}") for number in range(1_000_000))
    assert 980_000 < fit < 1_000_000


@given(st.text(alphabet=SHIFT_CODE_LETTERS, min_size=SHIFT_CODE_LENGTH, max_size=SHIFT_CODE_LENGTH))
def test_a_code_is_read_however_people_write_it(code: str) -> None:
    shown = shown_shift_code(code)
    assert normal_shift_code(shown) == code
    assert normal_shift_code(shown.lower().replace("-", "")) == code
    assert normal_shift_code(shown.replace("1", "l").replace("0", "o")) == code
    assert normal_shift_code(shown.replace("1", "I").replace("0", "O")) == code


def test_fresh_codes_are_of_all_letters_and_not_alike() -> None:
    codes = {new_shift_code() for _ in range(2_000)}
    assert len(codes) == 2_000
    assert {len(code) for code in codes} == {SHIFT_CODE_LENGTH}
    assert set("".join(codes)) == set(SHIFT_CODE_LETTERS)
