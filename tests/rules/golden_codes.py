"""Codes that are known to the last bit, and what tests of codes need to tell one from another."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from app.services.codes.format import Cause, Code, UnreadableCode, expand, parse_code_text, verify_code
from app.services.tokens import from_jwk, from_pem
from tests.factories.codes import base32

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_codes.json").read_bytes())
SAMPLES: list[dict[str, Any]] = GOLDEN["samples"]
PREFIX: str = GOLDEN["prefix"]
PREFIXES = ["https://old.example.cn/", PREFIX]
JTI_KEY = bytes.fromhex(GOLDEN["jti_key"])
PUBLIC = {key["kid"]: from_jwk(key["public_jwk"]) for key in GOLDEN["keys"]}
PRIVATE = {key["kid"]: from_pem(key["private_pkcs8_pem"].encode(), key["kid"]) for key in GOLDEN["keys"]}


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
