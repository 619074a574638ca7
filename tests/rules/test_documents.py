"""Document numbers: every possible one is taken in every spelling, every slip of one character refused."""

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.models.couriers import DocumentType
from app.services.couriers.documents import (
    EARLIEST_BIRTH,
    FAULT_TEXTS,
    MAINLAND_PROVINCES,
    MINIMUM_AGE,
    PERMIT_REGIONS,
    DocumentFault,
    InvalidDocument,
    Sex,
    UnderAge,
    age_on,
    mod_11_2,
    normalise_document,
    require_age,
)

TODAY = date(2026, 11, 22)
LIFETIMES = st.dates(EARLIEST_BIRTH, TODAY)
ORDER_NUMBERS = st.integers(1, 999)
FULL_WIDTH = {ord(char): chr(ord(char) + 0xFEE0) for char in "0123456789Xx"}


def numbered(region: str, birth: date, order: int) -> str:
    body = f"{region}{birth:%Y%m%d}{order:03}"
    return body + mod_11_2(body)


CITIZEN_NUMBERS = st.builds(
    numbered,
    st.builds("{}9999".format, st.sampled_from(sorted(MAINLAND_PROVINCES))),
    LIFETIMES,
    ORDER_NUMBERS,
)
PERMIT_NUMBERS = st.builds(
    numbered, st.builds("{}0000".format, st.sampled_from(sorted(PERMIT_REGIONS))), LIFETIMES, ORDER_NUMBERS
)
CARD_NUMBERS = st.builds(
    numbered,
    st.builds("9{}{:03}".format, st.sampled_from(sorted(MAINLAND_PROVINCES)), st.integers(1, 999)),
    LIFETIMES,
    ORDER_NUMBERS,
)


def fault(type_: DocumentType, number: str) -> DocumentFault:
    with pytest.raises(InvalidDocument) as refusal:
        normalise_document(type_, number, today=TODAY)
    assert set(refusal.value.extensions) == {"cause"}
    return refusal.value.cause


def test_check_character_of_the_standards_own_example() -> None:
    """The value that GB 11643-1999 works out in annex A."""
    assert mod_11_2("11010519491231002") == "X"


@given(CITIZEN_NUMBERS)
def test_every_possible_resident_id_is_taken(number: str) -> None:
    document = normalise_document(DocumentType.resident_id, number, today=TODAY)
    assert document.number == number
    assert document.type is DocumentType.resident_id
    assert f"{document.birth_date:%Y%m%d}" == number[6:14]
    assert document.sex is (Sex.MALE if number[16] in "13579" else Sex.FEMALE)


@given(
    st.one_of(
        st.tuples(st.just(DocumentType.resident_id), CITIZEN_NUMBERS),
        st.tuples(st.just(DocumentType.residence_permit), PERMIT_NUMBERS),
        st.tuples(st.just(DocumentType.foreign_permanent_resident_card), CARD_NUMBERS),
    ),
    st.integers(0, 17),
    st.sampled_from("0123456789X"),
)
def test_every_substitution_of_one_character_is_refused(
    typed: tuple[DocumentType, str], place: int, char: str
) -> None:
    type_, number = typed
    assume(number[place] != char)
    fault(type_, number[:place] + char + number[place + 1 :])


