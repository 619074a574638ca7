"""What substitutes for a code: how it is read, how wrong tries add up, and what it is worth at a gate."""

import zlib
from base64 import b32encode
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.couriers import CourierState
from app.models.scans import Verdict
from app.services.codes import format as code_format
from app.services.codes.format import Cause, UnreadableCode
from app.services.codes.reading import ReadPrintedCard, ReadSpokenCode
from app.services.codes.substitutes import (
    PRINTED_LENGTH,
    SECRET_BYTES,
    printed_secret,
    printed_text,
    spoken_digits,
)
from app.services.scans.reasons import Reason
from app.services.scans.rules import CodeFacts, CourierFacts, Decision, decide
from app.services.scans.tries import after_wrong, is_locked
from tests.conftest import NOON

PREFIX = "https://hx.example.cn/c/"

TYPED = [
    "123456",
    " 123456\r\n",
    "123 456",
    "12-34-56",
    "１２３４５６",
    "１２３　４５６",
    "123–456",
    "1 2 3 4 5 6",
    "「123456」",
    "]Q1123456",
]


@pytest.mark.parametrize("text", TYPED)
def test_digits_are_read_however_people_type_them(text: str) -> None:
    assert spoken_digits(text) == "123456"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "12.34.56",
        "123456/",
        "١٢٣٤٥٦",
        "१२३४५६",
        "①②③④⑤⑥",
        "¹²³⁴⁵⁶",
        "+123456",
        PREFIX + "123456",
        "1" + " " * 30 + "23456",
        "\ud800123456",
    ],
)
def test_anything_else_is_no_spoken_code(text: str) -> None:
    assert spoken_digits(text) is None


@given(st.text())
def test_only_six_digits_ever_come_out(text: str) -> None:
    digits = spoken_digits(text)
    assert digits is None or (len(digits) == 6 and digits.isascii() and digits.isdecimal())


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_printed_card_reads_as_it_was_written_and_never_as_a_code(secret: bytes) -> None:
    text = printed_text(secret)
    assert len(text) == PRINTED_LENGTH
    assert printed_secret(text) == printed_secret(text.lower()) == secret
    assert code_format.body_of(PREFIX + text, [PREFIX]) == text
    with pytest.raises(UnreadableCode):
        code_format.parse_code_text(PREFIX + text, [PREFIX])


@given(
    st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
    st.integers(1, PRINTED_LENGTH - 1),
    st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
)
def test_one_mistyped_character_is_told_from_a_card_that_was_made_up(
    secret: bytes, place: int, letter: str
) -> None:
    text = printed_text(secret)
    wrong = text[:place] + letter + text[place + 1 :]
    if wrong == text:
        return
    with pytest.raises(UnreadableCode) as caught:
        printed_secret(wrong)
    assert caught.value.cause is Cause.CHECKSUM


@pytest.mark.parametrize(
    "text", ["P", "P" + "A" * 31, "P" + "A" * 33, "Q" + "A" * 32, "P" + "1" * 32, "P" * 140]
)
def test_what_looks_otherwise_is_no_card(text: str) -> None:
    assert printed_secret(text) is None


def test_the_check_is_crc_32_so_that_others_can_compute_it() -> None:
    secret = bytes(range(16))
    assert zlib.crc32(b"123456789") == 0xCBF43926  # the check value of the standard
    packed = secret + zlib.crc32(secret).to_bytes(4, "big")
    assert printed_text(secret) == "P" + b32encode(packed).decode() == "PAAAQEAYEAUDAOCAJBIFQYDIOB7HM5YUI"


def at(*seconds: float) -> tuple[datetime, ...]:
    return tuple(NOON + timedelta(seconds=each) for each in seconds)


