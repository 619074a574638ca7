"""What scanners send: taken in every spelling of a code, refused for its cause in all others."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.codes.format import LONGEST_TEXT, Cause, pack, parse_code_text
from app.services.tokens import encode_segment
from tests.mutations import misspelt
from tests.rules.golden_codes import CODE, JWS, PREFIX, PREFIXES, SAMPLE, TEXT, accepted, cause_of


def test_no_mutation_of_a_code_is_accepted() -> None:
    chance = random.Random(1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcxyz0189-_.=+/:\x00 \u00e9\ufeff"
    wrong = []
    for number in range(10_000):
        whole = (TEXT, SAMPLE["symbol_text"], JWS)[number % 3]
        mutant = misspelt(whole, alphabet, chance)
        if accepted(mutant) not in (None, CODE):
            wrong.append(mutant)
    assert wrong == []


@given(st.text() | st.from_regex(r"[A-Za-z2-7]{135,145}|[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
def test_arbitrary_text_is_only_ever_unreadable(text: str) -> None:
    code = accepted(text)
    assert code is None


@pytest.mark.parametrize(
    "spelling",
    [
        TEXT.lower(),
        TEXT.swapcase(),
        PREFIX + TEXT,
        PREFIX.upper() + TEXT,
        PREFIX + TEXT.lower(),
        "HTTPS://HX.Example.CN/c/" + TEXT,
        PREFIXES[0] + TEXT,
        PREFIX + JWS,
        JWS,
        f"  {TEXT}\r\n",
        f"\t{JWS}\n",
        f"]Q1{PREFIX}{TEXT}",
        f"]Q3{TEXT}\r",
        f"\ufeff]Q1{TEXT}",
        f"]Q1\x1d{TEXT}\x04",
        f"{TEXT}\x00",
        f"{TEXT}\x00\x00\r\n\x00",
        f"\u200b{TEXT}\u200d\ufeff",
        f"\u3000{TEXT}\u00a0",
        f'"{PREFIX}{TEXT}"',
        f"'{TEXT}'",
        f"\u201c{TEXT}\u201d",
        f"<{PREFIX}{TEXT}>",
    ],
)
def test_a_code_is_read_in_whatever_way_a_scanner_sends_it(spelling: str) -> None:
    assert parse_code_text(spelling, PREFIXES) == CODE


def with_byte(place: int, value: int) -> str:
    packed = bytearray(pack(CODE))
    packed[place] = value
    bits = int.from_bytes(packed, "big") << 4
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "".join(alphabet[bits >> 5 * (139 - index) & 31] for index in range(140))


def respelt(header: str | None = None, payload: Callable[[str], str] = str) -> str:
    """The JWS of CODE with another header or payload, in canonical base64url."""
    claims = (
        f'{{"exp":{CODE.exp},"iat":{CODE.iat},"iss":"5000","jti":"{encode_segment(CODE.jti)}","sub":"%s"}}'
    )
    parts = (
        header or '{"alg":"ES256","kid":"07","typ":"hx+jwt"}',
        payload(claims % encode_segment(CODE.sub)),
    )
    return ".".join([*(encode_segment(part.encode()) for part in parts), encode_segment(CODE.signature)])


def test_the_respelling_helper_changes_nothing_by_itself() -> None:
    assert respelt() == JWS
    assert with_byte(0, 0x11) == TEXT


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", Cause.EMPTY),
        (" \r\n\x00\ufeff", Cause.EMPTY),
        ("]Q1", Cause.EMPTY),
        (PREFIX, Cause.EMPTY),
        ("A" * LONGEST_TEXT, Cause.LENGTH),
        ("A" * (LONGEST_TEXT + 1), Cause.TOO_LONG),
        (" " * 1100 + TEXT, Cause.TOO_LONG),
        ("\u60e0" * 342, Cause.TOO_LONG),
        ("\ud800" * 400, Cause.TOO_LONG),
        ("\ud800", Cause.ALPHABET),
        ("\u60e0\u4fe1\u7801", Cause.ALPHABET),
        ("https://pay.example.com/f2f1" + TEXT, Cause.FOREIGN_LINK),
        ("wxp://f2f0" + TEXT, Cause.FOREIGN_LINK),
        (TEXT[:-1], Cause.LENGTH),
        (TEXT + "A", Cause.LENGTH),
        (TEXT + TEXT, Cause.LENGTH),
        ("0" + TEXT[1:], Cause.ALPHABET),
        (TEXT + "====", Cause.ALPHABET),
        (TEXT[:70] + "\n" + TEXT[70:], Cause.ALPHABET),
        (TEXT[:70] + "_" + TEXT[71:], Cause.ALPHABET),
        ("\u017f" + TEXT[1:], Cause.ALPHABET),
        ("\u0131" + TEXT[1:], Cause.ALPHABET),
        (PREFIX.replace("/hx", "/h\u212a") + TEXT, Cause.ALPHABET),
        (TEXT[:-1] + "B", Cause.SPARE_BITS),
        (TEXT[:-1] + chr(ord(TEXT[-1]) + 8), Cause.SPARE_BITS),
        (with_byte(0, 0x01), Cause.VERSION),
        (with_byte(0, 0x21), Cause.VERSION),
        (with_byte(0, 0x10), Cause.ALGORITHM),
        (with_byte(0, 0x12), Cause.ALGORITHM),
        (with_byte(1, 0x5A), Cause.ISSUER),
        (with_byte(2, 0xF0), Cause.ISSUER),
        (JWS + "=", Cause.ALPHABET),
        (JWS + ".", Cause.LENGTH),
        (JWS.rpartition(".")[0], Cause.LENGTH),
        (JWS[:-2], Cause.LENGTH),
        (JWS[:-1] + "B", Cause.NOT_CANONICAL),
        ("..", Cause.NOT_CANONICAL),
        (respelt('{"alg": "ES256","kid":"07","typ":"hx+jwt"}'), Cause.NOT_CANONICAL),
        (respelt('{"kid":"07","alg":"ES256","typ":"hx+jwt"}'), Cause.NOT_CANONICAL),
        (respelt('{"alg":"ES256","kid":"07","typ":"JWT"}'), Cause.NOT_CANONICAL),
        (respelt('{"alg":"ES256","kid":"0A","typ":"hx+jwt"}'), Cause.NOT_CANONICAL),
        (respelt('{"alg":"none","kid":"07","typ":"hx+jwt"}'), Cause.NOT_CANONICAL),
        (respelt('{"alg":"ES256","kid":"07","typ":"hx+jwt"}\n'), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims + "\n"), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims.replace(":1", ":01")), Cause.NOT_CANONICAL),
        (
            respelt(payload=lambda claims: claims.replace(str(CODE.exp), str(CODE.exp + 1))),
            Cause.NOT_CANONICAL,
        ),
        (
            respelt(payload=lambda claims: claims.replace(str(CODE.exp), str(CODE.iat - 5))),
            Cause.NOT_CANONICAL,
        ),
        (respelt(payload=lambda claims: claims.replace(str(CODE.exp), "9999999999")), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims.replace(str(CODE.iat), "9999999999")), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims.replace('"5000"', '"500\u0660"')), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims[:-2] + 'B"}'), Cause.NOT_CANONICAL),
        (respelt(payload=lambda claims: claims[:-1] + ',"x":1}'), Cause.NOT_CANONICAL),
    ],
)
def test_what_is_no_code_is_refused_for_its_cause(text: str, cause: Cause) -> None:
    assert cause_of(text) is cause


def test_a_bare_code_needs_no_prefix_and_an_empty_prefix_matches_nothing() -> None:
    assert parse_code_text(TEXT, []) == CODE
    assert parse_code_text(TEXT, [""]) == CODE
