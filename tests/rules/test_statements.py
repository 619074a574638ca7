"""Statements hold by the keys of the secrets file, by another JOSE library, and as nothing else."""

import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as other_library
from joserfc.jwk import ECKey, KeySet

from app.api.openapi_words import WORDS
from app.models.scans import Direction, Outcome, Verdict
from app.services.codes.format import CODE_TYPE, UnreadableCode, expand, parse_code_text
from app.services.scans.receipts import Receipt, ReceiptedEntry
from app.services.statements import LONGEST_STATEMENT, ORDER, StatementKeys, StatementType, derive_key
from app.services.tokens import (
    ACCESS_TYPE,
    MAX_TOKEN,
    AccessClaims,
    InvalidToken,
    SecretKey,
    SigningKey,
    canonical_json,
    encode_header,
    encode_segment,
    issue_access_token,
    read_access_token,
    secret_key,
    sign,
    sign_jws,
    to_jwk,
    to_pem,
    verify_jws,
)
from tests.factories.codes import sign_code

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_receipts.json").read_bytes())
SAMPLES: list[dict[str, Any]] = GOLDEN["samples"]
SECRETS = {key["kid"]: bytes.fromhex(key["secret"]) for key in GOLDEN["keys"]}
KEYS = StatementKeys(tuple(derive_key(kid, secret) for kid, secret in SECRETS.items()))
LAST = KEYS.keys[-1]
CLAIMS: dict[str, Any] = SAMPLES[0]["claims"]
NOW = datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
TYPES: tuple[StatementType, ...] = get_args(StatementType)
RECEIPT, BUNDLE = TYPES


def receipt_of(claims: dict[str, Any]) -> Receipt:
    entry = claims["entry"]
    return Receipt(
        iss=claims["iss"],
        iat=claims["iat"],
        jti=UUID(claims["jti"]),
        aud=claims["aud"],
        sub=claims["sub"],
        entry=ReceiptedEntry(
            id=UUID(entry["id"]),
            at=datetime.fromisoformat(entry["at"]),
            direction=Direction(entry["direction"]),
            compound=entry["compound"],
            gate=entry["gate"],
            verdict=Verdict(entry["verdict"]),
            outcome=Outcome(entry["outcome"]) if entry["outcome"] else None,
            offline=entry["offline"],
            doubtful=entry["doubtful"],
        ),
    )


def sealed(header: bytes, payload: bytes, key: SigningKey = LAST) -> str:
    """A JWS with a right signature under whatever header."""
    signing_input = f"{encode_segment(header)}.{encode_segment(payload)}"
    return f"{signing_input}.{encode_segment(sign(signing_input.encode('ascii'), key))}"


def as_code_key() -> SigningKey:
    """A statement key under a kid that a code can name, as if somebody had mixed them up."""
    return derive_key("07", SECRETS["s2"])


def access_claims() -> AccessClaims:
    seconds = int(NOW.timestamp())
    return AccessClaims(iss="5000", sub="a", sid="b", kind="staff", iat=seconds, exp=seconds + 600)


def members(claims: AccessClaims) -> dict[str, Any]:
    return {name: getattr(claims, name) for name in ("iss", "sub", "sid", "kind", "iat", "exp")}


def hkdf(secret: bytes) -> bytes:
    """RFC 5869 by its own words: extract without salt, expand to two blocks, 48 bytes of them."""
    pseudo_random = hmac.digest(bytes(32), secret, "sha256")
    info = b"huixin statement key: P-256"
    first = hmac.digest(pseudo_random, info + b"\x01", "sha256")
    return (first + hmac.digest(pseudo_random, first + info + b"\x02", "sha256"))[:48]


@pytest.mark.parametrize("golden", GOLDEN["keys"], ids=lambda golden: golden["kid"])
def test_golden_keys_are_derived_as_documented(golden: dict[str, Any]) -> None:
    secret = bytes.fromhex(golden["secret"])
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    scalar = int.from_bytes(hkdf(secret), "big") % (order - 1) + 1
    assert f"{scalar:064x}" == golden["private_scalar"]
    ours = derive_key(golden["kid"], secret)
    assert to_jwk(ours.verifying) == golden["public_jwk"]
    theirs = ECKey.import_key(to_pem(ours).decode()).as_dict(private=True)
    assert theirs["d"] == encode_segment(scalar.to_bytes(32, "big"))