@pytest.mark.parametrize(
    ("tries", "asked", "verdict"),
    [
        ([], 0, "open"),
        ([0, 0, 0, 0], 0, "open"),
        ([0, 0, 0, 0, 0], 0, "locked"),
        ([0, 10, 20, 30, 40], 40, "locked"),
        ([0, 10, 20, 30, 40], 99.999, "locked"),
        ([0, 10, 20, 30, 40], 100, "open"),
        ([0, 15, 30, 45, 60], 60, "open"),  # the first is a minute old and counts no more
        ([0, 15, 30, 45, 59.999], 60, "locked"),
        ([0, 15, 30, 45, 60, 61], 61, "locked"),  # any five within a minute, not five of one fixed minute
        ([0, 0, 0, 0, 61], 61, "open"),
        ([0, 0, 0, 0, 0], -1, "locked"),  # another server's clock is a little behind
    ],
)
def test_wrong_tries_add_up_for_a_minute(tries: list[float], asked: float, verdict: str) -> None:
    wrong: tuple[datetime, ...] = ()
    for each in at(*tries):
        wrong = after_wrong(wrong, each)
    assert ("locked" if is_locked(wrong, at(asked)[0]) else "open") == verdict


@given(st.lists(st.integers(0, 300), max_size=60).map(sorted))
def test_never_more_than_five_wrong_tries_are_judged_within_a_minute(seconds: list[int]) -> None:
    wrong: tuple[datetime, ...] = ()
    judged: list[int] = []
    for each in seconds:
        if not is_locked(wrong, at(each)[0]):
            wrong = after_wrong(wrong, at(each)[0])
            judged.append(each)
    assert all(later - first >= 60 for first, later in zip(judged, judged[5:], strict=False))


SPOKEN, PRINTED = ReadSpokenCode("123456", bytes(32)), ReadPrintedCard(bytes(32))
GOOD = CourierFacts(uuid4(), CourierState.verified, handle_counts=True, card_id=None)


def facts(
    courier: CourierFacts | None = GOOD,
    *,
    holds: bool = True,
    locked: bool = False,
    gate_closed: bool = False,
) -> CodeFacts:
    return CodeFacts(
        key_state=None,
        ours=False,
        minted_here=False,
        courier=courier,
        gate_closed=gate_closed,
        holds=holds,
        locked=locked,
    )


def standing(state: CourierState, *, handle_counts: bool = True) -> CourierFacts:
    return CourierFacts(GOOD.courier_id, state, handle_counts, None)


CHECKED = {SPOKEN: Reason.spoken_code, PRINTED: Reason.printed_card}
UNKNOWN = {SPOKEN: Reason.spoken_unknown, PRINTED: Reason.unknown_card}
ENDED = {SPOKEN: Reason.spoken_unknown, PRINTED: Reason.card_ended}


@pytest.mark.parametrize("read", [SPOKEN, PRINTED], ids=["spoken", "printed"])
@pytest.mark.parametrize(
    ("known", "reasons"),
    [
        (facts(), CHECKED),
        (facts(None), UNKNOWN),
        (facts(holds=False), ENDED),
        (facts(standing(CourierState.verified, handle_counts=False)), ENDED),
        (facts(standing(CourierState.pending)), Reason.not_verified),
        (facts(standing(CourierState.suspended)), Reason.suspended),
        (facts(standing(CourierState.left)), Reason.left),
        (facts(standing(CourierState.suspended), holds=False), ENDED),
        (facts(gate_closed=True), Reason.gate_closed),
        (facts(None, gate_closed=True), Reason.gate_closed),
        (facts(locked=True), {SPOKEN: Reason.spoken_locked, PRINTED: Reason.printed_card}),
        (facts(None, locked=True), {SPOKEN: Reason.spoken_locked, PRINTED: Reason.unknown_card}),
    ],
)
def test_a_substitute_is_never_more_than_a_check(
    read: ReadSpokenCode | ReadPrintedCard,
    known: CodeFacts,
    reasons: Reason | dict[ReadSpokenCode | ReadPrintedCard, Reason],
) -> None:
    reason = reasons if isinstance(reasons, Reason) else reasons[read]
    good = reason is CHECKED[read]
    assert decide(read, known, NOON) == Decision(
        Verdict.check if good else Verdict.refuse,
        reason,
        uses_code=good and read is SPOKEN,
        names_courier=good,
    )
