"""The code's format, against golden samples, another JOSE library and mutations."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as other_library
from joserfc.jwk import ECKey

from app.services.codes.format import (
    CODE_TYPE,
    Cause,
    Code,
    Timing,
    UnreadableCode,
    check_times,
    expand,
    handle,
    is_ours,
    jti,
    pack,
    parse_code_text,
    sign_codes,
    signing_input,
    unpack,
    verify_code,
)
from app.services.tokens import (
    AccessClaims,
    InvalidToken,
    SecretKey,
    encode_segment,
    generate_es256,
    issue_access_token,
    read_access_token,
    secret_key,
    sign_jws,
    verify_jws,
)
from tests.factories.codes import base32, sign_code, symbol_text
from tests.rules.golden_codes import (
    CODE,
    GOLDEN,
    JTI_KEY,
    JWS,
    PREFIX,
    PREFIXES,
    PRIVATE,
    PUBLIC,
    SAMPLES,
    accepted,
    cause_of,
    codes,
    fields,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


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
    slots = [(code.sub, code.iat), (bytes(8), 0)]
    made, other = sign_codes(slots, iss=code.iss, ttl=code.ttl, jti_key=JTI_KEY, key=key)
    signed = unpack(made.packed)
    assert accepted(made.symbol_text(PREFIX)) == accepted(made.jws) == signed
    assert accepted(other.jws) == unpack(other.packed)
    assert verify_jws(made.jws, key.verifying, "ES256", typ=CODE_TYPE)
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


@pytest.mark.parametrize(
    ("slot", "changed"),
    [
        ((bytes(7), 1), {}),
        ((bytes(8), -1), {}),
        ((bytes(8), 1 << 32), {}),
        ((bytes(8), 1), {"ttl": 256}),
        ((bytes(8), 1), {"iss": "50000"}),
    ],
)
def test_nothing_is_signed_that_does_not_fit(slot: tuple[bytes, int], changed: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"iss": "5000", "ttl": 12} | changed
    with pytest.raises(ValueError, match="does not fit"):
        sign_codes([slot], jti_key=JTI_KEY, key=PRIVATE["07"], **fields)