@given(st.binary(min_size=32, max_size=32))
def test_any_secret_gives_one_key_of_the_curve(secret: bytes) -> None:
    theirs = ECKey.import_key(to_pem(derive_key("s1", secret)).decode()).as_dict(private=True)
    scalar = int.from_bytes(hkdf(secret), "big") % (ORDER - 1) + 1
    assert 0 < scalar < ORDER
    assert theirs["d"] == encode_segment(scalar.to_bytes(32, "big"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_golden_receipts_hold_in_every_direction(sample: dict[str, Any]) -> None:
    claims = receipt_of(sample["claims"]).claims()
    assert claims == sample["claims"]
    assert canonical_json(claims).decode() == sample["payload"]
    only = StatementKeys(tuple(key for key in KEYS.keys if key.kid == sample["kid"]))
    assert only.sign(RECEIPT, claims).rpartition(".")[0] == sample["signing_input"]
    assert KEYS.read(RECEIPT, sample["jws"]) == sample["claims"]
    assert sample["jws"].rpartition(".")[0] == sample["signing_input"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_another_library_verifies_golden_receipts(sample: dict[str, Any]) -> None:
    published = KeySet.import_key_set({"keys": [key["public_jwk"] for key in GOLDEN["keys"]]})
    theirs = other_library.deserialize_compact(sample["jws"], published, algorithms=["ES256"])
    assert theirs.headers() == {"alg": "ES256", "kid": sample["kid"], "typ": RECEIPT}
    assert theirs.payload == sample["payload"].encode()


def test_the_documentation_shows_a_golden_receipt_and_its_key() -> None:
    assert WORDS["receipt"] == SAMPLES[0]["jws"]
    assert WORDS["StatementKeySet.keys"] == [GOLDEN["keys"][0]["public_jwk"]]


def test_the_last_key_signs_and_all_are_published_and_verify() -> None:
    assert [key["kid"] for key in KEYS.key_set()["keys"]] == ["s1", "s2"]
    assert all("d" not in key for key in KEYS.key_set()["keys"])
    statement = KEYS.sign(BUNDLE, CLAIMS)
    assert statement.partition(".")[0] == encode_header("ES256", "s2", BUNDLE)
    assert KEYS.read(BUNDLE, statement) == CLAIMS
    older, newer = [StatementKeys((key,)) for key in KEYS.keys]
    assert KEYS.read(BUNDLE, older.sign(BUNDLE, CLAIMS)) == CLAIMS
    with pytest.raises(InvalidToken):
        older.read(BUNDLE, newer.sign(BUNDLE, CLAIMS))


def test_a_statement_may_be_long_and_a_token_may_not() -> None:
    claims = {"list": "x" * MAX_TOKEN}
    statement = KEYS.sign(BUNDLE, claims)
    assert KEYS.read(BUNDLE, statement) == claims
    with pytest.raises(InvalidToken):
        verify_jws(statement, LAST.verifying, "ES256")
    with pytest.raises(InvalidToken):
        KEYS.read(BUNDLE, KEYS.sign(BUNDLE, {"list": "x" * LONGEST_STATEMENT}))


@pytest.mark.parametrize("typ", [BUNDLE, CODE_TYPE, ACCESS_TYPE, "JWT", "", "HX-RECEIPT+JWT"])
def test_no_other_type_passes_for_a_receipt_though_its_signature_is_right(typ: str) -> None:
    other = sign_jws(canonical_json(CLAIMS), LAST, typ=typ)
    assert verify_jws(other, LAST.verifying, "ES256") == canonical_json(CLAIMS)
    with pytest.raises(InvalidToken):
        KEYS.read(RECEIPT, other)


def test_codes_and_sign_in_tokens_are_no_statements_whatever_their_key() -> None:
    code = expand(sign_code(iss="5000", sub=bytes(8), iat=1, ttl=12, jti_key=bytes(32), key=as_code_key()))
    token = issue_access_token(access_claims(), secret_key("s2", SECRETS["s2"]))
    for typ in TYPES:
        for other in (code, token):
            with pytest.raises(InvalidToken):
                KEYS.read(typ, other)


def test_statements_are_no_codes_and_no_sign_in_tokens_whatever_their_key() -> None:
    for typ in TYPES:
        for claims in (CLAIMS, members(access_claims())):
            statement = sign_jws(canonical_json(claims), as_code_key(), typ=typ)
            with pytest.raises(UnreadableCode):
                parse_code_text(statement, ["https://hx.example.cn/c/"])
            with pytest.raises(UnreadableCode):
                parse_code_text(f"https://hx.example.cn/c/{statement}", ["https://hx.example.cn/c/"])
            key = secret_key("s2", SECRETS["s2"])
            for stated in (KEYS.sign(typ, claims), sign_jws(canonical_json(claims), key, typ=typ)):
                with pytest.raises(InvalidToken):
                    read_access_token(stated, [key], issuer="5000", now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b'{"alg":"ES256","kid":"s2"}',
        b'{"kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","typ":"hx-receipt+jwt"}',
        b'{"alg":"none","kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"es256","kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"HS256","kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","kid":"s1","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","kid":"s9","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","kid":["s2"],"typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","kid":"s2","typ":"hx-receipt+jwt" }',
        b'{"typ":"hx-receipt+jwt","alg":"ES256","kid":"s2"}',
        b'{"alg":"ES256","kid":"s2","kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","crit":["exp"],"kid":"s2","typ":"hx-receipt+jwt"}',
        b'{"alg":"ES256","b64":false,"kid":"s2","typ":"hx-receipt+jwt"}',
        b"\xff\xfe",
        b"[" * 3000,
    ],
)
def test_a_header_out_of_the_ordinary_is_refused_though_its_signature_is_right(header: bytes) -> None:
    with pytest.raises(InvalidToken):
        KEYS.read(RECEIPT, sealed(header, canonical_json(CLAIMS)))


def test_a_public_key_is_no_hmac_secret() -> None:
    for secret in (LAST.verifying.jose.to_pem(), json.dumps(to_jwk(LAST.verifying)).encode()):
        forged: SecretKey = secret_key("s2", secret)
        with pytest.raises(InvalidToken):
            KEYS.read(RECEIPT, sign_jws(canonical_json(CLAIMS), forged, typ=RECEIPT))


@given(st.data())
def test_no_changed_statement_is_accepted(data: st.DataObject) -> None:
    statement: str = SAMPLES[0]["jws"]
    place = data.draw(st.integers(0, len(statement) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=+/ \n\x00é\ud800"))
    changed = data.draw(
        st.sampled_from(
            [
                statement[:place] + letter + statement[place + 1 :],
                statement[:place] + letter + statement[place:],
                statement[:place] + statement[place + 1 :],
                statement[:place],
            ]
        )
    )
    if changed != statement:
        with pytest.raises(InvalidToken):
            KEYS.read(RECEIPT, changed)
