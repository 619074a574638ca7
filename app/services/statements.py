"""Statements: what the server signs about what it knows, for others to keep and to check.

Each is a compact JWS (RFC 7515), ES256, whose `typ` says what it is about. Its keys are neither those of
codes nor those of sign-in tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.services.tokens import (
    InvalidToken,
    SigningKey,
    canonical_json,
    encode_header,
    from_pem,
    sign_jws,
    to_jwk,
    verify_jws,
)
from app.settings import Secrets

StatementType = Literal["hx-receipt+jwt", "hx-bundle+jwt"]
"""`typ` by what a statement is about: a courier's entry, or what a device needs to decide alone."""

LONGEST_STATEMENT: Final = 1 << 20
"""Characters. A receipt has about a thousand, a device's bundle grows with its lists."""

PURPOSE: Final = b"huixin statement key: P-256"
"""`info` of the derivation (RFC 5869): the same secret used elsewhere gives another key."""

WIDE_BYTES: Final = 48
"""128 bits more than the order has, so that reducing them favours no scalar by more than 2^-128."""

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (SEC 2, section 2.4.2)."""


def derive_key(kid: str, secret: bytes) -> SigningKey:
    """The ES256 key pair of a statement secret of 32 bytes.

    The private scalar is HKDF-SHA256 of the secret (RFC 5869; no salt, info `PURPOSE`, 48 bytes), read
    big-endian, modulo the order less one, plus one (FIPS 186-5, A.2.1), so never 0.
    """
    wide = HKDF(SHA256(), WIDE_BYTES, salt=None, info=PURPOSE).derive(secret)
    scalar = int.from_bytes(wide, "big") % (ORDER - 1) + 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    return from_pem(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), kid)


@dataclass(frozen=True, slots=True)
class StatementKeys:
    """The keys that statements of this deployment are signed with, derived once a process."""

    keys: tuple[SigningKey, ...]
    """The last one signs, all verify."""

    @classmethod
    def of(cls, secrets: Secrets) -> Self:
        """The keys of the secrets file, in its order."""
        return cls(
            tuple(
                derive_key(kid, secret.get_secret_value()) for kid, secret in secrets.statement_keys.items()
            )
        )

    def sign(self, typ: StatementType, claims: Mapping[str, object]) -> str:
        """A statement that says `claims`, in canonical JSON: keys sorted, no spaces, ASCII."""
        return sign_jws(canonical_json(claims), self.keys[-1], typ=typ)

    def key_set(self) -> dict[str, Any]:
        """The JWKS (RFC 7517) by which anybody can check our statements."""
        return {"keys": [to_jwk(key.verifying) for key in self.keys]}

    def read(self, typ: StatementType, statement: str) -> dict[str, Any]:
        """What a statement of ours of this `typ` says; whether that still matters is for the caller.

        The header must be, letter for letter, that of one of the keys, which also selects the key.

        Raises:
            InvalidToken: malformed, forged, of another kind, or under a key that is no more.
        """
        head = statement.partition(".")[0]
        key = next((key for key in self.keys if encode_header(key.alg, key.kid, typ) == head), None)
        if key is None:
            raise InvalidToken
        claims: dict[str, Any] = json.loads(
            verify_jws(statement, key.verifying, "ES256", typ=typ, longest=LONGEST_STATEMENT)
        )
        return claims