@given(CITIZEN_NUMBERS, st.integers(0, 16))
def test_swapped_neighbours_are_refused(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assume(swapped != number)
    fault(DocumentType.resident_id, swapped)


@given(CITIZEN_NUMBERS, st.lists(st.tuples(st.integers(0, 18), st.sampled_from(" -\u3000\u00a0\u200b－—"))))
def test_spellings_of_one_number_are_one_document(number: str, gaps: list[tuple[int, str]]) -> None:
    plain = normalise_document(DocumentType.resident_id, number, today=TODAY)
    typed = number.lower().translate(FULL_WIDTH)
    for place, gap in gaps:
        typed = typed[:place] + gap + typed[place:]
    assert normalise_document(DocumentType.resident_id, typed, today=TODAY) == plain


@given(PERMIT_NUMBERS, st.sampled_from([DocumentType.resident_id, DocumentType.residence_permit]))
def test_a_residence_permit_is_one_document_under_either_type(number: str, type_: DocumentType) -> None:
    assert normalise_document(type_, number, today=TODAY).type is DocumentType.residence_permit


@given(CARD_NUMBERS)
def test_every_new_permanent_resident_card_is_taken(number: str) -> None:
    document = normalise_document(DocumentType.foreign_permanent_resident_card, number, today=TODAY)
    assert (document.number, f"{document.birth_date:%Y%m%d}") == (number, number[6:14])


@pytest.mark.parametrize(
    ("number", "birth"),
    [
        ("XXA509985010112", date(1985, 1, 1)),
        ("xxa 5099 050228 1 1", date(2005, 2, 28)),
        ("ＸＸＡ５０９９０５０２２８１１", date(2005, 2, 28)),
        ("XXA509926112211", date(2026, 11, 22)),
        ("XXA509926112311", date(1926, 11, 23)),
    ],
)
def test_old_permanent_resident_cards_are_taken(number: str, birth: date) -> None:
    document = normalise_document(DocumentType.foreign_permanent_resident_card, number, today=TODAY)
    assert document.birth_date == birth


@pytest.mark.parametrize(
    ("type_", "number", "canonical"),
    [
        (DocumentType.hk_macao_permit, "H00000001", "H00000001"),
        (DocumentType.hk_macao_permit, "m 0000 0001", "M00000001"),
        (DocumentType.hk_macao_permit, "H0000000102", "H00000001"),
        (DocumentType.hk_macao_permit, "Ｈ０００００００１", "H00000001"),
        (DocumentType.taiwan_permit, "00000001", "00000001"),
        (DocumentType.taiwan_permit, "0000000102", "00000001"),
        (DocumentType.taiwan_permit, "0000000102(D)", "00000001"),
        (DocumentType.taiwan_permit, "0000000102（b）", "00000001"),
        (DocumentType.taiwan_permit, "0000000102B", "00000001"),
    ],
)
def test_permits_keep_the_part_that_is_for_life(type_: DocumentType, number: str, canonical: str) -> None:
    document = normalise_document(type_, number, today=TODAY)
    assert (document.type, document.number, document.birth_date) == (type_, canonical, None)


def valid_but(birth: str, region: str = "509999") -> str:
    body = f"{region}{birth}001"
    return body + mod_11_2(body)


@pytest.mark.parametrize(
    ("type_", "number", "expected"),
    [
        (DocumentType.resident_id, "", DocumentFault.LENGTH),
        (DocumentType.resident_id, "509999900101001", DocumentFault.LENGTH),
        (DocumentType.resident_id, " " * 64 + valid_but("19900101"), DocumentFault.LENGTH),
        (DocumentType.resident_id, "A" * 18, DocumentFault.ALPHABET),
        (DocumentType.resident_id, "5099991990010100\u0661" + "1", DocumentFault.ALPHABET),
        (DocumentType.resident_id, "50999919900101X011", DocumentFault.ALPHABET),
        (DocumentType.resident_id, valid_but("19900101", "169999"), DocumentFault.PROVINCE),
        (DocumentType.resident_id, valid_but("19900101", "009999"), DocumentFault.PROVINCE),
        (DocumentType.resident_id, valid_but("19900101", "950840"), DocumentFault.PROVINCE),
        (DocumentType.residence_permit, valid_but("19900101"), DocumentFault.PROVINCE),
        (DocumentType.resident_id, valid_but("19900229"), DocumentFault.DATE),
        (DocumentType.resident_id, valid_but("19901301"), DocumentFault.DATE),
        (DocumentType.resident_id, valid_but("18991231"), DocumentFault.DATE),
        (DocumentType.resident_id, valid_but("20261123"), DocumentFault.DATE),
        (DocumentType.resident_id, valid_but("00000000"), DocumentFault.DATE),
        (DocumentType.hk_macao_permit, "H0000000", DocumentFault.LENGTH),
        (DocumentType.hk_macao_permit, "H000000010", DocumentFault.LENGTH),
        (DocumentType.hk_macao_permit, "C00000001", DocumentFault.ALPHABET),
        (DocumentType.hk_macao_permit, "HA0000001", DocumentFault.ALPHABET),
        (DocumentType.taiwan_permit, "0000001", DocumentFault.LENGTH),
        (DocumentType.taiwan_permit, "A0000001", DocumentFault.ALPHABET),
        (DocumentType.taiwan_permit, "0000000102)D(", DocumentFault.ALPHABET),
        (DocumentType.foreign_permanent_resident_card, "XXA5099850101", DocumentFault.LENGTH),
        (DocumentType.foreign_permanent_resident_card, "XX1509985010112", DocumentFault.ALPHABET),
        (DocumentType.foreign_permanent_resident_card, "CHN509985010112", DocumentFault.NATIONALITY),
        (DocumentType.foreign_permanent_resident_card, "XXA009985010112", DocumentFault.PROVINCE),
        (DocumentType.foreign_permanent_resident_card, "XXA509985023012", DocumentFault.DATE),
        (DocumentType.foreign_permanent_resident_card, valid_but("19900101"), DocumentFault.PROVINCE),
        (
            DocumentType.foreign_permanent_resident_card,
            valid_but("19900101", "950000"),
            DocumentFault.NATIONALITY,
        ),
    ],
)
def test_the_first_broken_rule_is_named(type_: DocumentType, number: str, expected: DocumentFault) -> None:
    assert fault(type_, number) is expected


@given(st.sampled_from(DocumentType), st.text())
def test_any_text_is_a_document_or_refused(type_: DocumentType, number: str) -> None:
    try:
        document = normalise_document(type_, number, today=TODAY)
    except InvalidDocument:
        return
    assert normalise_document(document.type, document.number, today=TODAY) == document


def test_nothing_printed_shows_the_number() -> None:
    number = valid_but("19900101")
    document = normalise_document(DocumentType.resident_id, number, today=TODAY)
    assert number not in repr(document)
    assert "1990" not in repr(document)


@pytest.mark.parametrize("cause", DocumentFault)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_has_words(cause: DocumentFault, language: str) -> None:
    refusal = InvalidDocument(cause)
    said = refusal.message.render(language, **refusal.params)
    assert (FAULT_TEXTS[cause].en if language == "en" else FAULT_TEXTS[cause].zh) in said


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(2010, 11, 22), date(2026, 11, 22), 16),
        (date(2010, 11, 23), date(2026, 11, 22), 15),
        (date(2008, 2, 29), date(2024, 2, 28), 15),
        (date(2008, 2, 29), date(2024, 2, 29), 16),
        (date(2008, 2, 29), date(2025, 2, 28), 16),
        (date(2008, 2, 29), date(2025, 3, 1), 17),
        (date(2026, 11, 22), date(2026, 11, 22), 0),
    ],
)
def test_age_in_full_years(birth: date, day: date, age: int) -> None:
    assert age_on(birth, day) == age


@given(st.dates(EARLIEST_BIRTH, date(2100, 1, 1)), st.integers(0, 40_000))
def test_a_person_grows_by_at_most_a_year_a_day(birth: date, days: int) -> None:
    day = birth + timedelta(days)
    assert age_on(birth, day + timedelta(1)) - age_on(birth, day) in {0, 1}


def test_the_sixteenth_birthday_is_the_first_day_allowed() -> None:
    require_age(date(2010, 11, 22), TODAY)
    with pytest.raises(UnderAge) as refusal:
        require_age(date(2010, 11, 23), TODAY)
    assert MINIMUM_AGE == 16
    for language in ("zh", "en"):
        assert all(line in refusal.value.message.render(language) for line in ("12355", "12351", "12345"))
