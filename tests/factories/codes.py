"""Codes signed past the application: by another city, by who stole a key, by who cannot wait for slots."""

from app.services.codes.base32 import to_base32
from app.services.codes.format import Code, pack, sign_codes, unpack
from app.services.tokens import SigningKey


def sign_code(*, iss: str, sub: bytes, iat: int, ttl: int, jti_key: bytes, key: SigningKey) -> Code:
    """A fresh code under `key`; `ttl` counts units of 5 s."""
    (signed,) = sign_codes([(sub, iat)], iss=iss, ttl=ttl, jti_key=jti_key, key=key)
    return unpack(signed.packed)


def base32(code: Code) -> str:
    """The 140 characters of the symbol's second segment."""
    return to_base32(pack(code))


def symbol_text(code: Code, prefix: str) -> str:
    """What the symbol says."""
    return prefix + base32(code)
