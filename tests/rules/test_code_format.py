"""The code's format, against golden samples, another JOSE library and mutations."""

import dataclasses
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as other_library
from joserfc.jwk import ECKey

from app.services.codes.format import (
    CODE_TYPE,
    LONGEST_TEXT,
    Cause,
    Code,
    Timing,
    UnreadableCode,
    base32,
    check_times,
    expand,
    handle,
    is_ours,
    jti,
    pack,
    parse_code_text,
    sign_code,
    signing_input,
    symbol_text,
    unpack,
    verify_code,
)
from app.services.tokens import (
    AccessClaims,
    InvalidToken,
    SecretKey,
    encode_segment,
    from_jwk,
    from_pem,
    generate_es256,
    issue_access_token,
    read_access_token,
    secret_key,
    sign_jws,
    verify_jws,
)

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_codes.json").read_bytes())
SAMPLES: list[dict[str, Any]] = GOLDEN["samples"]
PREFIX: str = GOLDEN["prefix"]
PREFIXES = ["https://old.example.cn/", PREFIX]
JTI_KEY = bytes.fromhex(GOLDEN["jti_key"])
PUBLIC = {key["kid"]: from_jwk(key["public_jwk"]) for key in GOLDEN["keys"]}
PRIVATE = {key["kid"]: from_pem(key["private_pkcs8_pem"].encode(), key["kid"]) for key in GOLDEN["keys"]}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def fields(sample: dict[str, Any]) -> Code:
    return Code(
        iss=sample["iss"],
        kid=sample["kid"],
        sub=bytes.fromhex(sample["sub"]),
        iat=sample["iat"],
        ttl=sample["ttl"],
        jti=bytes.fromhex(sample["jti"]),
        signature=bytes.fromhex(sample["signature"]),
    )


SAMPLE = SAMPLES[0]
CODE = fields(SAMPLE)
TEXT = base32(CODE)
JWS = expand(CODE)

codes = st.builds(
    Code,
    iss=st.from_regex(r"[0-9]{4}", fullmatch=True),
    kid=st.from_regex(r"[0-9a-f]{2}", fullmatch=True),
    sub=st.binary(min_size=8, max_size=8),
    iat=st.integers(0, 2**32 - 1),
    ttl=st.integers(0, 255),
    jti=st.binary(min_size=6, max_size=6),
    signature=st.binary(min_size=64, max_size=64),
)


def cause_of(text: str) -> Cause | None:
    try:
        parse_code_text(text, PREFIXES)
    except UnreadableCode as refusal:
        return refusal.cause
    return None


def accepted(text: str) -> Code | None:
    """The code that a gate would take `text` for, if its signature holds under any published key."""
    try:
        code = parse_code_text(text, PREFIXES)
    except UnreadableCode:
        return None
    key = PUBLIC.get(code.kid)
    return code if key and verify_code(code, key) else None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_golden_samples_hold_in_every_direction(sample: dict[str, Any]) -> None:
    code = fields(sample)
    assert code.exp == sample["exp"]
    assert pack(code).hex() == sample["bytes"]
    assert base32(code) == sample["base32"]
    assert symbol_text(code, PREFIX) == sample["symbol_text"]
    assert signing_input(code).decode() == sample["signing_input"]
    assert expand(code) == sample["jws"]
    assert unpack(bytes.fromhex(sample["bytes"])) == code
    for text in (sample["base32"], sample["symbol_text"], sample["jws"]):
        assert parse_code_text(text, PREFIXES) == code
    assert verify_code(code, PUBLIC[code.kid])
    assert is_ours(code, JTI_KEY)
    assert not is_ours(code, bytes(32))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_another_library_verifies_golden_samples(sample: dict[str, Any]) -> None:
    jwk = next(key["public_jwk"] for key in GOLDEN["keys"] if key["kid"] == sample["kid"])
    theirs = other_library.deserialize_compact(sample["jws"], ECKey.import_key(jwk))
    assert theirs.headers() == {"alg": "ES256", "kid": sample["kid"], "typ": CODE_TYPE}
    assert theirs.payload is not None
    assert json.loads(theirs.payload) == {
        "exp": sample["exp"],
        "iat": sample["iat"],
        "iss": sample["iss"],
        "jti": encode_segment(bytes.fromhex(sample["jti"])),
        "sub": encode_segment(bytes.fromhex(sample["sub"])),
    }


def test_golden_handles() -> None:
    for golden in GOLDEN["handles"]:
        made = handle(bytes.fromhex(golden["day_key"]), UUID(golden["courier_id"]))
        assert made.hex() == golden["handle"]


@given(codes)
def test_every_code_survives_every_form(code: Code) -> None:
    assert unpack(pack(code)) == code
    assert len(base32(code)) == 140
    for text in (base32(code), base32(code).lower(), symbol_text(code, PREFIX), expand(code)):
        assert parse_code_text(text, PREFIXES) == code


