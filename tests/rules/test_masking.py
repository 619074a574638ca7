"""Masking: enough to recognise a person, never enough to know the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.masking import (
    COMPOUND_SURNAMES,
    InvalidPhone,
    masked_document,
    masked_name,
    masked_phone,
    masked_plate,
    normalise_phone,
    surname,
)

HAN_NAMES = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2, max_size=8)
MOBILES = st.from_regex(r"\A1[3-9][0-9]{9}\Z").filter(str.isascii)


@pytest.mark.parametrize(
    ("name", "shown", "masked"),
    [
        ("张三", "张", "张*"),
        ("张三丰", "张", "张**"),
        (" 张 三 ", "张", "张*"),
        ("张\u200b三", "张", "张*"),
        ("欧阳明日", "欧阳", "欧阳**"),
        ("司马光", "司马", "司马*"),
        ("歐陽修", "歐陽", "歐陽*"),
        ("欧阳", "欧", "欧*"),
        ("范徐丽泰", "范", "范***"),
        ("阿依古丽·买买提", "阿", "阿***"),
        ("𠮷田一郎", "𠮷", "𠮷***"),
        ("John Smith", "J", "J***"),
        ("ｊｏｈｎ", "J", "J***"),
        ("Нгуен", "Н", "Н***"),
        ("张", "张", "**"),
        ("", "", "**"),
    ],
)
def test_names(name: str, shown: str, masked: str) -> None:
    assert surname(name) == shown
    assert masked_name(name) == masked


@given(HAN_NAMES)
def test_a_han_name_keeps_its_length_and_its_surname_only(name: str) -> None:
    masked = masked_name(name)
    shown = masked.rstrip("*")
    assert len(masked) == len(name)
    assert name.startswith(shown)
    assert shown == name[:1] or shown in COMPOUND_SURNAMES


@given(st.text())
def test_no_name_shows_more_than_two_characters(name: str) -> None:
    masked = masked_name(name)
    assert len(masked.rstrip("*")) <= 3
    assert masked.endswith("*")


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        ("86", "13800138000", "+8613800138000"),
        ("", "13800138000", "+8613800138000"),
        ("+86", "138 0013 8000", "+8613800138000"),
        ("0086", "138-0013-8000", "+8613800138000"),
        ("", "+86 138 0013 8000", "+8613800138000"),
        ("", "008613800138000", "+8613800138000"),
        ("", "8613800138000", "+8613800138000"),
        ("86", "１３８００１３８０００", "+8613800138000"),
        ("", "\u202d13800138000\u202c", "+8613800138000"),
        ("852", "6123 4567", "+85261234567"),
        ("", "+852 6123 4567", "+85261234567"),
        ("852", "+85261234567", "+85261234567"),
        ("1", "(202) 555-0123", "+12025550123"),
    ],
)
def test_spellings_of_one_phone_number(country: str, number: str, expected: str) -> None:
    assert normalise_phone(country, number) == expected


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("86", ""),
        ("86", "1380013800"),
        ("86", "138001380000"),
        ("86", "12800138000"),
        ("86", "023-6868 0000"),
        ("86", "1380013800O"),
        ("86", "1380013800٠"),
        ("", "+0123456789"),
        ("852", "1234"),
        ("abc", "13800138000"),
        ("1", "2" * 15),
    ],
)
def test_what_is_no_phone_is_refused(country: str, number: str) -> None:
    with pytest.raises(InvalidPhone):
        normalise_phone(country, number)


@given(MOBILES)
def test_mainland_phones_show_three_and_four_digits(mobile: str) -> None:
    expected = f"{mobile[:3]}****{mobile[7:]}"
    assert masked_phone(mobile) == expected
    assert masked_phone(normalise_phone("86", mobile)) == expected


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("+85261234567", "+852****567"), ("+12025550123", "+****123"), ("", "****"), ("123", "****")],
)
def test_other_phones_show_less(phone: str, masked: str) -> None:
    assert masked_phone(phone) == masked


@given(st.text(), st.text())
def test_any_text_is_a_phone_or_refused(country: str, number: str) -> None:
    try:
        phone = normalise_phone(country, number)
    except InvalidPhone:
        return
    assert normalise_phone("", phone) == phone
    assert sum(char.isdigit() for char in masked_phone(phone)) < len(phone) - 1


@given(st.text("0123456789X", min_size=3, max_size=18))
def test_documents_show_both_ends(number: str) -> None:
    masked = masked_document(number)
    assert (masked[0], masked[-1], len(masked)) == (number[0], number[-1], len(number))
    assert set(masked[1:-1]) == {"*"}


@pytest.mark.parametrize(
    ("plate", "masked"),
    [
        ("渝A12345", "渝A***45"),
        ("渝AD12345", "渝A****45"),
        ("渝A·12345", "渝A***45"),
        ("渝 A12345", "渝A***45"),
        ("12345", "1***"),
        ("7", "*"),
        ("", ""),
    ],
)
def test_plates(plate: str, masked: str) -> None:
    assert masked_plate(plate) == masked


@given(st.text("0123456789", max_size=2))
def test_short_documents_are_all_stars(number: str) -> None:
    assert masked_document(number) == "*" * len(number)