@given(code=codes, key=st.sampled_from(list(PRIVATE.values())), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_signed_code_verifies_and_one_with_a_flipped_bit_does_not(
    code: Code, key: Any, data: st.DataObject
) -> None:
    signed = sign_code(iss=code.iss, sub=code.sub, iat=code.iat, ttl=code.ttl, jti_key=JTI_KEY, key=key)
    assert accepted(base32(signed)) == signed
    assert verify_jws(expand(signed), key.verifying, "ES256", typ=CODE_TYPE)
    bit = data.draw(st.integers(0, 87 * 8 - 1))
    assert not survives(pack(signed), bit)


def survives(packed: bytes, bit: int) -> bool:
    mutant = (int.from_bytes(packed, "big") ^ 1 << bit).to_bytes(87, "big")
    try:
        code = unpack(mutant)
    except UnreadableCode:
        return False
    return any(verify_code(code, key) for key in PUBLIC.values())


def test_no_single_bit_of_a_code_can_be_flipped() -> None:
    assert [bit for bit in range(87 * 8) if survives(pack(CODE), bit)] == []


def test_no_mutation_of_a_code_is_accepted() -> None:
    chance = random.Random(1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcxyz0189-_.=+/:\x00 \u00e9\ufeff"
    wrong = []
    for number in range(10_000):
        whole = (TEXT, SAMPLE["symbol_text"], JWS)[number % 3]
        letters = list(whole)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(letters))
            match chance.randrange(5):
                case 0:
                    letters[place] = chance.choice(alphabet)
                case 1:
                    del letters[place]
                case 2:
                    letters.insert(place, chance.choice(alphabet))
                case 3:
                    letters[place] = letters[place].swapcase()
                case _:
                    other = chance.randrange(len(letters))
                    letters[place], letters[other] = letters[other], letters[place]
        mutant = "".join(letters)
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


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "500"},
        {"iss": "50a0"},
        {"iss": "50\u06600"},
        {"kid": "7"},
        {"kid": "0A"},
        {"sub": bytes(7)},
        {"iat": -1},
        {"iat": 1 << 32},
        {"ttl": -1},
        {"ttl": 256},
        {"jti": bytes(7)},
        {"signature": bytes(63)},
    ],
)
def test_a_field_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        dataclasses.replace(CODE, **change)


def test_two_signatures_of_one_code_have_one_replay_key() -> None:
    r, s = CODE.signature[:32], int.from_bytes(CODE.signature[32:], "big")
    twin = dataclasses.replace(CODE, signature=r + (P256_ORDER - s).to_bytes(32, "big"))
    again = sign_code(
        iss=CODE.iss, sub=CODE.sub, iat=CODE.iat, ttl=CODE.ttl, jti_key=JTI_KEY, key=PRIVATE[CODE.kid]
    )
    assert verify_code(twin, PUBLIC[CODE.kid])
    assert len({CODE.signature, twin.signature, again.signature}) == 3
    assert {CODE.replay_key, twin.replay_key, again.replay_key} == {CODE.replay_key}


@given(code=codes, other=codes)
def test_different_codes_have_different_replay_keys(code: Code, other: Code) -> None:
    same = (code.iss, code.kid, code.sub, code.jti) == (other.iss, other.kid, other.sub, other.jti)
    assert (code.replay_key == other.replay_key) is same
    assert len(code.replay_key) == 17


@pytest.mark.parametrize(
    "change", [{"iss": "5001"}, {"kid": "08"}, {"sub": bytes(8)}, {"iat": 0}, {"ttl": 13}], ids=str
)
def test_the_jti_depends_on_every_field_that_it_covers(change: dict[str, Any]) -> None:
    covered: dict[str, Any] = {
        "iss": CODE.iss,
        "kid": CODE.kid,
        "sub": CODE.sub,
        "iat": CODE.iat,
        "ttl": CODE.ttl,
    }
    assert jti(JTI_KEY, **covered) == CODE.jti
    assert jti(JTI_KEY, **(covered | change)) != CODE.jti


def test_a_forgery_with_the_signing_key_is_not_ours() -> None:
    forged = sign_code(
        iss=CODE.iss, sub=CODE.sub, iat=CODE.iat, ttl=CODE.ttl, jti_key=bytes(32), key=PRIVATE[CODE.kid]
    )
    assert verify_code(forged, PUBLIC[CODE.kid])
    assert not is_ours(forged, JTI_KEY)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.uuids(), st.uuids())
def test_a_handle_is_stable_within_its_day_and_unlinkable_across(
    day: bytes, next_day: bytes, courier: UUID, other: UUID
) -> None:
    assert len(handle(day, courier)) == 8
    assert (handle(day, courier) == handle(next_day, courier)) is (day == next_day)
    assert (handle(day, courier) == handle(day, other)) is (courier == other)


@pytest.mark.parametrize(
    ("seconds", "timing"),
    [
        (CODE.iat - 5.001, Timing.TOO_EARLY),
        (CODE.iat - 5, Timing.VALID),
        (CODE.iat, Timing.VALID),
        (CODE.exp, Timing.VALID),
        (CODE.exp + 10, Timing.VALID),
        (CODE.exp + 10.001, Timing.EXPIRED),
        (0, Timing.TOO_EARLY),
        (1 << 33, Timing.EXPIRED),
    ],
)
def test_a_code_counts_from_5_s_before_to_10_s_after_its_life(seconds: float, timing: Timing) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert check_times(CODE, moment) is timing


def test_a_code_under_another_key_of_the_same_name_does_not_verify() -> None:
    assert not verify_code(CODE, generate_es256(CODE.kid).verifying)


def test_codes_and_sign_in_tokens_never_pass_for_each_other() -> None:
    secret: SecretKey = secret_key("07", bytes(32))
    claims = AccessClaims(iss="5000", sub="s", sid="s", kind="staff", iat=CODE.iat, exp=CODE.exp)
    access = issue_access_token(claims, secret)
    assert cause_of(access) is Cause.NOT_CANONICAL
    with pytest.raises(InvalidToken):
        read_access_token(JWS, [secret], issuer="5000", now=datetime.fromtimestamp(CODE.iat, UTC))
    with pytest.raises(InvalidToken):
        verify_jws(JWS, PUBLIC["07"], "ES256", typ="hx-at+jwt")
    elsewhere = sign_jws(b"{}", PRIVATE["07"], typ="hx-at+jwt")
    assert cause_of(elsewhere) is Cause.NOT_CANONICAL
